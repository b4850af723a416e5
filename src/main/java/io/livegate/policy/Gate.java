package io.livegate.policy;

import io.livegate.error.ErrorCode;
import io.livegate.identity.Subject;
import io.livegate.policy.Expression.Outcome;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;

/**
 * Whom something is for: the people of certain issuers for whom a condition holds.
 *
 * @param issuers issuer identifiers; empty for any
 * @param when absent for everybody
 */
record Gate(List<String> issuers, Optional<Expression> when) {

  Gate {
    issuers = List.copyOf(issuers);
  }

  /** Whether a subject may pass. */
  sealed interface Passage {
    record Open() implements Passage {}

    record Closed(String why) implements Passage {}

    /** It cannot be told, so nobody may pass here or at a later gate. */
    record Undecided(ErrorCode code, String why) implements Passage {}
  }

  /** Whether it is for the people of the subject's issuer. */
  boolean isFor(Subject subject) {
    return issuers.isEmpty() || issuers.contains(subject.issuer());
  }

  Passage passage(Subject subject) {
    if (!isFor(subject)) {
      return new Passage.Closed("it is for the issuers " + issuers);
    }
    if (when.isEmpty()) {
      return new Passage.Open();
    }
    Outcome outcome = when.get().evaluate(subject);
    if (outcome instanceof Outcome.Value value) {
      if (value.value() instanceof Boolean holds) {
        return holds ? new Passage.Open() : new Passage.Closed("its condition is false");
      }
      return new Passage.Undecided(
          ErrorCode.POLICY_ERROR, "its condition is neither true nor false for these claims");
    }
    if (outcome instanceof Outcome.Absent absent) {
      return new Passage.Closed("a claim is absent: " + absent.why());
    }
    return undecided(outcome);
  }

  /** What an outcome that is no answer means for the request. */
  static Passage.Undecided undecided(Outcome outcome) {
    if (outcome instanceof Outcome.Withheld withheld) {
      return new Passage.Undecided(
          ErrorCode.GROUPS_OVERAGE,
          "the identity provider left "
              + new TreeSet<>(withheld.claims())
              + " out of the token for their size");
    }
    String why =
        outcome instanceof Outcome.Failed failed
            ? failed.why()
            : outcome instanceof Outcome.Absent absent ? absent.why() : "no value";
    return new Passage.Undecided(ErrorCode.POLICY_ERROR, why);
  }

  /** Whether no input passes, as far as the shape of the condition shows. */
  boolean neverOpens() {
    return when.map(Expression::neverTrue).orElse(false);
  }

  /** Whether each person who passes {@code later} would have passed one of these before. */
  static boolean shadowed(Gate later, List<Gate> earlier) {
    var shadowing = earlier.stream().filter(gate -> gate.takesAllOf(later.when)).toList();
    return shadowing.stream().anyMatch(gate -> gate.issuers.isEmpty())
        || (!later.issuers.isEmpty()
            && later.issuers.stream()
                .allMatch(
                    issuer -> shadowing.stream().anyMatch(gate -> gate.issuers.contains(issuer))));
  }

  /** Whether its condition holds whenever that one does. */
  private boolean takesAllOf(Optional<Expression> condition) {
    if (when.isEmpty() || when.get().constant().orElse(false)) {
      return true;
    }
    return condition.isPresent() && condition.get().implies(when.get());
  }
}
