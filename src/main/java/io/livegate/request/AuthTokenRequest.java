package io.livegate.request;

import io.livegate.policy.GrantRequest;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Google's body for {@code POST /{version}/auth_tokens}, as its SDKs send it; names in
 * lowerCamelCase or snake_case.
 *
 * <p>A {@code fieldMask} says "lock at least this". Every token minted here is locked as a whole,
 * so a mask asks for nothing more; SDKs generate masks that Google itself refuses, which is why its
 * paths are not checked against the setup.
 */
public final class AuthTokenRequest {

  /** Google's clients name moments by their own clock. */
  private static final Duration CLOCK_SKEW = Duration.ofSeconds(30);

  private static final Pattern MASK = Pattern.compile("[A-Za-z0-9_.,]{0,10000}");

  private static final Map<String, String> NAMES =
      Map.of(
          "expire_time", "expireTime",
          "new_session_expire_time", "newSessionExpireTime",
          "bidi_generate_content_setup", "bidiGenerateContentSetup",
          "field_mask", "fieldMask");

  private AuthTokenRequest() {}

  /**
   * Reads the request.
   *
   * @param now what the moments in it are compared with
   * @throws io.livegate.error.GatewayException {@code invalid-request} with every violation
   */
  public static GrantRequest read(Map<String, ?> object, Instant now) {
    var renamed = new LinkedHashMap<String, Object>();
    var twice = new ArrayList<String>();
    object.forEach(
        (name, value) -> {
          String camel = NAMES.getOrDefault(name, name);
          if (renamed.put(camel, value) != null) {
            twice.add(camel);
          }
        });
    var fields =
        JsonFields.of(
            renamed,
            "uses",
            "expireTime",
            "newSessionExpireTime",
            "bidiGenerateContentSetup",
            "fieldMask");
    twice.forEach(name -> fields.wrong(name, null, "one value, in one spelling"));
    var setup =
        RequestedSetup.of(
            "bidiGenerateContentSetup",
            fields.object("bidiGenerateContentSetup").orElse(Map.of()),
            fields);
    fields
        .text("fieldMask")
        .filter(mask -> !MASK.matcher(mask).matches())
        .ifPresent(mask -> fields.wrong("fieldMask", mask, "names of fields, joined by commas"));
    var request =
        new GrantRequest(
            setup.model(),
            Optional.empty(),
            fields.wholeNumber("uses", 0),
            ahead("expireTime", fields, now),
            ahead("newSessionExpireTime", fields, now),
            setup.fields(),
            setup.resumptionHandle(),
            CLOCK_SKEW);
    fields.check();
    return request;
  }

  private static Optional<Duration> ahead(String name, JsonFields fields, Instant now) {
    return fields
        .string(name, 64)
        .flatMap(
            text -> {
              try {
                var ahead = Duration.between(now, OffsetDateTime.parse(text).toInstant());
                if (ahead.toSeconds() >= 1) {
                  return Optional.of(Duration.ofSeconds(ahead.toSeconds()));
                }
                fields.wrong(name, text, "a moment in the future");
              } catch (DateTimeParseException | ArithmeticException e) {
                fields.wrong(name, text, "an RFC 3339 time such as 2026-11-22T19:30:00Z");
              }
              return Optional.empty();
            });
  }
}
