package io.livegate.ledger;

import io.livegate.grant.Limit;
import java.util.Comparator;

/**
 * What was counted today under a {@linkplain Limit#shared shared} limit for one value.
 *
 * @param kind one that is counted by day
 * @param key the limit's
 * @param used {@code SESSION_TIME_PER_DAY} in seconds
 */
public record Share(Limit.Kind kind, String key, long used) {

  /** How many there are of a kind, at most. */
  public static final int MOST = 50;

  static final Comparator<Share> ORDER =
      Comparator.comparing(Share::kind)
          .thenComparing(Share::used, Comparator.reverseOrder())
          .thenComparing(Share::key);
}
