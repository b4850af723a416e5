/**
 * What happened, told once as a {@link io.livegate.audit.GatewayEvent} and observed twice: as an
 * audit line and as metrics. Events carry plain values, so that everybody can tell them and nobody
 * here needs to know the teller; never a token, a key, a prompt or media.
 *
 * <p>{@link io.livegate.audit.AuditTrail} hands each event to the sinks: standard output, a file, a
 * stream of Redis. Each has a thread and a chain of its own, so that none waits for another and the
 * lines at each prove themselves; {@link io.livegate.audit.VerifyAudit} looks at that proof.
 */
@NullMarked
package io.livegate.audit;

import org.jspecify.annotations.NullMarked;
