package io.livegate.ledger;

import java.time.Instant;

/**
 * Somebody is cut off: no grants, no sessions, running ones end, their tokens are no longer good.
 *
 * @param key a subject, or for logouts {@code <tenant>:} and the {@code sub} or {@code sid}
 * @param since logouts are of logins before that
 * @param until when it ends, or need not be remembered any longer
 */
public record CutOff(Kind kind, String key, Instant since, Instant until) {

  /** Who is cut off. */
  public enum Kind {
    /** A subject, by an administrator. */
    BLOCK,
    /** All logins of a user before a moment. */
    LOGOUT_SUB,
    /** One login. */
    LOGOUT_SID
  }
}
