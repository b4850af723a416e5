package io.livegate.policy;

import io.livegate.error.ErrorCode;
import io.livegate.error.Violation;
import io.livegate.grant.Grant;
import java.util.List;
import java.util.Optional;

/** The outcome of {@link Policy#decide}. */
public sealed interface Decision {

  /** The request stands, under that rule. */
  record Granted(Grant grant, Rule rule) implements Decision {}

  /**
   * The request is refused.
   *
   * @param rule the rule that was in force, if one was
   * @param detail safe to show to the caller
   * @param violations every field that went beyond the rule
   */
  record Denied(ErrorCode code, Optional<String> rule, String detail, List<Violation> violations)
      implements Decision {}
}
