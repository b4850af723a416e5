/**
 * What happened, told once as a {@link io.livegate.audit.GatewayEvent} and observed twice: as an
 * audit line and as metrics. Events carry plain values, so that everybody can tell them and nobody
 * here needs to know the teller; never a token, a key, a prompt or media.
 */
@NullMarked
package io.livegate.audit;

import org.jspecify.annotations.NullMarked;
