package io.livegate.ledger;

import io.livegate.grant.Limit;
import java.time.Duration;

/**
 * How a limit stands.
 *
 * @param used what is counted at the moment
 * @param reset when the count falls next: the oldest grant of a minute leaves the window, the UTC
 *     day ends; for concurrent sessions a guess
 */
public record Standing(Limit limit, long used, Duration reset) {

  public long remaining() {
    return Math.max(0, limit.max() - used);
  }
}
