package io.livegate.policy;

import io.livegate.error.ErrorCode;
import io.livegate.identity.Subject;
import io.livegate.policy.Expression.InvalidException;
import io.livegate.policy.Expression.Outcome;
import io.livegate.policy.Gate.Passage;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jboss.logging.Logger;

/**
 * A whole policy, compiled. Immutable: a reload makes a new one.
 *
 * @param digest SHA-256 of the file, in hex
 * @param admins who may administer; nobody when absent
 * @param blocked ids of subjects who get nothing, whatever the rules say
 * @param rules in order; the first that matches decides
 * @param warnings what is allowed but probably not meant
 */
public record Policy(
    String digest,
    Optional<Gate> admins,
    Set<String> blocked,
    List<Rule> rules,
    List<String> warnings) {

  private static final Logger LOG = Logger.getLogger(Policy.class);

  public Policy {
    blocked = Set.copyOf(blocked);
    rules = List.copyOf(rules);
    warnings = List.copyOf(warnings);
  }

  /** Which rule is for a subject. */
  public sealed interface Match {
    record Matched(Rule rule) implements Match {}

    record Unmatched(Decision.Denied denied) implements Match {}
  }

  /** What one rule made of a subject, for {@link #explain}. */
  public record Trace(String rule, boolean matched, String why) {}

  /** The way to a decision: the rules asked, in order, and the decision. */
  public record Explanation(List<Trace> rules, Decision decision) {}

  /** Decides a request. Pure: the same input gives the same answer. */
  public Decision decide(Subject subject, GrantRequest request) {
    Match match = match(subject);
    return match instanceof Match.Matched matched
        ? matched.rule().narrow(subject, request)
        : ((Match.Unmatched) match).denied();
  }

  /** Whether the policy blocks the subject of that id, {@code <tenant>:<sub>}, for good. */
  public boolean isBlocked(String subject) {
    return blocked.contains(subject);
  }

  /** The rule for a subject: the first whose gate is open; none for one who is blocked. */
  public Match match(Subject subject) {
    if (isBlocked(subject.id())) {
      return new Match.Unmatched(blockedDenial());
    }
    for (Rule rule : rules) {
      Passage passage = rule.gate().passage(subject);
      if (passage instanceof Passage.Open) {
        return new Match.Matched(rule);
      }
      if (passage instanceof Passage.Undecided undecided) {
        return new Match.Unmatched(denied(undecided, Optional.of(rule.name())));
      }
    }
    return new Match.Unmatched(
        new Decision.Denied(
            ErrorCode.NO_RULE_MATCHED,
            Optional.empty(),
            "No rule of the policy is for this user.",
            List.of()));
  }

  private static Decision.Denied blockedDenial() {
    return new Decision.Denied(
        ErrorCode.SUBJECT_BLOCKED,
        Optional.empty(),
        "The policy's blocked list names this user, for good.",
        List.of());
  }

  /** Why a subject may not administer; empty if it may. */
  public Optional<Decision.Denied> adminDenial(Subject subject) {
    if (isBlocked(subject.id())) {
      return Optional.of(blockedDenial());
    }
    var passage = admins.map(gate -> gate.passage(subject)).orElse(new Passage.Closed("no admins"));
    if (passage instanceof Passage.Undecided undecided) {
      return Optional.of(denied(undecided, Optional.empty()));
    }
    return passage instanceof Passage.Open
        ? Optional.empty()
        : Optional.of(
            new Decision.Denied(
                ErrorCode.ADMIN_REQUIRED,
                Optional.empty(),
                "The policy's admins expression does not hold for you.",
                List.of()));
  }

  private static Decision.Denied denied(Passage.Undecided undecided, Optional<String> rule) {
    String detail =
        undecided.code() == ErrorCode.GROUPS_OVERAGE
            ? rule.map(name -> "Rule " + name).orElse("Who administers")
                + " cannot be decided: "
                + undecided.why()
                + ". Configure the provider to send only the groups assigned to this application,"
                + " or app roles."
            : "The condition of "
                + rule.map(name -> "rule " + name).orElse("admins")
                + " could not be evaluated.";
    return new Decision.Denied(undecided.code(), rule, detail, List.of());
  }

  /** Decides a request and says how it came about. */
  public Explanation explain(Subject subject, GrantRequest request) {
    if (isBlocked(subject.id())) {
      return new Explanation(List.of(), decide(subject, request));
    }
    var traces = new ArrayList<Trace>();
    for (Rule rule : rules) {
      Passage passage = rule.gate().passage(subject);
      if (passage instanceof Passage.Closed closed) {
        traces.add(new Trace(rule.name(), false, closed.why() + falseParts(rule, subject)));
        continue;
      }
      traces.add(
          passage instanceof Passage.Undecided undecided
              ? new Trace(rule.name(), false, undecided.why())
              : new Trace(
                  rule.name(),
                  true,
                  rule.troubleWith(subject)
                      .map(why -> "its condition holds, but " + why)
                      .orElse("its condition holds")));
      break;
    }
    return new Explanation(List.copyOf(traces), decide(subject, request));
  }

  /** Names those parts of a false condition that are false by themselves. */
  private static String falseParts(Rule rule, Subject subject) {
    if (!rule.gate().isFor(subject)) {
      return "";
    }
    var parts = new ArrayList<String>();
    for (String part : rule.gate().when().map(Expression::conjuncts).orElse(Set.of())) {
      try {
        if (Expression.condition(part).evaluate(subject) instanceof Outcome.Value value
            && Boolean.FALSE.equals(value.value())) {
          parts.add(part);
        }
      } catch (InvalidException e) {
        LOG.debugf("The part %s only makes sense within the whole condition", part);
      }
    }
    return parts.isEmpty() ? "" : "; false: " + String.join(", ", parts);
  }
}
