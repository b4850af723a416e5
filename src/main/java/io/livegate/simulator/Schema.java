package io.livegate.simulator;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.math.BigDecimal;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The service's message types, and its way of reading JSON: closed types refuse unknown names,
 * names may be lowerCamelCase or snake_case, 64-bit numbers may be strings, null means unset.
 */
final class Schema {
  /**
   * One type a line: its fields as {@code name type}, {@code []} for lists, {@code {}} for maps, a
   * trailing {@code alpha} for what only v1alpha has. {@code open} is an object not looked into.
   */
  private static final String TYPES =
      """
      AuthToken: uses int32, expireTime timestamp, newSessionExpireTime timestamp, bidiGenerateContentSetup Setup, fieldMask string, name string
      Message: setup Setup, clientContent ClientContent, realtimeInput RealtimeInput, toolResponse ToolResponse
      Setup: model string, generationConfig GenerationConfig, systemInstruction Content, tools Tool[], realtimeInputConfig RealtimeInputConfig, sessionResumption SessionResumption, contextWindowCompression Compression, inputAudioTranscription Transcription, outputAudioTranscription Transcription, historyConfig HistoryConfig, proactivity Proactivity alpha
      GenerationConfig: candidateCount int32, maxOutputTokens int32, temperature float, topP float, topK float, presencePenalty float, frequencyPenalty float, seed int32, responseModalities Modality[], speechConfig SpeechConfig, mediaResolution MediaResolution, thinkingConfig ThinkingConfig, translationConfig TranslationConfig, enableAffectiveDialog bool alpha, responseLogprobs bool, logprobs int32, responseMimeType string, responseSchema JsonSchema, responseJsonSchema value, stopSequences string[]
      ThinkingConfig: includeThoughts bool, thinkingBudget int32, thinkingLevel ThinkingLevel
      TranslationConfig: targetLanguageCode string, echoTargetLanguage bool
      SpeechConfig: voiceConfig VoiceConfig, languageCode string, multiSpeakerVoiceConfig open
      VoiceConfig: prebuiltVoiceConfig PrebuiltVoice, voice value, replicatedVoiceConfig open
      PrebuiltVoice: voiceName string
      Content: parts Part[], role string
      Part: text string, inlineData Blob, thought bool, thoughtSignature string, fileData open, functionCall FunctionCall, functionResponse FunctionResponse, executableCode open, codeExecutionResult open, videoMetadata open, mediaResolution open
      Blob: data string, mimeType string
      FunctionCall: id string, name string, args open
      FunctionResponse: id string, name string, response open, parts value[], willContinue bool, scheduling Scheduling
      Tool: functionDeclarations FunctionDeclaration[], googleSearch open, urlContext Empty, codeExecution Empty, googleMaps open, computerUse open, fileSearch open, mcpServers open[]
      FunctionDeclaration: name string, description string, parameters JsonSchema, parametersJsonSchema value, response JsonSchema, responseJsonSchema value, behavior Behavior
      JsonSchema: type Type, format string, title string, description string, nullable bool, enum string[], items JsonSchema, maxItems int64, minItems int64, properties JsonSchema{}, required string[], minProperties int64, maxProperties int64, minimum float, maximum float, minLength int64, maxLength int64, pattern string, example value, default value, anyOf JsonSchema[], propertyOrdering string[]
      RealtimeInputConfig: automaticActivityDetection ActivityDetection, activityHandling ActivityHandling, turnCoverage TurnCoverage
      ActivityDetection: disabled bool, startOfSpeechSensitivity StartSensitivity, endOfSpeechSensitivity EndSensitivity, prefixPaddingMs int32, silenceDurationMs int32
      SessionResumption: handle handle
      Compression: triggerTokens int64, slidingWindow SlidingWindow
      SlidingWindow: targetTokens int64
      Transcription: languageCodes string[], customVocabulary string[], wordTimestamp bool, diarization bool, mode TranscriptionMode, sourceText value, languageAuto value, languageHints value, adaptationPhrases string[]
      HistoryConfig: initialHistoryInClientContent bool
      Proactivity: proactiveAudio bool, proactiveVideo bool
      ClientContent: turns Content[], turnComplete bool
      RealtimeInput: audio Blob, video Blob, text string, activityStart Empty, activityEnd Empty, audioStreamEnd bool, mediaChunks Blob[]
      ToolResponse: functionResponses FunctionResponse[]
      Empty:
      """;

