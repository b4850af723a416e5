package io.livegate.console;

import io.livegate.identity.Subjects;
import io.livegate.pages.Pages;
import io.quarkus.websockets.next.HttpUpgradeCheck;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;

/** Opens the feed to those who may see the page, and tells it who they are. */
@ApplicationScoped
class FeedGuard implements HttpUpgradeCheck {

  private final ConsoleRoute console;
  private final Pages pages;

  FeedGuard(ConsoleRoute console, Pages pages) {
    this.console = console;
    this.pages = pages;
  }

  @Override
  public boolean appliesTo(String endpointId) {
    return endpointId.equals(Feed.ID);
  }

  @Override
  public Uni<CheckResult> perform(HttpUpgradeContext context) {
    return context
        .securityIdentity()
        .map(
            identity -> {
              var subject = console.admit(Subjects.of(identity));
              pages.checkOrigin(context.httpRequest());
              context.userData().put(Feed.SUBJECT, subject);
              return CheckResult.permitUpgradeSync();
            });
  }
}
