package io.livegate.policy;

import jakarta.enterprise.context.ApplicationScoped;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/** Ready with any policy in force; says which, and which newer file was refused. */
@Readiness
@ApplicationScoped
class PolicyHealth implements HealthCheck {

  private final PolicyStore store;

  PolicyHealth(PolicyStore store) {
    this.store = store;
  }

  @Override
  public HealthCheckResponse call() {
    var state = store.state();
    var response =
        HealthCheckResponse.named("policy")
            .up()
            .withData("digest", state.policy().digest())
            .withData("loadedAt", state.loadedAt().toString());
    state.rejected().ifPresent(rejected -> response.withData("rejectedDigest", rejected.digest()));
    return response.build();
  }
}
