package io.livegate.identity;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.quarkus.security.identity.SecurityIdentity;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.Optional;

/** Hands out the caller of the current request. */
@ApplicationScoped
public class Subjects {

  private final SecurityIdentity identity;

  Subjects(SecurityIdentity identity) {
    this.identity = identity;
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
}
