package io.livegate.token;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.livegate.grant.Mode;
import io.livegate.grant.SetupPath;
import io.livegate.identity.Subject;
import io.livegate.ledger.Standing;
import io.livegate.policy.Decision;
import io.livegate.policy.Rule;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The answer of {@code GET /v1/me}.
 *
 * @param subject {@code <tenant>:<sub>}
 * @param rule the name of the rule for the caller; absent when there is none
 * @param models what may be asked for; the first is the default
 * @param modes what may be asked for; the first is the default
 * @param token the maxima
 * @param open the fields of Google's setup that a request may set
 * @param limits the rule's limits, with what is used of them at the moment
 * @param denied why there is no rule
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Me(
    String subject,
    String issuer,
    @Nullable String rule,
    @Nullable List<String> models,
    @Nullable List<String> modes,
    @Nullable Maxima token,
    @Nullable List<String> open,
    @Nullable List<LimitUse> limits,
    @Nullable Denial denied) {

  /** Times in seconds; {@code uses} 0 for no limit. */
  public record Maxima(int uses, long expiresIn, long startWithin) {}

  /**
   * A limit. Session time is in seconds.
   *
   * @param name as refusals name it, {@code subject.grants-per-minute}
   * @param used counted at the moment; usage includes estimates for direct tokens
   * @param reset seconds until the count falls next
   */
  public record LimitUse(String name, long max, long used, long remaining, long reset) {
    static LimitUse of(Standing standing) {
      return new LimitUse(
          standing.limit().name(),
          standing.limit().max(),
          standing.used(),
          standing.remaining(),
          standing.reset().plusMillis(999).toSeconds());
    }
  }

  /** A problem code and its detail. */
  public record Denial(String code, String detail) {}

  static Me of(Subject subject, Decision.Granted granted, List<Standing> standings) {
    Rule rule = granted.rule();
    return new Me(
        subject.id(),
        subject.issuer(),
        rule.name(),
        rule.models(),
        rule.modes().stream().map(Mode::label).toList(),
        new Maxima(rule.uses(), rule.expiresIn().toSeconds(), rule.startWithin().toSeconds()),
        rule.open().stream().map(SetupPath::toString).toList(),
        standings.stream().map(LimitUse::of).toList(),
        null);
  }

  static Me of(Subject subject, Decision.Denied denied) {
    var denial = new Denial(denied.code().label(), denied.detail());
    return new Me(subject.id(), subject.issuer(), null, null, null, null, null, null, denial);
  }
}
