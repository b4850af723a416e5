/**
 * Edge: logouts that OpenID providers tell of (OpenID Connect Back-Channel Logout 1.0). {@link
 * io.livegate.logout.BackChannelLogout} takes them, {@link io.livegate.logout.LogoutTokens} judges
 * them, and {@link io.livegate.logout.EndedLogins} refuses access tokens of what was ended.
 */
@NullMarked
package io.livegate.logout;

import org.jspecify.annotations.NullMarked;
