package io.livegate.ledger;

/** Which sessions an administrator ends. */
public sealed interface EndOf {
  record Session(String id) implements EndOf {}

  record Subject(String subject) implements EndOf {}

  record Rule(String rule) implements EndOf {}
}
