package io.livegate.policy;

import io.livegate.grant.Limit;
import io.livegate.grant.Limit.Kind;
import io.livegate.grant.Limits;
import io.livegate.identity.Subject;
import io.livegate.policy.Expression.Outcome;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A rule's limits. Whose count each of them bounds is found for a subject.
 *
 * @param entries in the order of the file
 * @param directReserve 0 where nothing is booked for direct tokens
 */
record LimitsTemplate(
    List<Entry> entries,
    Optional<Duration> sessionDuration,
    Optional<Duration> idle,
    long directReserve) {

  /** A part of a key that is longer is hashed. */
  static final int LONGEST_PART = 100;

  private static final Pattern ESCAPED = Pattern.compile("%([0-9A-F]{4})");

  /** What stands for the value where the whole rule has one count. */
  private static final Outcome ONE = new Outcome.Value("");

  LimitsTemplate {
    entries = List.copyOf(entries);
  }

  /**
   * Whose count it is.
   *
   * @param text as the file has it
   * @param value subjects for whom it is equal share a count; absent where the whole rule has one
   */
  record Per(String text, Optional<Expression> value) {}

  /** The most that may be counted for each value of {@code per}. */
  record Entry(Per per, Map<Kind, Long> maxima) {
    Entry {
      maxima = Collections.unmodifiableMap(new LinkedHashMap<>(maxima));
    }
  }

  /** The limits for one subject, or why they cannot be found. */
  sealed interface Resolved {
    record Found(Limits limits) implements Resolved {}

    record Failed(Per per, Outcome outcome) implements Resolved {}
  }

  /** Whether it bounds what sessions use, and not only their number. */
  boolean boundsUsage() {
    return entries.stream()
        .flatMap(entry -> entry.maxima().keySet().stream())
        .anyMatch(kind -> kind == Kind.USAGE_TOKENS_PER_DAY || kind == Kind.SESSION_TIME_PER_DAY);
  }

  Resolved resolve(String rule, Subject subject) {
    var limits = new ArrayList<Limit>();
    for (Entry entry : entries) {
      Per per = entry.per();
      Outcome outcome = per.value().map(value -> value.scalar(subject)).orElse(ONE);
      if (!(outcome instanceof Outcome.Value value)) {
        return new Resolved.Failed(per, outcome);
      }
      String key = key(rule, per.text(), value.value());
      entry.maxima().forEach((kind, max) -> limits.add(new Limit(kind, per.text(), key, max)));
    }
    return new Resolved.Found(new Limits(limits, sessionDuration, idle, directReserve));
  }

  /** What a count is of, if a shared limit of the rule bounds it. */
  Optional<Rule.Share> share(String rule, Kind kind, String key) {
    for (Entry entry : entries) {
      Long max = entry.maxima().get(kind);
      String prefix = rule + "/" + part(escaped(entry.per().text())) + "/";
      if (max != null && key.startsWith(prefix)) {
        return Optional.of(
            new Rule.Share(entry.per().text(), readable(key.substring(prefix.length())), max));
      }
    }
    return Optional.empty();
  }

  /** The value that a part of a key is for; of a hash, its beginning. */
  private static String readable(String part) {
    if (part.startsWith("~")) {
      return part.substring(0, 9) + "…";
    }
    return part.startsWith("=")
        ? part.substring(1)
        : ESCAPED
            .matcher(part)
            .replaceAll(
                found ->
                    Matcher.quoteReplacement(
                        Character.toString(Integer.parseInt(found.group(1), 16))));
  }

  /**
   * The name of a count: {@code <rule>/<per>/<value>}, of letters, digits and {@code -._:@%=~/}
   * only. Different rules, expressions or values never share one; values that CEL takes for equal
   * do, so 2 and 2.0, but not 2 and "2".
   */
  static String key(String rule, String per, Object value) {
    // The names of rules have no slash, and neither has what is escaped.
    return rule + "/" + part(escaped(per)) + "/" + part(escaped(value));
  }

  private static String part(String escaped) {
    return escaped.length() <= LONGEST_PART
        ? escaped
        : "~" + PolicyFile.digest(escaped.getBytes(StandardCharsets.US_ASCII));
  }

  private static String escaped(Object value) {
    if (value instanceof String text) {
      return escaped(text);
    }
    boolean whole =
        value instanceof Double number && number == Math.rint(number) && Double.isFinite(number);
    return "=" + (whole ? new BigDecimal((Double) value).toBigInteger() : value);
  }

  /** Character by character rather than as UTF-8, which has no form for half a surrogate pair. */
  private static String escaped(String text) {
    var escaped = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      boolean plain =
          (c >= 'a' && c <= 'z')
              || (c >= 'A' && c <= 'Z')
              || (c >= '0' && c <= '9')
              || "-._:@".indexOf(c) >= 0;
      if (plain) {
        escaped.append(c);
      } else {
        escaped.append("%%%04X".formatted((int) c));
      }
    }
    return escaped.toString();
  }
}