  private static final Map<String, Set<String>> ENUMS =
      Map.ofEntries(
          named("Modality", "MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO"),
          named("MediaResolution", "", "_UNSPECIFIED", "_LOW", "_MEDIUM", "_HIGH"),
          named("ThinkingLevel", "", "_UNSPECIFIED", "MINIMAL", "LOW", "MEDIUM", "HIGH"),
          named("Scheduling", "", "_UNSPECIFIED", "SILENT", "WHEN_IDLE", "INTERRUPT"),
          named("Behavior", "UNSPECIFIED", "BLOCKING", "NON_BLOCKING"),
          named(
              "Type",
              "TYPE_UNSPECIFIED",
              "STRING",
              "NUMBER",
              "INTEGER",
              "BOOLEAN",
              "ARRAY",
              "OBJECT",
              "NULL"),
          named(
              "ActivityHandling",
              "",
              "_UNSPECIFIED",
              "START_OF_ACTIVITY_INTERRUPTS",
              "NO_INTERRUPTION"),
          named(
              "TurnCoverage",
              "",
              "_UNSPECIFIED",
              "TURN_INCLUDES_ONLY_ACTIVITY",
              "TURN_INCLUDES_ALL_INPUT",
              "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO"),
          named("StartSensitivity", "START_SENSITIVITY", "_UNSPECIFIED", "_HIGH", "_LOW"),
          named("EndSensitivity", "END_SENSITIVITY", "_UNSPECIFIED", "_HIGH", "_LOW"),
          named("TranscriptionMode", "MODE_UNSPECIFIED", "VERBATIM", "SMART"));

  private static final Map<String, Map<String, Field>> TABLE = table();
  private static final Pattern TIMESTAMP =
      Pattern.compile(
          "\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?(Z|[+-]\\d\\d:\\d\\d)");

  private enum Shape {
    ONE,
    LIST,
    MAP
  }

  private record Field(String name, String snake, String type, Shape shape, boolean alphaOnly) {}

  private final boolean alpha;

  private Schema(boolean alpha) {
    this.alpha = alpha;
  }

  /** The schema of an API version: v1alpha has a few names more. */
  static Schema of(String version) {
    return new Schema(version.equals("v1alpha"));
  }

  /** Whether a type has a field by its lowerCamelCase name, as masks need to know. */
  boolean has(String type, String name) {
    Field field = TABLE.getOrDefault(type, Map.of()).get(name);
    return field != null && field.name().equals(name) && (alpha || !field.alphaOnly());
  }

  /**
   * Checks an object against a type.
   *
   * @return a copy with lowerCamelCase names and without nulls
   */
  JsonObject read(String type, JsonObject json, String path) {
    Map<String, Field> fields = TABLE.getOrDefault(type, Map.of());
    JsonObject out = new JsonObject();
    for (Map.Entry<String, Object> entry : json) {
      Field field = fields.get(entry.getKey());
      if (field == null || (field.alphaOnly() && !alpha)) {
        throw Refusal.unknownName(entry.getKey(), path);
      }
      if (out.containsKey(field.name())) {
        throw Refusal.invalid(
            "Invalid JSON payload received. Field \"%s\" is set twice.".formatted(field.name()));
      }
      Object value = entry.getValue();
      if (value != null) {
        out.put(field.name(), shaped(field, value, join(path, field)));
      } else if (field.type().equals("handle")) {
        // The service tells a null handle from a missing one.
        out.putNull(field.name());
      }
    }
    return out;
  }

  private Object shaped(Field field, Object value, String path) {
    return switch (field.shape()) {
      case ONE -> single(field.type(), value, path);
      case LIST -> {
        JsonArray list = new JsonArray();
        for (Object item : as(JsonArray.class, field.type(), value, path)) {
          list.add(single(field.type(), item, path + "[" + list.size() + "]"));
        }
        yield list;
      }
      case MAP -> {
        JsonObject map = new JsonObject();
        for (Map.Entry<String, Object> entry : object(field.type(), value, path)) {
          map.put(entry.getKey(), single(field.type(), entry.getValue(), path));
        }
        yield map;
      }
    };
  }

