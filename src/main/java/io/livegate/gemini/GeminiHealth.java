package io.livegate.gemini;

import jakarta.enterprise.context.ApplicationScoped;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/**
 * Shows the circuit breaker. Always up: with Google away every replica would go unready at once and
 * callers would lose the answers that tell them so.
 */
@Readiness
@ApplicationScoped
class GeminiHealth implements HealthCheck {

  private final GeminiTokens tokens;

  GeminiHealth(GeminiTokens tokens) {
    this.tokens = tokens;
  }

  @Override
  public HealthCheckResponse call() {
    return HealthCheckResponse.named("gemini")
        .up()
        .withData("breaker", tokens.breaker().name())
        .build();
  }
}
