/**
 * What clients ask for, in its two JSON forms ({@link io.livegate.request.TokenRequest}, ours, and
 * {@link io.livegate.request.AuthTokenRequest}, Google's), read strictly into a {@link
 * io.livegate.policy.GrantRequest}.
 */
@NullMarked
package io.livegate.request;

import org.jspecify.annotations.NullMarked;
