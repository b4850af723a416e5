package io.livegate.audit;

import io.livegate.audit.GatewayEvent.SessionClosed;
import io.livegate.audit.GatewayEvent.SessionOpened;
import io.livegate.audit.GatewayEvent.SessionRefused;
import io.livegate.audit.GatewayEvent.SessionResumed;
import io.livegate.audit.GatewayEvent.TokenIssued;
import io.livegate.audit.GatewayEvent.TokenRefused;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Counts the same events. Labels are rule, model, mode and error code: names that the policy and
 * this program choose, never a person's or a client's.
 */
@ApplicationScoped
class GatewayMetrics {

  private final MeterRegistry metrics;
  private final Map<Tags, AtomicInteger> open = new ConcurrentHashMap<>();

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
    if (event.estimatedTokens() > 0) {
      metrics
          .counter("livegate.usage.estimated.tokens", "rule", event.rule(), "model", event.model())
          .increment((double) event.estimatedTokens());
    }
  }

  void refused(@Observes TokenRefused event) {
    metrics.counter("livegate.grants.refused", "code", event.outcome()).increment();
  }

  void refused(@Observes SessionRefused event) {
    metrics.counter("livegate.sessions.refused", "code", event.outcome()).increment();
  }

  void opened(@Observes SessionOpened event) {
    open(event.rule(), event.model()).incrementAndGet();
    Timer.builder("livegate.setup.duration")
        .description("From the upgrade to setupComplete")
        .publishPercentileHistogram()
        .register(metrics)
        .record(Duration.ofMillis(event.setupMillis()));
  }

  void resumed(@Observes SessionResumed event) {
    metrics.counter("livegate.resume.replayed").increment(event.replayed());
    Timer.builder("livegate.leg.change.duration")
        .description("For which nothing of a client's was passed on to Google")
        .tag("planned", String.valueOf(event.planned()))
        .publishPercentileHistogram()
        .register(metrics)
        .record(event.pauseMicros(), TimeUnit.MICROSECONDS);
  }

  void closed(@Observes SessionClosed event) {
    metrics.counter("livegate.session.closes", "cause", event.cause()).increment();
    if (!event.begun()) {
      return;
    }
    open(event.rule(), event.model()).decrementAndGet();
    Tags tags = Tags.of("rule", event.rule(), "model", event.model());
    metrics
        .timer("livegate.session.duration", tags)
        .record(Duration.ofMillis(event.durationMillis()));
    event
        .usage()
        .forEach(
            (direction, modalities) ->
                modalities.forEach(
                    (modality, tokens) ->
                        metrics
                            .counter(
                                "livegate.usage.tokens",
                                tags.and("direction", direction, "modality", modality))
                            .increment(tokens)));
  }

  private AtomicInteger open(String rule, String model) {
    return open.computeIfAbsent(
        Tags.of("rule", rule, "model", model),
        tags ->
            java.util.Objects.requireNonNull(
                metrics.gauge("livegate.sessions.open", tags, new AtomicInteger())));
  }
}
