package io.livegate.grant;

import java.util.Locale;
import java.util.Optional;

/**
 * One bound on what is counted under one key, with the key already found for a subject.
 *
 * @param kind what is counted
 * @param per what it is counted for, as the policy writes it: {@code subject}, {@code rule} or
 *     {@code claims.department}
 * @param key whose count it is; names the rule, {@code per} and its value, and no other limit of
 *     another rule shares it
 * @param max the most that may be counted; {@code SESSION_TIME_PER_DAY} in seconds
 */
public record Limit(Kind kind, String per, String key, long max) {

  /** What a limit counts, and over which time. Minutes are sliding windows, days are UTC days. */
  public enum Kind {
    /** Tokens handed out and sessions admitted by an access token, in any 60 seconds. */
    GRANTS_PER_MINUTE,
    GRANTS_PER_DAY,
    CONCURRENT_SESSIONS,
    /** Gemini tokens that Google reported, and reserves of direct tokens. */
    USAGE_TOKENS_PER_DAY,
    SESSION_TIME_PER_DAY;

    /** The name in YAML and JSON. */
    public String label() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** The kind of that label, if there is one. */
    public static Optional<Kind> of(String label) {
      for (Kind kind : values()) {
        if (kind.label().equals(label)) {
          return Optional.of(kind);
        }
      }
      return Optional.empty();
    }
  }

  /** Whether the count is of all who have a value in common, such as a department. */
  public boolean shared() {
    return !per.equals("subject") && !per.equals("rule");
  }

  /** Names the limit to people and in headers: {@code subject.grants-per-minute}. */
  public String name() {
    return per + "." + kind.label();
  }
}
