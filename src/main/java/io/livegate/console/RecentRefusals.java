package io.livegate.console;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.livegate.audit.GatewayEvent;
import io.livegate.audit.GatewayEvent.SessionRefused;
import io.livegate.audit.GatewayEvent.TokenRefused;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** What this replica refused of late: how often, for what, and the last ones. */
@ApplicationScoped
class RecentRefusals {

  private static final int KEPT = 20;
  private static final Duration HOUR = Duration.ofHours(1);

  /**
   * A refusal.
   *
   * @param at RFC 3339
   * @param what was asked for: {@code token} or {@code session}
   * @param cause the label of the error code
   * @param subject absent when nobody knows who asked
   * @param rule the rule in force, if one was
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Refusal(
      String at,
      String what,
      String cause,
      @Nullable String subject,
      @Nullable String rule,
      String peer) {}

  /**
   * All of it.
   *
   * @param lastHour how many, by cause
   * @param last the newest first
   */
  record Summary(Map<String, Long> lastHour, List<Refusal> last) {}

  /** What was refused within a minute, by cause. */
  private record Minute(Instant begun, Map<String, Long> counts) {}

  private final Deque<Minute> minutes = new ArrayDeque<>();
  private final Deque<Refusal> last = new ArrayDeque<>();

  void refused(@Observes TokenRefused event) {
    add("token", event, event.subject(), event.rule(), event.peer());
  }

  void refused(@Observes SessionRefused event) {
    add("session", event, event.subject(), event.rule(), event.peer());
  }

  private synchronized void add(
      String what,
      GatewayEvent event,
      Optional<String> subject,
      Optional<String> rule,
      String peer) {
    last.addFirst(
        new Refusal(
            event.time().toString(),
            what,
            event.outcome(),
            subject.orElse(null),
            rule.orElse(null),
            peer));
    if (last.size() > KEPT) {
      last.removeLast();
    }
    Minute minute = minutes.peekLast();
    if (minute == null || !event.time().isBefore(minute.begun.plusSeconds(60))) {
      minute = new Minute(event.time(), new TreeMap<>());
      minutes.addLast(minute);
    }
    minute.counts.merge(event.outcome(), 1L, Long::sum);
    forget(event.time());
  }

  private void forget(Instant now) {
    while (!minutes.isEmpty() && minutes.getFirst().begun.isBefore(now.minus(HOUR))) {
      minutes.removeFirst();
    }
  }

  synchronized Summary summary(Instant now) {
    forget(now);
    var sums = new TreeMap<String, Long>();
    for (Minute minute : minutes) {
      minute.counts.forEach((cause, count) -> sums.merge(cause, count, Long::sum));
    }
    return new Summary(sums, List.copyOf(last));
  }
}
