package io.livegate.ledger;

import io.livegate.grant.Grant;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** What was used, in this process's memory. Not thread-safe. */
final class UsageRows {

  /** What one row adds up. */
  static final class Sums {
    long grants;
    long sessions;
    long tokens;
    long estimatedTokens;
    long millis;

    private boolean isEmpty() {
      return grants == 0 && sessions == 0 && tokens == 0 && estimatedTokens == 0 && millis == 0;
    }
  }

  private record Name(String subject, String rule, String model) {}

  private final TreeMap<LocalDate, Map<Name, Sums>> days = new TreeMap<>();

  Sums at(LocalDate day, Grant grant, String model) {
    return days.computeIfAbsent(day, none -> new HashMap<>())
        .computeIfAbsent(new Name(grant.subject(), grant.rule(), model), none -> new Sums());
  }

  /** In the order of days, subjects, rules and models. */
  List<UsageRow> rows(UsageRow.Filter filter) {
    var rows = new ArrayList<UsageRow>();
    if (filter.from().isAfter(filter.to())) {
      return rows;
    }
    days.subMap(filter.from(), true, filter.to(), true)
        .forEach(
            (day, byName) ->
                byName.forEach(
                    (name, sums) -> {
                      if (!sums.isEmpty()
                          && is(filter.subject(), name.subject)
                          && is(filter.rule(), name.rule)
                          && is(filter.model(), name.model)) {
                        rows.add(row(day, name, sums));
                      }
                    }));
    rows.sort(UsageRow.ORDER);
    return rows;
  }

  private static UsageRow row(LocalDate day, Name name, Sums sums) {
    return new UsageRow(
        day,
        name.subject,
        name.rule,
        name.model,
        sums.grants,
        sums.sessions,
        sums.tokens,
        sums.estimatedTokens,
        Duration.ofMillis(sums.millis));
  }

  private static boolean is(Optional<String> wanted, String value) {
    return wanted.isEmpty() || wanted.get().equals(value);
  }

  void sweep(LocalDate today) {
    days.headMap(today.minusDays(UsageRow.DAYS - 1)).clear();
  }
}
