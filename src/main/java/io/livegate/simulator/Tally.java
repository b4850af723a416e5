package io.livegate.simulator;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;

/** Tokens by modality, at the published rates: 25 a second of audio, 258 an image. */
record Tally(long text, long audio, long video) {
  static final Tally NONE = new Tally(0, 0, 0);
  static final Tally IMAGE = new Tally(0, 0, 258);

  static Tally ofText(String text) {
    return new Tally((text.length() + 3) / 4, 0, 0);
  }

  static Tally ofAudio(long millis) {
    return new Tally(0, (millis + 39) / 40, 0);
  }

  Tally plus(Tally other) {
    return new Tally(text + other.text, audio + other.audio, video + other.video);
  }

  long total() {
    return text + audio + video;
  }

  /** The usage of a turn that read {@code prompt} and {@code tools}, and said {@code response}. */
  static JsonObject usage(Tally prompt, Tally tools, Tally response) {
    JsonObject usage = new JsonObject().put("promptTokenCount", prompt.total());
    if (tools.total() > 0) {
      usage
          .put("toolUsePromptTokenCount", tools.total())
          .put("toolUsePromptTokensDetails", tools.details());
    }
    return usage
        .put("responseTokenCount", response.total())
        .put("totalTokenCount", prompt.total() + tools.total() + response.total())
        .put("promptTokensDetails", prompt.details())
        .put("responseTokensDetails", response.details());
  }

  private JsonArray details() {
    JsonArray details = new JsonArray();
    add(details, "TEXT", text);
    add(details, "AUDIO", audio);
    add(details, "VIDEO", video);
    return details;
  }

  private static void add(JsonArray details, String modality, long count) {
    if (count > 0) {
      details.add(new JsonObject().put("modality", modality).put("tokenCount", count));
    }
  }
}
