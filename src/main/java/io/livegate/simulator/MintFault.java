package io.livegate.simulator;

import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/**
 * How a mint goes wrong. Make one with a factory, then refine it with {@link #after} and {@link
 * #withHeader}.
 *
 * <p>As JSON: {@code {"delayMs":100}} to be slow and then answer as usual, {@code
 * {"status":503,"grpcStatus":"UNAVAILABLE","message":"...","headers":{"Retry-After":"7"}}} for
 * Google's error envelope, {@code {"status":502,"html":"<html>"}} for a front end's page, {@code
 * {"hang":true}}, {@code {"reset":true}}.
 *
 * @param kind what happens
 * @param delay how long before it happens
 * @param status the HTTP status
 * @param body the response body
 * @param headers the response headers
 */
public record MintFault(
    Kind kind, Duration delay, int status, String body, Map<String, String> headers) {

  /** What happens to the mint. */
  public enum Kind {
    /** It is answered as usual; useful with a delay. */
    PASS,
    /** It is answered with the status and body given. */
    ANSWER,
    /** It is never answered. */
    HANG,
    /** Its TCP connection is reset. */
    RESET
  }

  public MintFault {
    headers = Map.copyOf(headers);
  }

  /** Google's error envelope, for example {@code error(429, "RESOURCE_EXHAUSTED", "Quota")}. */
  public static MintFault error(int status, String grpcStatus, String message) {
    return answer(status, "application/json; charset=UTF-8", envelope(status, grpcStatus, message));
  }

  /** A page as front ends answer, with no JSON in it. */
  public static MintFault html(int status, String page) {
    return answer(status, "text/html; charset=UTF-8", page);
  }

  public static MintFault hang() {
    return new MintFault(Kind.HANG, Duration.ZERO, 0, "", Map.of());
  }

  public static MintFault reset() {
    return new MintFault(Kind.RESET, Duration.ZERO, 0, "", Map.of());
  }

  /** Answers as usual, but late. */
  public static MintFault slow(Duration delay) {
    return new MintFault(Kind.PASS, delay, 0, "", Map.of());
  }

  /** The same, this much later. */
  public MintFault after(Duration value) {
    return new MintFault(kind, value, status, body, headers);
  }

  /** The same with one more response header. */
  public MintFault withHeader(String name, String value) {
    Map<String, String> more = new HashMap<>(headers);
    more.put(name, value);
    return new MintFault(kind, delay, status, body, more);
  }

  private static MintFault answer(int status, String type, String body) {
    return new MintFault(Kind.ANSWER, Duration.ZERO, status, body, Map.of("Content-Type", type));
  }

  static String envelope(int code, String status, String message) {
    return new JsonObject()
        .put(
            "error",
            new JsonObject().put("code", code).put("message", message).put("status", status))
        .encode();
  }

  static MintFault fromJson(JsonObject json) {
    MintFault fault;
    int status = json.getInteger("status", 503);
    if (json.getBoolean("hang", false)) {
      fault = hang();
    } else if (json.getBoolean("reset", false)) {
      fault = reset();
    } else if (json.containsKey("html")) {
      fault = html(status, json.getString("html"));
    } else if (json.containsKey("status")) {
      fault =
          error(
              status,
              json.getString("grpcStatus", "UNAVAILABLE"),
              json.getString("message", "The service is currently unavailable."));
    } else {
      fault = slow(Duration.ZERO);
    }
    for (Map.Entry<String, Object> header : json.getJsonObject("headers", new JsonObject())) {
      fault = fault.withHeader(header.getKey(), header.getValue().toString());
    }
    return fault.after(Duration.ofMillis(json.getLong("delayMs", 0L)));
  }
}
