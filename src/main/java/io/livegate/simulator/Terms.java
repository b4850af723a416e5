package io.livegate.simulator;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.Set;

/**
 * What a setup says about how to talk.
 *
 * @param standing what every turn costs before a word is said
 * @param functions the functions that may be called
 * @param inText whether to answer in text, not audio
 * @param transcribesInput whether what is heard is also written down
 * @param transcribesOutput whether what is said is also written down
 * @param givesHandles whether resumption handles are wanted
 * @param manualActivity whether the client tells when the user speaks
 * @param interruptible whether the user's activity stops an answer
 * @param silenceMillis how much silence ends a user's turn
 */
record Terms(
    Tally standing,
    Set<String> functions,
    boolean inText,
    boolean transcribesInput,
    boolean transcribesOutput,
    boolean givesHandles,
    boolean manualActivity,
    boolean interruptible,
    int silenceMillis) {
  private static final int DEFAULT_SILENCE_MILLIS = 500;

  static Terms of(JsonObject setup) {
    JsonArray tools = setup.getJsonArray("tools", new JsonArray());
    JsonObject instruction = setup.getJsonObject("systemInstruction", new JsonObject());
    JsonObject input = setup.getJsonObject("realtimeInputConfig", new JsonObject());
    JsonObject detection = input.getJsonObject("automaticActivityDetection", new JsonObject());
    return new Terms(
        Tally.ofText(tools.isEmpty() ? "" : tools.encode()).plus(Turns.tally(instruction)),
        Turns.functions(tools),
        Models.modalities(setup).contains("TEXT"),
        setup.containsKey("inputAudioTranscription"),
        setup.containsKey("outputAudioTranscription"),
        setup.containsKey("sessionResumption"),
        detection.getBoolean("disabled", false),
        !input.getString("activityHandling", "").equals("NO_INTERRUPTION"),
        detection.getInteger("silenceDurationMs", DEFAULT_SILENCE_MILLIS));
  }
}
