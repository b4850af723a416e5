package io.livegate.request;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.error.Problems;
import io.livegate.error.Violation;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The fields of a JSON object in a request, read strictly: every unknown name and wrong type is
 * collected, so that a client is told all of them at once.
 */
public final class JsonFields {

  private static final ObjectReader OBJECT =
      new ObjectMapper()
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .readerFor(new TypeReference<LinkedHashMap<String, Object>>() {});

  private static final Pattern JSON =
      Pattern.compile("application/json\\s*(;.*)?", Pattern.CASE_INSENSITIVE);

  /** More would not help a client, and answers must not be larger than requests. */
  private static final int MOST_VIOLATIONS = 50;

  private static final int LONGEST_NAME = 200;

  private final Map<String, Object> values;
  private final List<Violation> violations = new ArrayList<>();
  private int unlisted;

  private JsonFields(Map<String, ?> values, Set<String> known) {
    this.values = new HashMap<>();
    values.forEach(
        (name, value) -> {
          if (!known.contains(name)) {
            wrong(name, null, "no such field; known here: " + known);
          } else if (value == null) {
            wrong(name, null, "a value; leave the field out for none");
          } else {
            this.values.put(name, value);
          }
        });
  }

  /**
   * Parses a request body; an empty one is an empty object, whatever its type is said to be.
   *
   * @throws GatewayException {@code invalid-request} when it is not one JSON object, {@code
   *     unsupported-media-type} when it is not said to be JSON, {@code request-too-large}
   */
  public static Map<String, Object> parse(byte @Nullable [] body, @Nullable String contentType) {
    if (body == null || body.length == 0) {
      return Map.of();
    }
    if (body.length > Problems.MAX_BODY) {
      throw new GatewayException(
          ErrorCode.REQUEST_TOO_LARGE, ErrorCode.REQUEST_TOO_LARGE.explanation());
    }
    if (contentType == null || !JSON.matcher(contentType).matches()) {
      throw new GatewayException(
          ErrorCode.UNSUPPORTED_MEDIA_TYPE,
          "The body must come as Content-Type: application/json.");
    }
    try {
      Map<String, Object> object = OBJECT.readValue(body);
      if (object != null) {
        return object;
      }
    } catch (JsonProcessingException e) {
      // The message would quote the body, which may hold a secret.
      var at = e.getLocation();
      throw new GatewayException(
          ErrorCode.INVALID_REQUEST,
          "The body is not one JSON object"
              + (at == null
                  ? "."
                  : ": line " + at.getLineNr() + ", column " + at.getColumnNr() + "."));
    } catch (IOException e) {
      throw new IllegalStateException("reading bytes in memory", e);
    }
    throw new GatewayException(ErrorCode.INVALID_REQUEST, "The body is not one JSON object.");
  }

  /** The fields of an object, of which those names are known. */
  public static JsonFields of(Map<String, ?> object, String... known) {
    return new JsonFields(object, new LinkedHashSet<>(List.of(known)));
  }

  public Optional<String> string(String name, int maxLength) {
    return typed(name, String.class, "text of 1 to " + maxLength + " characters")
        .filter(
            text -> {
              boolean fits = !text.isEmpty() && text.length() <= maxLength;
              if (!fits) {
                wrong(name, null, "text of 1 to " + maxLength + " characters");
              }
              return fits;
            });
  }

  public Optional<Integer> wholeNumber(String name, int minimum) {
    String expected = "a whole number of at least " + minimum;
    return typed(name, Number.class, expected)
        .flatMap(
            number -> {
              double value = number.doubleValue();
              if (value != Math.rint(value) || value < minimum || value > Integer.MAX_VALUE) {
                wrong(name, number, expected);
                return Optional.empty();
              }
              return Optional.of(number.intValue());
            });
  }

  /** Text that may be empty. */
  public Optional<String> text(String name) {
    return typed(name, String.class, "text");
  }

  /** One value that can be given in two places, but not differently. */
  Optional<String> same(
      String name, Optional<String> value, String otherName, Optional<String> other) {
    if (value.isPresent() && other.isPresent() && !value.equals(other)) {
      wrong(otherName, null, "the same as " + name + ", or nothing");
    }
    return value.or(() -> other);
  }

  @SuppressWarnings("unchecked") // an object of JSON has string keys
  public Optional<Map<String, Object>> object(String name) {
    return typed(name, Map.class, "an object").map(map -> (Map<String, Object>) map);
  }

  /** Adds a mistake of the same request. */
  public void wrong(String name, @Nullable Object asked, Object allowed) {
    if (violations.size() < MOST_VIOLATIONS) {
      violations.add(
          new Violation(
              name.length() > LONGEST_NAME ? name.substring(0, LONGEST_NAME) + "..." : name,
              asked,
              allowed));
    } else {
      unlisted++;
    }
  }

  /**
   * To be called when everything is read.
   *
   * @throws GatewayException {@code invalid-request} with all violations, if there are any
   */
  public void check() {
    if (unlisted > 0) {
      violations.add(new Violation("...", null, unlisted + " more are not listed"));
    }
    if (!violations.isEmpty()) {
      throw GatewayException.of(
          ErrorCode.INVALID_REQUEST, "Fields of the request are not as they must be.", violations);
    }
  }

  private <T> Optional<T> typed(String name, Class<T> type, String expected) {
    Object value = values.get(name);
    if (value == null) {
      return Optional.empty();
    }
    if (!type.isInstance(value)) {
      wrong(name, null, expected);
      return Optional.empty();
    }
    return Optional.of(type.cast(value));
  }
}
