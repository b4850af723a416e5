package io.livegate.ledger;

/** Which sessions end, because an administrator says so or their conversation goes on elsewhere. */
public sealed interface EndOf {

  /** Whether that session is one of them; of those superseded, only the ledger knows. */
  default boolean means(Running session) {
    if (this instanceof Session one) {
      return one.id.equals(session.lease().sessionId());
    }
    if (this instanceof Subject all) {
      return all.subject.equals(session.issue().grant().subject());
    }
    return this instanceof Rule all && all.rule.equals(session.issue().grant().rule());
  }

  record Session(String id) implements EndOf {}

  /**
   * The session whose conversation is resumed, and those that resumed it before: a client that lost
   * its network twice may still have the handle of its first session only.
   *
   * @param id the session that gave the handle
   * @param by the one that came with it
   */
  record Superseded(String id, String by) implements EndOf {}

  record Subject(String subject) implements EndOf {}

  record Rule(String rule) implements EndOf {}
}
