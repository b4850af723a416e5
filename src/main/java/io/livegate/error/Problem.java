package io.livegate.error;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * One refused request: what is written to the response and what the audit says of it.
 *
 * @param fields further fields of the HTTP response
 */
public record Problem(
    ErrorCode code,
    String detail,
    List<Violation> violations,
    Optional<Duration> retryAfter,
    Optional<String> rule,
    Map<String, String> fields) {

  /** Where the routing context of a refused request keeps its problem. */
  public static final String KEY = Problem.class.getName();

  /**
   * The JSON of {@code application/problem+json} (RFC 9457).
   *
   * @param type a path below which a short page explains the problem
   */
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  @JsonPropertyOrder({"type", "title", "status", "detail", "code", "violations"})
  public record Body(
      String type,
      String title,
      int status,
      String detail,
      String code,
      List<Violation> violations) {}

  static Problem of(GatewayException e) {
    return new Problem(e.code(), e.detail(), e.violations(), e.retryAfter(), e.rule(), e.headers());
  }

  static Problem of(ErrorCode code, String detail) {
    return new Problem(code, detail, List.of(), Optional.empty(), Optional.empty(), Map.of());
  }

  static Problem of(ErrorCode code) {
    return of(code, code.explanation());
  }

  Map<String, String> headers() {
    var headers = new LinkedHashMap<>(fields);
    headers.put("Cache-Control", "no-store");
    retryAfter.ifPresent(delay -> headers.put("Retry-After", Long.toString(seconds(delay))));
    // RFC 6750 section 3.1: no error code when no credential was sent.
    switch (code) {
      case UNAUTHENTICATED -> headers.put("WWW-Authenticate", "Bearer");
      case INVALID_TOKEN -> headers.put("WWW-Authenticate", challenge("invalid_token"));
      case AMBIGUOUS_CREDENTIALS -> headers.put("WWW-Authenticate", challenge("invalid_request"));
      default -> {}
    }
    return headers;
  }

  /** Rounded up, so that who waits that long does not come too early. */
  private static long seconds(Duration delay) {
    return Math.max(1, delay.plusMillis(999).toSeconds());
  }

  private String challenge(String error) {
    String description = detail.replaceAll("[^ !#-\\[\\]-~]", "'");
    return "Bearer error=\"" + error + "\", error_description=\"" + description + "\"";
  }

  Body body() {
    return new Body(
        "/problems/" + code.label(), code.title(), code.status(), detail, code.label(), violations);
  }

  /** Google's error envelope (google.rpc.Status in JSON), for Google's own paths. */
  Map<String, Object> googleBody() {
    var info = new LinkedHashMap<String, Object>();
    info.put("@type", "type.googleapis.com/google.rpc.ErrorInfo");
    info.put("reason", code.label().replace('-', '_').toUpperCase(Locale.ROOT));
    info.put("domain", "livegate");
    var error = new LinkedHashMap<String, Object>();
    error.put("code", code.status());
    error.put("message", message());
    error.put("status", code.googleStatus());
    error.put("details", List.of(info));
    return Map.of("error", error);
  }

  /** Google's clients show the message alone, so it has to carry the violations. */
  private String message() {
    var message = new StringBuilder(detail);
    for (Violation violation : violations) {
      message.append(' ').append(violation.field()).append(": ");
      if (violation.asked() != null) {
        message.append("asked ").append(violation.asked()).append(", ");
      }
      message.append("allowed ").append(violation.allowed()).append('.');
    }
    return message.toString();
  }
}
