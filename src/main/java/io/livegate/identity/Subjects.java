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
        ? of(user.getSecurityIdentity())
        : Optional.empty();
  }

  /** The verified caller that an identity stands for, if it does for one. */
  public static Optional<Subject> of(SecurityIdentity identity) {
    return Optional.ofNullable(identity.<Subject>getAttribute(AccessTokens.SUBJECT));
  }

  /**
   * The subject that a token with these claims would be, for explaining; nothing is verified.
   *
   * @throws GatewayException {@code invalid-request} when no such token would be accepted
   */
  public Subject supposed(String issuer, Map<String, ?> claims, Subject caller) {
    String tenant =
        issuer.equals(caller.issuer())
            ? caller.id().substring(0, caller.id().indexOf(':'))
            : issuers
                .tenantOf(issuer)
                .orElseThrow(
                    () ->
                        new GatewayException(
                            ErrorCode.INVALID_REQUEST, "No tenant is configured for that issuer."));
    if (!(claims.get(config.subjectClaim()) instanceof String sub) || sub.isEmpty()) {
      throw new GatewayException(
          ErrorCode.INVALID_REQUEST, "The claims have no " + config.subjectClaim() + ".");
    }
    return Subject.of(tenant, sub, issuer, claims);
  }
}
