/**
 * Who is calling: a verified OpenID Connect access token becomes a {@link
 * io.livegate.identity.Subject} once, and no security type of the framework passes beyond this
 * package.
 *
 * <p>{@link io.livegate.identity.Credentials} brings every accepted place of a credential into the
 * {@code Authorization} header before Quarkus authenticates; quarkus-oidc verifies signature,
 * issuer, audience and times; {@link io.livegate.identity.AccessTokens} refuses what is verified
 * but is no access token for us; {@link io.livegate.identity.Subjects} hands out the result.
 */
@NullMarked
package io.livegate.identity;

import org.jspecify.annotations.NullMarked;
