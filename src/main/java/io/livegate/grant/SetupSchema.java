package io.livegate.grant;

import static java.util.Objects.requireNonNull;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The fields of Google's {@code BidiGenerateContentSetup} (Gemini API reference, Live API), and the
 * one way in for setups from files and requests: {@link #canonical} checks names and types and
 * leaves a form in which equal meaning is equal value.
 *
 * <p>In a request names may come as lowerCamelCase or snake_case, as in Google's JSON mapping of
 * protocol buffers; a policy file has one spelling, the first. Objects whose fields Google still
 * grows are taken as they are.
 */
public final class SetupSchema {

  private sealed interface Type {}

  private enum Scalar implements Type {
    STRING("a string"),
    BOOL("true or false"),
    INT("a whole number of 32 bits"),
    INT64("a whole number of 64 bits, as a number or in a string"),
    NUMBER("a number"),
    OPEN("an object");

    private final String expected;

    Scalar(String expected) {
      this.expected = expected;
    }
  }

  private record Fields(Map<String, Type> byName) implements Type {
    /** The wire name of a field that is given by that or, if it may be, by its snake_case name. */
    @Nullable String named(String given, boolean snakeCase) {
      if (byName.containsKey(given)) {
        return given;
      }
      return snakeCase
          ? byName.keySet().stream().filter(n -> snakeCase(n).equals(given)).findAny().orElse(null)
          : null;
    }
  }

  private record Repeated(Type element) implements Type {}

  /**
   * A Content of text parts, for which a bare string is taken too. Its role says nothing here and
   * SDKs differ in sending one, so the canonical form has none.
   */
  private record Instruction(Fields content) implements Type {}

  private static final Fields SETUP =
      fields(
          "model", Scalar.STRING,
          "generationConfig",
              fields(
                  "candidateCount", Scalar.INT,
                  "maxOutputTokens", Scalar.INT,
                  "temperature", Scalar.NUMBER,
                  "topP", Scalar.NUMBER,
                  "topK", Scalar.NUMBER,
                  "presencePenalty", Scalar.NUMBER,
                  "frequencyPenalty", Scalar.NUMBER,
                  "seed", Scalar.INT,
                  "responseModalities", new Repeated(Scalar.STRING),
                  "speechConfig",
                      fields(
                          "voiceConfig", Scalar.OPEN,
                          "languageCode", Scalar.STRING,
                          "multiSpeakerVoiceConfig", Scalar.OPEN),
                  "mediaResolution", Scalar.STRING,
                  "thinkingConfig",
                      fields(
                          "includeThoughts", Scalar.BOOL,
                          "thinkingBudget", Scalar.INT,
                          "thinkingLevel", Scalar.STRING),
                  "enableAffectiveDialog", Scalar.BOOL,
                  "translationConfig",
                      fields(
                          "targetLanguageCode", Scalar.STRING,
                          "echoTargetLanguage", Scalar.BOOL)),
          "systemInstruction",
              new Instruction(
                  fields(
                      "role", Scalar.STRING, "parts", new Repeated(fields("text", Scalar.STRING)))),
          "tools",
              new Repeated(
                  fields(
                      "functionDeclarations", new Repeated(Scalar.OPEN),
                      "googleSearch", Scalar.OPEN,
                      "urlContext", Scalar.OPEN,
                      "codeExecution", Scalar.OPEN,
                      "googleMaps", Scalar.OPEN,
                      "computerUse", Scalar.OPEN,
                      "fileSearch", Scalar.OPEN,
                      "mcpServers", new Repeated(Scalar.OPEN))),
          "realtimeInputConfig",
              fields(
                  "automaticActivityDetection",
                      fields(
                          "disabled", Scalar.BOOL,
                          "startOfSpeechSensitivity", Scalar.STRING,
                          "endOfSpeechSensitivity", Scalar.STRING,
                          "prefixPaddingMs", Scalar.INT,
                          "silenceDurationMs", Scalar.INT),
                  "activityHandling", Scalar.STRING,
                  "turnCoverage", Scalar.STRING,
                  "interimTranscriptTimestampEnabled", Scalar.BOOL),
          "sessionResumption", fields("handle", Scalar.STRING),
          "contextWindowCompression",
              fields(
                  "triggerTokens",
                  Scalar.INT64,
                  "slidingWindow",
                  fields("targetTokens", Scalar.INT64)),
          "inputAudioTranscription", Scalar.OPEN,
          "outputAudioTranscription", Scalar.OPEN,
          "historyConfig", fields("initialHistoryInClientContent", Scalar.BOOL),
          // Served on v1alpha only so far; other versions refuse a token that carries it.
          "proactivity", fields("proactiveAudio", Scalar.BOOL, "proactiveVideo", Scalar.BOOL));

  /** Deeper than any real setup; stops hostile nesting before it can exhaust a stack. */
  private static final int MAX_DEPTH = 40;

  private static final Pattern NAME = Pattern.compile("[A-Za-z][A-Za-z0-9_]*");
  private static final Pattern INTEGER = Pattern.compile("-?[0-9]{1,19}");
  private static final String INSTRUCTION =
      "must be a string, or a Content such as {parts: [{text: ...}]}";

  private final boolean snakeCase;
  private final BiConsumer<String, String> mistake;

  private SetupSchema(boolean snakeCase, BiConsumer<String, String> mistake) {
    this.snakeCase = snakeCase;
    this.mistake = mistake;
  }

  /**
   * Checks a setup and brings it into canonical form: known names in lowerCamelCase, whole numbers
   * as {@code Long}, 64-bit integers as strings, a bare instruction as a Content.
   *
   * @param raw parsed JSON or YAML: maps, lists, strings, numbers, booleans
   * @param mistake told the path and the explanation of everything that is wrong
   * @return the canonical setup, immutable; without the fields that were wrong
   */
  public static Map<String, Object> canonical(
      Map<String, ?> raw, BiConsumer<String, String> mistake) {
    return new SetupSchema(true, mistake).setup(raw);
  }

  /** The same for a setup in which names are spelled as on the wire only. */
  public static Map<String, Object> canonicalWireNames(
      Map<String, ?> raw, BiConsumer<String, String> mistake) {
    return new SetupSchema(false, mistake).setup(raw);
  }

  @SuppressWarnings("unchecked") // Fields always yields an object
  private Map<String, Object> setup(Map<String, ?> raw) {
    Object setup = convert(SETUP, raw, "", 0);
    return setup == null ? Map.of() : (Map<String, Object>) setup;
  }

  /** Whether a field of that place exists, as far as Google's schema is closed there. */
  public static boolean knows(SetupPath path) {
    Type type = SETUP;
    for (String name : path.names()) {
      if (!NAME.matcher(name).matches()) {
        return false;
      }
      if (type == Scalar.OPEN) {
        continue;
      }
      if (!(type instanceof Fields fields) || !fields.byName().containsKey(name)) {
        return false;
      }
      type = requireNonNull(fields.byName().get(name));
    }
    return true;
  }

  /**
   * The names of the fields directly below that place, in Google's order; empty where it is open.
   */
  public static List<String> namesIn(SetupPath path) {
    Type type = SETUP;
    for (String name : path.names()) {
      if (!(type instanceof Fields fields) || !fields.byName().containsKey(name)) {
        return List.of();
      }
      type = fields.byName().get(name);
    }
    return type instanceof Fields fields ? List.copyOf(fields.byName().keySet()) : List.of();
  }

  private @Nullable Object convert(Type type, @Nullable Object raw, String path, int depth) {
    if (raw == null) {
      mistake.accept(path, "is null; leave the field out instead");
      return null;
    }
    if (type instanceof Fields fields) {
      return object(fields, raw, path, depth);
    }
    if (type instanceof Instruction instruction) {
      return instruction(instruction, raw, path, depth);
    }
    if (type instanceof Repeated repeated) {
      if (!(raw instanceof List<?> list)) {
        mistake.accept(path, "must be a list");
        return null;
      }
      var elements = new ArrayList<Object>();
      for (int i = 0; i < list.size(); i++) {
        Object element = convert(repeated.element(), list.get(i), path + "[" + i + "]", depth + 1);
        if (element != null) {
          elements.add(element);
        }
      }
      return Collections.unmodifiableList(elements);
    }
    Object value = scalar((Scalar) type, raw, path, depth);
    if (value == null) {
      mistake.accept(path, "must be " + ((Scalar) type).expected);
    }
    return value;
  }

  private @Nullable Object instruction(
      Instruction instruction, Object raw, String path, int depth) {
    if (raw instanceof String text) {
      return Map.of("parts", List.of(Map.of("text", text)));
    }
    if (!(raw instanceof Map<?, ?>)) {
      mistake.accept(path, INSTRUCTION);
      return null;
    }
    var content = object(instruction.content(), raw, path, depth);
    boolean hasText =
        content != null
            && content.get("parts") instanceof List<?> parts
            && !parts.isEmpty()
            && parts.stream()
                .allMatch(part -> part instanceof Map<?, ?> map && map.containsKey("text"));
    if (content == null || !hasText) {
      mistake.accept(path, INSTRUCTION);
      return null;
    }
    return Map.of("parts", content.get("parts"));
  }

  private @Nullable Map<String, Object> object(Fields fields, Object raw, String path, int depth) {
    if (!(raw instanceof Map<?, ?> map)) {
      mistake.accept(path, "must be an object");
      return null;
    }
    var object = new LinkedHashMap<String, Object>();
    map.forEach(
        (key, value) -> {
          String given = String.valueOf(key);
          String at = path.isEmpty() ? given : path + "." + given;
          String name = fields.named(given, snakeCase);
          if (name == null) {
            String meant = fields.named(given, true);
            mistake.accept(
                at,
                "is not a field of Google's setup; "
                    + (meant == null
                        ? "known here: " + fields.byName().keySet()
                        : "write " + meant));
          } else if (object.containsKey(name)) {
            mistake.accept(at, "is given twice, in lowerCamelCase and in snake_case");
          } else {
            Object converted =
                convert(requireNonNull(fields.byName().get(name)), value, at, depth + 1);
            if (converted != null) {
              object.put(name, converted);
            }
          }
        });
    return Collections.unmodifiableMap(object);
  }

  private @Nullable Object scalar(Scalar type, Object raw, String path, int depth) {
    return switch (type) {
      case STRING -> raw instanceof String ? raw : null;
      case BOOL -> raw instanceof Boolean ? raw : null;
      case INT -> plain(raw) instanceof Long whole && whole == whole.intValue() ? whole : null;
      case INT64 -> {
        Object number = raw instanceof String text ? parsed(text) : plain(raw);
        yield number instanceof Long whole ? whole.toString() : null;
      }
      case NUMBER ->
          raw instanceof Number number && Double.isFinite(number.doubleValue()) ? plain(raw) : null;
      case OPEN -> raw instanceof Map<?, ?> ? open(raw, path, depth) : null;
    };
  }

  /** A part of the setup that is taken as it is, copied so that nobody can change it later. */
  private @Nullable Object open(@Nullable Object raw, String path, int depth) {
    if (depth > MAX_DEPTH) {
      mistake.accept(path, "is nested more than " + MAX_DEPTH + " levels deep");
      return null;
    }
    if (raw instanceof Map<?, ?> map) {
      var copy = new LinkedHashMap<String, @Nullable Object>();
      map.forEach((k, v) -> copy.put(String.valueOf(k), open(v, path, depth + 1)));
      return Collections.unmodifiableMap(copy);
    }
    if (raw instanceof List<?> list) {
      var copy = new ArrayList<@Nullable Object>();
      list.forEach(v -> copy.add(open(v, path, depth + 1)));
      return Collections.unmodifiableList(copy);
    }
    return raw == null ? null : plain(raw);
  }

  /** Whole numbers as {@code Long}, so that 40 and 40.0 are one value. */
  private static Object plain(Object raw) {
    if (!(raw instanceof Number number)) {
      return raw;
    }
    if (raw instanceof Long || raw instanceof Integer) {
      return number.longValue();
    }
    if (raw instanceof BigInteger big && big.bitLength() < Long.SIZE) {
      return big.longValue();
    }
    double value = number.doubleValue();
    return value == Math.rint(value) && Math.abs(value) < 1L << 53
        ? (Object) number.longValue()
        : (Object) value;
  }

  private static @Nullable Long parsed(String text) {
    if (!INTEGER.matcher(text).matches()) {
      return null;
    }
    var big = new BigInteger(text);
    return big.bitLength() < Long.SIZE ? big.longValue() : null;
  }

  private static String snakeCase(String camel) {
    var snake = new StringBuilder();
    for (int i = 0; i < camel.length(); i++) {
      char c = camel.charAt(i);
      if (Character.isUpperCase(c)) {
        snake.append('_').append(Character.toLowerCase(c));
      } else {
        snake.append(c);
      }
    }
    return snake.toString();
  }

  private static Fields fields(Object... namesAndTypes) {
    var byName = new LinkedHashMap<String, Type>();
    for (int i = 0; i < namesAndTypes.length; i += 2) {
      byName.put((String) namesAndTypes[i], (Type) namesAndTypes[i + 1]);
    }
    return new Fields(Collections.unmodifiableMap(byName));
  }
}
