package io.livegate.grant;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * What bounds a grant's use beyond its token; all of it must hold.
 *
 * @param limits bounds on counts that the grant shares with others
 * @param sessionDuration how long a session may last, where the rule says
 * @param idle how long a session may pass without a message, where the rule says
 * @param directReserve Gemini tokens booked for each use of a direct token, whose real use is not
 *     seen
 */
public record Limits(
    List<Limit> limits,
    Optional<Duration> sessionDuration,
    Optional<Duration> idle,
    long directReserve) {

  /** No bounds. */
  public static final Limits NONE = new Limits(List.of(), Optional.empty(), Optional.empty(), 0);

  public Limits {
    limits = List.copyOf(limits);
  }

  /** Whether a session uses some of it up by lasting. */
  public boolean countsTime() {
    return limits.stream().anyMatch(limit -> limit.kind() == Limit.Kind.SESSION_TIME_PER_DAY);
  }
}
