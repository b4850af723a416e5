package io.livegate.grant;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/**
 * The fields of Google's {@code BidiGenerateContentSetup} (Gemini API reference, Live API), and the
 * one way in for setups from files and requests: {@link #canonical} checks names and types and
 * leaves a form in which equal meaning is equal value.
 *
 * <p>Names may come as lowerCamelCase or snake_case, as in Google's JSON mapping of protocol
 * buffers. Objects whose fields Google still grows are taken as they are.
 */
public final class SetupSchema {

  private sealed interface Type {}

  private enum Scalar implements Type {
    STRING("a string"),
    BOOL("true or false"),
    INT("a whole number"),
    INT64("a whole number, as a number or in a string"),
    NUMBER("a number"),
    OPEN("an object");

    private final String expected;

    Scalar(String expected) {
      this.expected = expected;
    }
  }

  private record Fields(Map<String, Type> byName) implements Type {
    @Nullable String named(String given) {
      if (byName.containsKey(given)) {
        return given;
      }
      String camel = camelCase(given);
      return byName.containsKey(camel) ? camel : null;
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

  private SetupSchema() {}

  /**
   * Checks a setup and brings it into canonical form: known names in lowerCamelCase, whole numbers
   * as {@code Long}, 64-bit integers as strings, a bare instruction as a Content.
   *
   * @param raw parsed JSON or YAML: maps, lists, strings, numbers, booleans
   * @param mistake told the path and the explanation of everything that is wrong
   * @return the canonical setup, immutable; without the fields that were wrong
   */
  @SuppressWarnings("unchecked") // Fields always yields an object
  public static Map<String, Object> canonical(
      Map<String, ?> raw, BiConsumer<String, String> mistake) {
    Object setup = convert(SETUP, raw, "", 0, mistake);
    return setup == null ? Map.of() : (Map<String, Object>) setup;
  }

  /** Whether a field of that place exists, as far as Google's schema is closed there. */
  public static boolean knows(SetupPath path) {
    Type type = SETUP;
    for (String name : path.names()) {
      if (type instanceof Instruction instruction) {
        type = instruction.content();
      }
      if (type == Scalar.OPEN) {
        return true;
      }
      if (!(type instanceof Fields fields)) {
        return false;
      }
      Type next = fields.byName().get(name);
      if (next == null) {
        return false;
      }
      type = next;
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

  private static @Nullable Object convert(
      Type type, @Nullable Object raw, String path, int depth, BiConsumer<String, String> mistake) {
    if (raw == null) {
      mistake.accept(path, "is null; leave the field out instead");
      return null;
    }
    if (type instanceof Fields fields) {
      return object(fields, raw, path, depth, mistake);
    }
    if (type instanceof Instruction instruction) {
      if (raw instanceof String text) {
        return Map.of("parts", List.of(Map.of("text", text)));
      }
      var content = object(instruction.content(), raw, path, depth, mistake);
      if (content == null || !content.containsKey("parts")) {
        mistake.accept(path, "must be a string or have parts of text");
        return null;
      }
      return Map.of("parts", content.get("parts"));
    }
    if (type instanceof Repeated repeated) {
      if (!(raw instanceof List<?> list)) {
        mistake.accept(path, "must be a list");
        return null;
      }
      var elements = new ArrayList<Object>();
      for (int i = 0; i < list.size(); i++) {
        Object element =
            convert(repeated.element(), list.get(i), path + "[" + i + "]", depth + 1, mistake);
        if (element != null) {
          elements.add(element);
        }
      }
      return Collections.unmodifiableList(elements);
    }
    Object value = scalar((Scalar) type, raw, path, depth, mistake);
    if (value == null) {
      mistake.accept(path, "must be " + ((Scalar) type).expected);
    }
    return value;
  }

  private static @Nullable Map<String, Object> object(
      Fields fields, Object raw, String path, int depth, BiConsumer<String, String> mistake) {
    if (!(raw instanceof Map<?, ?> map)) {
      mistake.accept(path, "must be an object");
      return null;
    }
    var object = new LinkedHashMap<String, Object>();
    map.forEach(
        (key, value) -> {
          String given = String.valueOf(key);
          String at = path.isEmpty() ? given : path + "." + given;
          String name = fields.named(given);
          if (name == null) {
            mistake.accept(
                at, "is not a field of Google's setup; known here: " + fields.byName().keySet());
          } else if (object.containsKey(name)) {
            mistake.accept(at, "is given twice, in lowerCamelCase and in snake_case");
          } else {
            Object converted =
                convert(requireNonNull(fields.byName().get(name)), value, at, depth + 1, mistake);
            if (converted != null) {
              object.put(name, converted);
            }
          }
        });
    return Collections.unmodifiableMap(object);
  }

  private static @Nullable Object scalar(
      Scalar type, Object raw, String path, int depth, BiConsumer<String, String> mistake) {
    return switch (type) {
      case STRING -> raw instanceof String ? raw : null;
      case BOOL -> raw instanceof Boolean ? raw : null;
      case INT -> plain(raw) instanceof Long whole ? whole : null;
      case INT64 ->
          raw instanceof String text && text.matches("-?[0-9]{1,18}")
              ? text
              : plain(raw) instanceof Long whole ? whole.toString() : null;
      case NUMBER -> raw instanceof Number ? plain(raw) : null;
      case OPEN -> raw instanceof Map<?, ?> ? open(raw, path, depth, mistake) : null;
    };
  }

  /** A part of the setup that is taken as it is, copied so that nobody can change it later. */
  private static @Nullable Object open(
      @Nullable Object raw, String path, int depth, BiConsumer<String, String> mistake) {
    if (depth > MAX_DEPTH) {
      mistake.accept(path, "is nested more than " + MAX_DEPTH + " levels deep");
      return null;
    }
    if (raw instanceof Map<?, ?> map) {
      var copy = new LinkedHashMap<String, @Nullable Object>();
      map.forEach((k, v) -> copy.put(String.valueOf(k), open(v, path, depth + 1, mistake)));
      return Collections.unmodifiableMap(copy);
    }
    if (raw instanceof List<?> list) {
      var copy = new ArrayList<@Nullable Object>();
      list.forEach(v -> copy.add(open(v, path, depth + 1, mistake)));
      return Collections.unmodifiableList(copy);
    }
    return raw == null ? null : plain(raw);
  }

  /** Whole numbers as {@code Long}, so that 40 and 40.0 are one value. */
  private static Object plain(Object raw) {
    if (!(raw instanceof Number number)) {
      return raw;
    }
    double value = number.doubleValue();
    return value == Math.rint(value) && Math.abs(value) < 1L << 53
        ? (Object) number.longValue()
        : (Object) value;
  }

  private static String camelCase(String snake) {
    var camel = new StringBuilder();
    boolean up = false;
    for (int i = 0; i < snake.length(); i++) {
      char c = snake.charAt(i);
      if (c == '_') {
        up = true;
      } else {
        camel.append(up ? Character.toUpperCase(c) : c);
        up = false;
      }
    }
    return camel.toString();
  }

  private static Fields fields(Object... namesAndTypes) {
    var byName = new LinkedHashMap<String, Type>();
    for (int i = 0; i < namesAndTypes.length; i += 2) {
      byName.put((String) namesAndTypes[i], (Type) namesAndTypes[i + 1]);
    }
    return new Fields(Collections.unmodifiableMap(byName));
  }
}
