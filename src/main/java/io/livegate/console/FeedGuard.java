package io.livegate.console;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.identity.Subject;
import io.livegate.identity.Subjects;
import io.livegate.policy.PolicyStore;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.websockets.next.HttpUpgradeCheck;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;

/** Lets administrators open the feed, from a page of this gateway's. */
@ApplicationScoped
class FeedGuard implements HttpUpgradeCheck {

  private final PolicyStore policies;

  FeedGuard(PolicyStore policies) {
    this.policies = policies;
  }

  @Override
  public boolean appliesTo(String endpointId) {
    return endpointId.equals(Feed.ID);
  }

  @Override
  public Uni<CheckResult> perform(HttpUpgradeContext context) {
    return context.securityIdentity().map(identity -> check(identity, context));
  }

  private CheckResult check(SecurityIdentity identity, HttpUpgradeContext context) {
    Subject subject =
        Subjects.of(identity)
            .orElseThrow(
                () -> new GatewayException(ErrorCode.UNAUTHENTICATED, "Sign in at /console."));
    policies
        .policy()
        .adminDenial(subject)
        .ifPresent(
            denied -> {
              throw new GatewayException(denied.code(), denied.detail());
            });
    context.userData().put(Feed.SUBJECT, subject);
    return CheckResult.permitUpgradeSync();
  }
}
