package io.livegate.ledger;

import java.time.Duration;
import java.time.LocalDate;
import java.util.Comparator;
import java.util.Optional;

/**
 * What one subject used on one UTC day under one rule with one model.
 *
 * @param tokens Gemini tokens that Google reported of relayed sessions
 * @param estimatedTokens reserves booked for direct tokens, whose use is not seen
 */
public record UsageRow(
    LocalDate day,
    String subject,
    String rule,
    String model,
    long grants,
    long sessions,
    long tokens,
    long estimatedTokens,
    Duration sessionTime) {

  /** How many days are kept, today included. */
  public static final int DAYS = 31;

  static final Comparator<UsageRow> ORDER =
      Comparator.comparing(UsageRow::day)
          .thenComparing(UsageRow::subject)
          .thenComparing(UsageRow::rule)
          .thenComparing(UsageRow::model);

  /** Which rows; days are inclusive, and what is absent does not matter. */
  public record Filter(
      LocalDate from,
      LocalDate to,
      Optional<String> subject,
      Optional<String> rule,
      Optional<String> model) {}
}