  private Object single(String type, @Nullable Object value, String path) {
    if (value == null) {
      throw wrong(path, type, "null");
    }
    return switch (type) {
      case "value" -> value;
      case "open" -> object(type, value, path);
      case "string", "handle" -> as(String.class, type, value, path);
      case "bool" -> as(Boolean.class, type, value, path);
      case "int32" ->
          Math.toIntExact(integer(type, value, path, Integer.MIN_VALUE, Integer.MAX_VALUE));
      case "int64" -> integer(type, value, path, Long.MIN_VALUE, Long.MAX_VALUE);
      case "float" -> number(type, value, path);
      case "timestamp" -> timestamp(value, path);
      default -> {
        Set<String> names = ENUMS.get(type);
        yield names == null
            ? read(type, object(type, value, path), path)
            : enumerated(type, names, value, path);
      }
    };
  }

  private static JsonObject object(String type, Object value, String path) {
    return as(JsonObject.class, type, value, path);
  }

  private static <T> T as(Class<T> wanted, String type, Object value, String path) {
    if (!wanted.isInstance(value)) {
      throw wrong(path, type, value);
    }
    return wanted.cast(value);
  }

  private static String enumerated(String type, Set<String> names, Object value, String path) {
    String name = as(String.class, type, value, path).toUpperCase(Locale.ROOT);
    if (!names.contains(name)) {
      throw wrong(path, type, value);
    }
    return name;
  }

  private static long integer(String type, Object value, String path, long min, long max) {
    try {
      long exact = new BigDecimal(value.toString()).longValueExact();
      if ((value instanceof Number || value instanceof String) && exact >= min && exact <= max) {
        return exact;
      }
    } catch (ArithmeticException | NumberFormatException e) {
      throw wrong(path, type, value);
    }
    throw wrong(path, type, value);
  }

  private static Number number(String type, Object value, String path) {
    try {
      return value instanceof Number number ? number : Double.valueOf(value.toString());
    } catch (NumberFormatException e) {
      throw wrong(path, type, value);
    }
  }

  private static String timestamp(Object value, String path) {
    String text = as(String.class, "timestamp", value, path);
    try {
      if (TIMESTAMP.matcher(text).matches()) {
        return OffsetDateTime.parse(text).toInstant().toString();
      }
    } catch (DateTimeException e) {
      throw wrong(path, "google.protobuf.Timestamp", value);
    }
    throw wrong(path, "google.protobuf.Timestamp", value);
  }

  /** The instant of a field that {@link #read} has checked. */
  static @Nullable Instant instant(JsonObject json, String name) {
    String text = json.getString(name);
    return text == null ? null : Instant.parse(text);
  }

  private static Refusal wrong(String path, String type, Object value) {
    String shown = value.toString();
    return Refusal.invalid(
        "Invalid value at '%s' (%s), \"%s\""
            .formatted(path, type, shown.length() > 80 ? shown.substring(0, 80) : shown));
  }

  private static String join(String path, Field field) {
    return path.isEmpty() ? field.snake() : path + "." + field.snake();
  }

  private static String snake(String camel) {
    return camel.replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
  }

  private static Map.Entry<String, Set<String>> named(String type, String prefix, String... names) {
    // Names that start with an underscore carry the type's own name, as protobuf enums often do.
    String stem = prefix.isEmpty() ? snake(type).substring(1).toUpperCase(Locale.ROOT) : prefix;
    Set<String> all = new TreeSet<>();
    if (!prefix.isEmpty()) {
      all.add(prefix);
    }
    Arrays.stream(names).map(name -> name.startsWith("_") ? stem + name : name).forEach(all::add);
    return Map.entry(type, all);
  }

  private static Map<String, Map<String, Field>> table() {
    Map<String, Map<String, Field>> types = new HashMap<>();
    for (String line : TYPES.lines().toList()) {
      int colon = line.indexOf(':');
      Map<String, Field> fields = new LinkedHashMap<>();
      for (String spec : line.substring(colon + 1).split(",", -1)) {
        List<String> words = List.of(spec.strip().split(" ", -1));
        if (words.size() < 2) {
          continue;
        }
        String type = words.get(1);
        Shape shape =
            type.endsWith("[]") ? Shape.LIST : type.endsWith("{}") ? Shape.MAP : Shape.ONE;
        String base = shape == Shape.ONE ? type : type.substring(0, type.length() - 2);
        Field field = new Field(words.get(0), snake(words.get(0)), base, shape, words.size() > 2);
        fields.put(field.name(), field);
        fields.put(field.snake(), field);
      }
      types.put(line.substring(0, colon), fields);
    }
    return types;
  }
}
