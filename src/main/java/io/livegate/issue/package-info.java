/**
 * Issuing, below the edges that do it: {@link io.livegate.issue.TokenService} decides, mints or
 * makes a token and tells of it; {@link io.livegate.issue.RelayTokens} keeps what the relay will
 * want to know of a token, which is redeemed for an {@link io.livegate.issue.Admission} to one
 * session.
 */
@NullMarked
package io.livegate.issue;

import org.jspecify.annotations.NullMarked;
