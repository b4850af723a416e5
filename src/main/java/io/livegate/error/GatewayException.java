package io.livegate.error;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A refusal on its way to an edge. The detail is safe to show to the caller: no secret, no answer
 * of Google's.
 */
public final class GatewayException extends RuntimeException {

  private static final long serialVersionUID = 1;

  private final ErrorCode code;
  private final transient List<Violation> violations;
  private final transient Optional<Duration> retryAfter;
  private final transient Optional<String> rule;
  private final transient Map<String, String> headers;

  private GatewayException(
      ErrorCode code,
      String detail,
      List<Violation> violations,
      Optional<Duration> retryAfter,
      Optional<String> rule,
      Map<String, String> headers) {
    // Refusals are frequent and expected: a stack trace would cost more than the request.
    super(detail, null, false, false);
    this.code = code;
    this.violations = List.copyOf(violations);
    this.retryAfter = retryAfter;
    this.rule = rule;
    this.headers = Map.copyOf(headers);
  }

  public GatewayException(ErrorCode code, String detail) {
    this(code, detail, List.of(), Optional.empty(), Optional.empty(), Map.of());
  }

  /** A refusal of certain fields. */
  public static GatewayException of(ErrorCode code, String detail, List<Violation> violations) {
    return new GatewayException(
        code, detail, violations, Optional.empty(), Optional.empty(), Map.of());
  }

  /** The same refusal with a {@code Retry-After}. */
  public GatewayException retryAfter(Duration delay) {
    return new GatewayException(code, detail(), violations, Optional.of(delay), rule, headers);
  }

  /** The same refusal with the name of the rule that was in force. */
  public GatewayException rule(String name) {
    return new GatewayException(code, detail(), violations, retryAfter, Optional.of(name), headers);
  }

  /** The same refusal with further fields of the HTTP response. */
  public GatewayException headers(Map<String, String> fields) {
    return new GatewayException(code, detail(), violations, retryAfter, rule, fields);
  }

  public ErrorCode code() {
    return code;
  }

  public String detail() {
    return String.valueOf(getMessage());
  }

  public List<Violation> violations() {
    return violations;
  }

  public Optional<Duration> retryAfter() {
    return retryAfter;
  }

  public Map<String, String> headers() {
    return headers;
  }

  public Optional<String> rule() {
    return rule;
  }
}
