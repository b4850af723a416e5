package io.livegate.logout;

import io.livegate.grant.Login;
import io.livegate.identity.Subjects;
import io.livegate.session.Heart;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.identity.AuthenticationRequestContext;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.SecurityIdentityAugmentor;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;

/** Refuses access tokens of logins that have been ended, though they have not expired. */
@ApplicationScoped
class EndedLogins implements SecurityIdentityAugmentor {

  private final Heart heart;

  EndedLogins(Heart heart) {
    this.heart = heart;
  }

  /** After the token has become a subject. */
  @Override
  public int priority() {
    return -1;
  }

  @Override
  public Uni<SecurityIdentity> augment(
      SecurityIdentity identity, AuthenticationRequestContext context) {
    boolean ended =
        Subjects.of(identity)
            .map(subject -> heart.isLoggedOut(Login.of(subject.id(), subject.claims())))
            .orElse(false);
    return ended
        ? Uni.createFrom()
            .failure(new AuthenticationFailedException("its login has been ended at the provider"))
        : Uni.createFrom().item(identity);
  }
}
