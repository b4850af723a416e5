package io.livegate.console;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.livegate.grant.Limit.Kind;
import io.livegate.ledger.Share;
import io.livegate.ledger.UsageRow;
import io.livegate.policy.Rule;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What was used on a UTC day, and what the policy allows.
 *
 * @param rules all of the policy in its order, and then others that were used
 * @param subjects those who used most, each under a rule
 * @param shares of what many may use together, such as a department
 */
record Budgets(String day, List<Use> rules, List<Use> subjects, List<Shared> shares) {

  private static final int MOST_SUBJECTS = 50;

  /**
   * What was used under a rule.
   *
   * @param subject by whom; by all, when absent
   * @param tokens Gemini tokens of sessions through the relay
   * @param estimatedTokens booked for direct tokens
   * @param most what the policy allows the rule as a whole, or each subject: {@code tokens}, {@code
   *     seconds} and {@code grants}, where it has such a limit
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Use(
      String rule,
      @Nullable String subject,
      long grants,
      long sessions,
      long tokens,
      long estimatedTokens,
      long seconds,
      Map<String, Long> most) {

    private Use plus(UsageRow row) {
      return new Use(
          rule,
          subject,
          grants + row.grants(),
          sessions + row.sessions(),
          tokens + row.tokens(),
          estimatedTokens + row.estimatedTokens(),
          seconds + row.sessionTime().toSeconds(),
          most);
    }
  }

  /**
   * What was used of a limit that many share.
   *
   * @param per what they have in common, as the policy writes it
   * @param kind of the limit, by its label
   * @param used of session time, seconds
   */
  record Shared(String rule, String per, String value, String kind, long used, long most) {}

  private record Who(String rule, String subject) {}

  /**
   * Adds up.
   *
   * @param rows of that day
   * @param counts of the same
   */
  static Budgets of(LocalDate day, List<UsageRow> rows, List<Share> counts, List<Rule> policy) {
    var byName = new LinkedHashMap<String, Rule>();
    policy.forEach(rule -> byName.put(rule.name(), rule));
    var rules = new LinkedHashMap<String, Use>();
    byName.keySet().forEach(name -> rules.put(name, none(name, null, byName)));
    var subjects = new LinkedHashMap<Who, Use>();
    for (UsageRow row : rows) {
      rules.put(
          row.rule(), rules.getOrDefault(row.rule(), none(row.rule(), null, byName)).plus(row));
      var who = new Who(row.rule(), row.subject());
      subjects.put(
          who, subjects.getOrDefault(who, none(row.rule(), row.subject(), byName)).plus(row));
    }
    var most = new ArrayList<>(subjects.values());
    most.sort(
        Comparator.<Use>comparingLong(use -> -use.tokens - use.estimatedTokens)
            .thenComparingLong(use -> -use.grants));
    return new Budgets(
        day.toString(),
        List.copyOf(rules.values()),
        List.copyOf(most.subList(0, Math.min(MOST_SUBJECTS, most.size()))),
        shared(counts, policy));
  }

  private static List<Shared> shared(List<Share> counts, List<Rule> policy) {
    var shared = new ArrayList<Shared>();
    for (Rule rule : policy) {
      for (Share count : counts) {
        rule.share(count.kind(), count.key())
            .ifPresent(
                share ->
                    shared.add(
                        new Shared(
                            rule.name(),
                            share.per(),
                            share.value(),
                            count.kind().label(),
                            count.used(),
                            share.max())));
      }
    }
    shared.sort(Comparator.comparingDouble(share -> -(double) share.used / share.most));
    return List.copyOf(shared);
  }

  private static Use none(String rule, @Nullable String subject, Map<String, Rule> policy) {
    var most = new LinkedHashMap<String, Long>();
    Optional.ofNullable(policy.get(rule))
        .ifPresent(
            found -> {
              String per = subject == null ? "rule" : "subject";
              found.most(Kind.USAGE_TOKENS_PER_DAY, per).ifPresent(max -> most.put("tokens", max));
              found.most(Kind.SESSION_TIME_PER_DAY, per).ifPresent(max -> most.put("seconds", max));
              found.most(Kind.GRANTS_PER_DAY, per).ifPresent(max -> most.put("grants", max));
            });
    return new Use(rule, subject, 0, 0, 0, 0, 0, most);
  }
}
