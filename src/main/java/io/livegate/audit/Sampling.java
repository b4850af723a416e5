package io.livegate.audit;

import io.livegate.audit.GatewayEvent.RefusalsSampled;
import io.livegate.audit.GatewayEvent.SessionRefused;
import io.livegate.audit.GatewayEvent.TokenRefused;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Which refusals have a line each: of callers whom nobody knows, so many a minute with each code.
 * They cost their sender nothing, and must not cost a disk.
 */
final class Sampling {

  static final int A_MINUTE = 60;

  private final Map<String, Integer> taken = new HashMap<>();
  private final Map<String, Long> leftOut = new TreeMap<>();
  private Instant minute = Instant.MIN;
  private Instant since = Instant.MIN;

  /** Whether the event has a line; counts it if not. */
  synchronized boolean takes(GatewayEvent event) {
    if (!isAnonymous(event)) {
      return true;
    }
    Instant now = event.time().truncatedTo(ChronoUnit.MINUTES);
    if (!now.equals(minute)) {
      minute = now;
      taken.clear();
    }
    if (taken.merge(event.outcome(), 1, Integer::sum) <= A_MINUTE) {
      return true;
    }
    if (leftOut.isEmpty()) {
      since = event.time();
    }
    leftOut.merge(event.outcome(), 1L, Long::sum);
    return false;
  }

  /** What was left out since the last summary. */
  synchronized Optional<RefusalsSampled> summary(Instant now) {
    if (leftOut.isEmpty()) {
      return Optional.empty();
    }
    var summary = new RefusalsSampled(now, since, new TreeMap<>(leftOut));
    leftOut.clear();
    return Optional.of(summary);
  }

  private static boolean isAnonymous(GatewayEvent event) {
    if (event instanceof TokenRefused refused) {
      return refused.subject().isEmpty();
    }
    return event instanceof SessionRefused refused && refused.subject().isEmpty();
  }
}
