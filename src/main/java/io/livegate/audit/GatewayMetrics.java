package io.livegate.audit;

import io.livegate.audit.GatewayEvent.TokenIssued;
import io.livegate.audit.GatewayEvent.TokenRefused;
import io.micrometer.core.instrument.MeterRegistry;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;

/**
 * Counts the same events. Labels are rule, model, mode and error code: names that the policy and
 * this program choose, never a person's or a client's.
 */
@ApplicationScoped
class GatewayMetrics {

  private final MeterRegistry metrics;

  GatewayMetrics(MeterRegistry metrics) {
    this.metrics = metrics;
  }

  void issued(@Observes TokenIssued event) {
    metrics
        .counter(
            "livegate.grants.issued",
            "rule",
            event.rule(),
            "model",
            event.model(),
            "mode",
            event.mode())
        .increment();
  }

  void refused(@Observes TokenRefused event) {
    metrics.counter("livegate.grants.refused", "code", event.outcome()).increment();
  }
}
