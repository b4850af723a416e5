package io.livegate.identity;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.vertx.http.runtime.security.QuarkusHttpUser;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Map;
import java.util.Optional;

/** Hands out the caller of the current request. */
@ApplicationScoped
public class Subjects {

  private final SecurityIdentity identity;
  private final Issuers issuers;
  private final IdentityConfig config;

  Subjects(SecurityIdentity identity, Issuers issuers, IdentityConfig config) {
    this.identity = identity;
    this.issuers = issuers;
    this.config = config;
  }

  /**
   * The verified caller.
   *
   * @throws GatewayException {@code unauthenticated} when the request carries no credential
   */
  public Subject current() {
    return find()
        .orElseThrow(
            () ->
                new GatewayException(
                    ErrorCode.UNAUTHENTICATED,
                    "The request carries no credential; send an OpenID Connect access token as"
                        + " Authorization: Bearer."));
  }

  /** The verified caller, if there is one. */
  public Optional<Subject> find() {
    return Optional.ofNullable(identity.<Subject>getAttribute(AccessTokens.SUBJECT));
  }

  /** The verified caller of a request that is past authentication, if there is one. */
  public static Optional<Subject> of(RoutingContext context) {
    return context.user() instanceof QuarkusHttpUser user
        ? Optional.ofNullable(
            user.getSecurityIdentity().<Subject>getAttribute(AccessTokens.SUBJECT))
        : Optional.empty();
  }

  /** The subject that a token with these claims would be, for explaining; nothing is verified. */
  public Subject supposed(String issuer, Map<String, ?> claims) {
    String tenant = issuers.tenantOf(issuer).orElse("default");
    Object sub = claims.get(config.subjectClaim());
    return Subject.of(tenant, sub == null ? "" : sub.toString(), issuer, claims);
  }
}
