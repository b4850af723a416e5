package io.livegate.ledger;

/** Which sessions end, because an administrator says so or their conversation goes on elsewhere. */
public sealed interface EndOf {

  /** Whether that session is one of them. */
  default boolean means(Running session) {
    if (this instanceof Session one) {
      return one.id.equals(session.lease().sessionId());
    }
    if (this instanceof Superseded one) {
      return one.id.equals(session.lease().sessionId());
    }
    if (this instanceof Subject all) {
      return all.subject.equals(session.issue().grant().subject());
    }
    return this instanceof Rule all && all.rule.equals(session.issue().grant().rule());
  }

  record Session(String id) implements EndOf {}

  /** The session whose conversation another one has resumed. */
  record Superseded(String id) implements EndOf {}

  record Subject(String subject) implements EndOf {}

  record Rule(String rule) implements EndOf {}
}
