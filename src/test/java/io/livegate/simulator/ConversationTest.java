package io.livegate.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class ConversationTest {
  private static LiveSimulator simulator;

  /** Never gets beyond the first piece of an answer, so that it can be interrupted at leisure. */
  private static LiveSimulator stuck;

  @BeforeAll
  static void start() {
    simulator =
        LiveSimulator.start(
            Options.builder()
                .chunkInterval(Duration.ZERO)
                .resumptionInterval(Duration.ofMillis(1))
                .build());
    stuck = LiveSimulator.start(Options.builder().chunkInterval(Duration.ofHours(1)).build());
  }

  @AfterAll
  static void stop() {
    simulator.close();
    stuck.close();
  }

  private static String audio(int samples, int level) {
    byte[] pcm = new byte[2 * samples];
    for (int i = 0; i < samples; i++) {
      int value = i % 2 == 0 ? level : -level;
      pcm[2 * i] = (byte) value;
      pcm[2 * i + 1] = (byte) (value >> 8);
    }
    return "{\"realtime_input\":{\"audio\":{\"data\":\""
        + Base64.getEncoder().encodeToString(pcm)
        + "\",\"mimeType\":\"audio/pcm;rate=16000\"}}}";
  }

  private static List<String> keys(Client client) {
    return client.seen().stream()
        .map(m -> m.getJsonObject("serverContent", m).fieldNames().iterator().next())
        .toList();
  }

  @Test
  void echoesTextInOrder() throws Exception {
    Client client = Client.ready(simulator, Client.AUDIO_SETUP);
    client.awaitHandle();
    client.ask("two words");
    client.awaitHandle();

    assertEquals("two words", client.transcript());
    assertEquals(
        List.of(
            "setupComplete",
            "sessionResumptionUpdate",
            "sessionResumptionUpdate",
            "outputTranscription",
            "modelTurn",
            "outputTranscription",
            "modelTurn",
            "generationComplete",
            "turnComplete",
            "sessionResumptionUpdate"),
        keys(client));
    assertFalse(Client.update(client.seen().get(2)).getBoolean("resumable"));
    assertEquals("", Client.update(client.seen().get(2)).getString("newHandle"));
  }

  @Test
  void answersInTextWhereTheModelCan() throws Exception {
    Client client =
        Client.ready(
            simulator,
            "{\"setup\":{\"model\":\"models/simulated-text-live\",\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}}}");
    client.send("{\"realtimeInput\":{\"text\":\"hi\"}}");

    JsonObject turn = client.await("modelTurn").getJsonObject("serverContent");
    assertEquals(
        new JsonArray().add(new JsonObject().put("text", "hi")),
        turn.getJsonObject("modelTurn").getJsonArray("parts"));
  }

  @Test
  void echoesAudioAndCountsIt() throws Exception {
    Client client = Client.ready(simulator, Client.AUDIO_SETUP);
    client.send(audio(16_000, 9000));
    client.send("{\"realtimeInput\":{\"audioStreamEnd\":true}}");

    JsonObject heard = client.await("inputTranscription").getJsonObject("serverContent");
    JsonObject usage = client.await("turnComplete").getJsonObject("usageMetadata");

    assertEquals(
        "heard 1000 ms of audio", heard.getJsonObject("inputTranscription").getString("text"));
    assertEquals(48_000, client.audioBytes());
    assertTrue(
        usage
            .getJsonArray("promptTokensDetails")
            .contains(new JsonObject().put("modality", "AUDIO").put("tokenCount", 25)));
    assertTrue(
        usage
            .getJsonArray("responseTokensDetails")
            .contains(new JsonObject().put("modality", "AUDIO").put("tokenCount", 25)));
  }

  @Test
  void takesSpeechAndThenSilenceForATurn() throws Exception {
    Client client = Client.ready(simulator, Client.AUDIO_SETUP);
    client.send(audio(8000, 9000)).send(audio(8000, 0));

    client.await("turnComplete");

    assertEquals(48_000, client.audioBytes());
  }

  @Test
  void letsTheClientMarkActivity() throws Exception {
    String setup =
        Client.AUDIO_SETUP.replaceFirst(
            "\\{\"model\"",
            "{\"realtimeInputConfig\":{\"automaticActivityDetection\":{\"disabled\":true}},\"model\"");
    Client client = Client.ready(simulator, setup);
    client.send("{\"realtimeInput\":{\"activityStart\":{}}}");
    client.send(audio(160, 9000));
    client.send("{\"realtimeInput\":{\"activityEnd\":{}}}");

    client.await("turnComplete");

    assertEquals(480, client.audioBytes());
  }

  @Test
  void paysForTheHistoryAgainEveryTurn() throws Exception {
    Client client = Client.ready(simulator, Client.AUDIO_SETUP);
    client.ask("one");
    JsonObject first = client.await("usageMetadata").getJsonObject("usageMetadata");
    client.ask("one");
    JsonObject second = client.await("usageMetadata").getJsonObject("usageMetadata");

    assertEquals(first.getInteger("totalTokenCount") + 1, second.getInteger("promptTokenCount"));
    assertEquals(first.getInteger("responseTokenCount"), second.getInteger("responseTokenCount"));
  }

  @Test
  void isInterruptedByNewContent() throws Exception {
    Client client = Client.ready(stuck, Client.AUDIO_SETUP);
    client.ask("first answer");
    client.await("modelTurn");
    client.ask("second");
    client.await("interrupted");

    JsonObject next = client.await(m -> true);
    assertTrue(next.getJsonObject("serverContent").containsKey("turnComplete"));
    client.await("modelTurn");
    assertFalse(keys(client).contains("generationComplete"));
  }

  @Test
  void isInterruptedBySpeechButNotBySilence() throws Exception {
    Client client = Client.ready(stuck, Client.AUDIO_SETUP);
    client.ask("first answer");
    client.await("modelTurn");
    client
        .send(audio(160, 0))
        .send("{\"realtimeInput\":{\"video\":{\"data\":\"AAAA\",\"mimeType\":\"image/png\"}}}");
    client.send(audio(160, 9000));

    assertTrue(client.await(m -> true).getJsonObject("serverContent").containsKey("interrupted"));
  }

  @Test
  void callsADeclaredFunctionAndWaits() throws Exception {
    Client client = Client.ready(simulator, Client.AUDIO_SETUP);
    client.ask("please call get_weather {\"city\":\"Oslo\"}");
    JsonObject call =
        client
            .await("toolCall")
            .getJsonObject("toolCall")
            .getJsonArray("functionCalls")
            .getJsonObject(0);
    assertEquals("get_weather", call.getString("name"));
    assertEquals(new JsonObject().put("city", "Oslo"), call.getJsonObject("args"));

    client.send(
        "{\"tool_response\":{\"function_responses\":[{\"id\":\""
            + call.getString("id")
            + "\",\"name\":\"get_weather\",\"response\":{\"temp\":7}}]}}");
    JsonObject usage = client.await("turnComplete").getJsonObject("usageMetadata");

    assertEquals("The function said {\"temp\":7}", client.transcript());
    assertTrue(usage.getInteger("toolUsePromptTokenCount") > 0);
    assertEquals(1, keys(client).stream().filter("turnComplete"::equals).count());
  }

  @Test
  void cancelsAToolCallWhenInterrupted() throws Exception {
    Client client = Client.ready(simulator, Client.AUDIO_SETUP);
    client.ask("call get_weather");
    String id =
        client
            .await("toolCall")
            .getJsonObject("toolCall")
            .getJsonArray("functionCalls")
            .getJsonObject(0)
            .getString("id");
    client.ask("never mind");

    JsonObject cancelled = client.await(m -> true).getJsonObject("toolCallCancellation");
    assertEquals(new JsonArray().add(id), cancelled.getJsonArray("ids"));
    client.await("interrupted");
    client.await("turnComplete");
    client.send("{\"toolResponse\":{\"functionResponses\":[{\"id\":\"" + id + "\"}]}}");
    client.await("generationComplete");
    assertEquals("never mind", client.transcript());
  }

  @Test
  void refusesAnUnknownCallId() throws Exception {
    Client client = Client.ready(simulator, Client.AUDIO_SETUP);
    client.send("{\"toolResponse\":{\"functionResponses\":[{\"id\":\"x\"}]}}");

    assertEquals("1008 Requested entity was not found", client.awaitClose());
  }

  @Test
  void swallowsInitialHistory() throws Exception {
    String setup =
        Client.AUDIO_SETUP.replaceFirst(
            "\\{\"model\"",
            "{\"historyConfig\":{\"initialHistoryInClientContent\":true},\"model\"");
    Client client = Client.ready(simulator, setup);
    client.ask("what was before").ask("now");
    client.await("turnComplete");

    assertEquals("now", client.transcript());
  }
}
