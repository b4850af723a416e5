package io.livegate.simulator;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Which models exist, and which setups each of them refuses. */
final class Models {
  private static final String EXTENDED_THINKING = "gemini-3.8-live-extended-thinking";
  private static final String WITHOUT_LEVELS = "gemini-3.8-live";

  /** Known names, but of no use in a live session. */
  private static final List<String> NOT_LIVE =
      List.of(
          "responseLogprobs",
          "logprobs",
          "responseMimeType",
          "responseSchema",
          "responseJsonSchema",
          "stopSequences");

  private final Options options;

  Models(Options options) {
    this.options = options;
  }

  /** The answer to listing models. */
  JsonObject list() {
    Set<String> all = new TreeSet<>(options.models());
    all.addAll(options.textModels());
    JsonArray models = new JsonArray();
    for (String name : all) {
      models.add(
          new JsonObject()
              .put("name", "models/" + name)
              .put("supportedGenerationMethods", new JsonArray(List.of("bidiGenerateContent"))));
    }
    return new JsonObject().put("models", models);
  }

  /** Refuses what the model cannot do. */
  void check(JsonObject setup, String version) {
    String model = setup.getString("model", "");
    if (model.isEmpty()) {
      throw Refusal.invalid(Refusal.INVALID);
    }
    String name = model.startsWith("models/") ? model.substring("models/".length()) : "";
    boolean speaksText = options.textModels().contains(name);
    if (!speaksText && !options.models().contains(name)) {
      throw Refusal.closing(
          1008,
          "%s is not found for API version %s, or is not supported for bidiGenerateContent."
              .formatted(model, version));
    }
    JsonObject generation = setup.getJsonObject("generationConfig", new JsonObject());
    if (NOT_LIVE.stream().anyMatch(generation::containsKey)) {
      throw Refusal.invalid(Refusal.INVALID);
    }
    Set<String> modalities = modalities(setup);
    if (!modalities.equals(Set.of("AUDIO")) && !(speaksText && modalities.equals(Set.of("TEXT")))) {
      throw Refusal.invalid(
          "The requested combination of response modalities (%s) is not supported by the model."
              .formatted(String.join(", ", modalities)));
    }
    checkThinking(name, generation.getJsonObject("thinkingConfig", new JsonObject()));
    if (name.equals(EXTENDED_THINKING) && setup.encode().contains("\"behavior\":\"BLOCKING\"")) {
      throw Refusal.invalid("BLOCKING is not supported for this model.");
    }
  }

  /** What the answer consists of; text when nothing was asked for. */
  static Set<String> modalities(JsonObject setup) {
    JsonArray asked =
        setup
            .getJsonObject("generationConfig", new JsonObject())
            .getJsonArray("responseModalities", new JsonArray());
    return asked.isEmpty()
        ? Set.of("TEXT")
        : asked.stream().map(Object::toString).collect(Collectors.toCollection(TreeSet::new));
  }

  private static void checkThinking(String name, JsonObject thinking) {
    String level = thinking.getString("thinkingLevel", "");
    if (name.equals(EXTENDED_THINKING) && level.isEmpty()) {
      throw Refusal.invalid("Thinking level must be specified for this model.");
    }
    if ((name.equals(EXTENDED_THINKING) && level.equals("MINIMAL"))
        || (name.equals(WITHOUT_LEVELS) && !level.isEmpty())) {
      throw Refusal.invalid("Thinking level is not supported for this model.");
    }
  }
}
