package io.livegate.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Certificates;
import io.livegate.Secrets;
import io.livegate.simulator.Action;
import io.livegate.simulator.Journal;
import io.livegate.simulator.Script.At;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Google's own SDKs hold whole sessions through the relay of the packaged gateway, by TLS and with
 * nothing but its address in the place of Google's: text, audio, an interruption, a tool, and
 * messages as large as they may be, both ways.
 */
@QuarkusIntegrationTest
@WithTestResource(Keycloak.class)
@WithTestResource(SimulatedGoogle.class)
class GoogleSdkSessionE2E {

  private static final List<At> POINTS =
      List.of(At.AFTER_SETUP_COMPLETE, At.MID_TURN, At.TOOL_CALL, At.AFTER_TURN);

  private static final Action WARNING = new Action.GoAway(Duration.ofSeconds(20), Optional.empty());

  private static final int LARGEST_FROM_CLIENT = 8 << 20;
  private static final int LARGEST_FROM_GOOGLE = 16 << 20;

  private static final JsonArray TOOLS =
      new JsonArray("[{\"functionDeclarations\":[{\"name\":\"weather\"}]}]");

  private static final String STORY = "a long story ".repeat(60).strip();

  /** By SDK, how many bytes it puts around a text that is said. */
  private static final Map<String, Integer> AROUND = new ConcurrentHashMap<>();

  @BeforeAll
  static void install() throws IOException {
    JsSdk.install();
    SimulatedGoogle.certificates().trust();
  }

  @AfterAll
  static void nothingLeaked() throws IOException {
    Certificates.distrust();
    Gateway.keptItsSecrets();
  }

  @BeforeEach
  void forget() {
    SimulatedGoogle.simulator().script().clear();
    SimulatedGoogle.simulator().journal().clear();
  }

  @ParameterizedTest
  @CsvSource({
    "js, relay",
    "js, direct",
    "js, access",
    "java, relay",
    "java, direct",
    "java, access",
  })
  void aWholeSessionRunsThroughTheRelay(String sdk, String kind) throws Exception {
    int largest = LARGEST_FROM_CLIENT - around(sdk);
    forget();
    String token = credential(kind);
    SimulatedGoogle.simulator()
        .script()
        .session(At.AFTER_TURN, new Action.Burst(1, LARGEST_FROM_GOOGLE));

    JsonObject heard = session(sdk, input(token).put("largest", largest));

    var session = SimulatedGoogle.onlySession();
    heardAllOf(heard, session);
    JsonObject last = heard.getJsonObject("largest");
    assertEquals(largest, last.getInteger("transcription"));
    assertTrue(last.getInteger("audioBytes") > 0);
    assertEquals(LARGEST_FROM_CLIENT, said(session, 4).length());
    assertTrue(largestFromGoogle(session) > 0);

    assertTrue(session.path().endsWith(".v1beta.GenerativeService.BidiGenerateContentConstrained"));
    assertEquals("access_token", session.credentialPlace());
    assertEquals(kind.equals("direct"), token.equals(session.credential()));
    assertEquals(TOOLS, session.setup().getJsonArray("tools"));
    assertEquals(
        "{\"parts\":[{\"text\":\"You help Ada Lovelace.\"}]}",
        session.setup().getJsonObject("systemInstruction").encode());
    assertTrue(session.closedByClient());
    // This is how they close: Node.js without a code.
    assertEquals(
        sdk.equals("js") ? "1000 " : "1000 Client closing",
        session.closeCode() + " " + session.closeReason());
  }

  /** What was said, and came back; and what Google got of it. */
  private static void heardAllOf(JsonObject heard, Journal.Session session) {
    assertFalse(heard.containsKey("error"), heard::encodePrettily);
    JsonObject text = heard.getJsonObject("text");
    assertEquals("Good morning", text.getString("transcription"));
    assertTrue(text.getInteger("audioBytes") > 0, text::encode);
    assertTrue(text.getInteger("tokens") > 0, text::encode);
    assertTrue(said(session, 0).contains("\"Good morning\""));

    JsonObject audio = heard.getJsonObject("audio");
    assertEquals("heard 1000 ms of audio", audio.getString("transcription"));
    // One second at Google's rate.
    assertEquals(48_000 + largestFromGoogle(session), audio.getInteger("audioBytes"));
    List<JsonObject> sounds = sent(session, "realtimeInput");
    assertEquals(11, sounds.size());
    assertEquals(3200, sound(sounds.get(0)).length);
    assertTrue(sounds.get(10).getBoolean("audioStreamEnd"));

    JsonObject interrupted = heard.getJsonObject("interrupted");
    assertTrue(interrupted.getBoolean("interrupted"), interrupted::encode);
    assertTrue(interrupted.getString("transcription").length() < STORY.length());
    assertEquals("Never mind", heard.getJsonObject("afterwards").getString("transcription"));
    assertFalse(heard.getJsonObject("afterwards").getBoolean("interrupted"));

    JsonArray calls = heard.getJsonObject("call").getJsonArray("calls");
    assertEquals(1, calls.size());
    JsonObject call = calls.getJsonObject(0);
    assertEquals("weather", call.getString("name"));
    assertEquals(new JsonObject().put("city", "Bonn"), call.getJsonObject("args"));
    JsonObject response =
        sent(session, "toolResponse").get(0).getJsonArray("functionResponses").getJsonObject(0);
    assertEquals(call.getString("id"), response.getString("id"));
    assertEquals(new JsonObject().put("sky", "clear"), response.getJsonObject("response"));
    assertEquals(
        "The function said {\"sky\":\"clear\"}",
        heard.getJsonObject("response").getString("transcription"));
    heard.stream()
        .map(step -> (JsonObject) step.getValue())
        .forEach(step -> assertFalse(step.containsKey("closed"), step::encode));
  }

  /** What the client sent under that name; the Java SDK writes {@code realtime_input}. */
  private static List<JsonObject> sent(Journal.Session session, String name) {
    return session.frames().stream()
        .map(frame -> new JsonObject(frame.payload().replace("realtime_input", "realtimeInput")))
        .filter(message -> message.containsKey(name))
        .map(message -> message.getJsonObject(name))
        .toList();
  }

  /** The message in which the client said the number-th thing. */
  private static String said(Journal.Session session, int number) {
    return session.frames().stream()
        .map(Journal.Frame::payload)
        .filter(payload -> payload.startsWith("{\"clientContent\""))
        .skip(number)
        .findFirst()
        .orElseThrow();
  }

  private static byte[] sound(JsonObject input) {
    return Base64.getDecoder()
        .decode(input.getJsonObject("audio").getString("data").replace('-', '+').replace('_', '/'));
  }

  /** How much sound there was in the one message of the largest size, if there was one. */
  private static int largestFromGoogle(Journal.Session session) {
    return session.sent().stream()
        .filter(frame -> frame.payload().length() == LARGEST_FROM_GOOGLE)
        .map(frame -> new JsonObject(frame.payload()).getJsonObject("serverContent"))
        .map(content -> content.getJsonObject("modelTurn").getJsonArray("parts"))
        .mapToInt(
            parts ->
                parts.getJsonObject(0).getJsonObject("inlineData").getString("data").length()
                    / 4
                    * 3)
        .findFirst()
        .orElse(0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"js", "java"})
  void anSdkNoticesNothingOfConnectionsThatEnd(String sdk) throws Exception {
    var script = SimulatedGoogle.simulator().script();
    script.session(At.MID_TURN, WARNING);
    script.session(At.AFTER_TURN, new Action.Close(1011, "Internal error occurred."));
    script.session(At.MID_TURN, WARNING);
    script.session(At.TOOL_CALL, WARNING);
    noticesNothing(sdk);
    assertTrue(SimulatedGoogle.simulator().journal().sessions().size() >= 4);
  }

  /** Wherever they are about to end; of those that are lost, what was on its way may be, too. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void anSdkNoticesNothingOfConnectionsThatAreAboutToEnd(int seed) throws Exception {
    var random = new Random(seed);
    var script = SimulatedGoogle.simulator().script();
    for (int i = 0; i < 6; i++) {
      script.session(POINTS.get(random.nextInt(POINTS.size())), WARNING);
    }
    noticesNothing("js");
  }

  private static void noticesNothing(String sdk) throws Exception {
    JsonObject heard = session(sdk, input(credential("relay")));

    assertFalse(heard.containsKey("error"), heard::encodePrettily);
    assertEquals(
        List.of(
            "Good morning",
            "heard 1000 ms of audio",
            "Never mind",
            "The function said {\"sky\":\"clear\"}"),
        Stream.of("text", "audio", "afterwards", "response")
            .map(step -> heard.getJsonObject(step).getString("transcription"))
            .toList());
    assertEquals(48_000, heard.getJsonObject("audio").getInteger("audioBytes"));
    assertTrue(heard.getJsonObject("interrupted").getBoolean("interrupted"));
    assertEquals(1, heard.getJsonObject("call").getJsonArray("calls").size());
    heard.stream()
        .map(step -> (JsonObject) step.getValue())
        .forEach(step -> assertFalse(step.containsKey("closed"), step::encode));
  }

  @Test
  void aMessageThatIsTooLargeEndsTheSession() throws Exception {
    JsonObject heard =
        session("js", input(credential("relay")).put("largest", LARGEST_FROM_CLIENT));

    assertEquals(
        "1009 the message is too large", heard.getJsonObject("largest").getString("closed"));
    assertEquals(4, sent(SimulatedGoogle.onlySession(), "clientContent").size());
  }

  // --- Steps

  private static String credential(String kind) {
    String access = Keycloak.login("ada").accessToken();
    if (kind.equals("access")) {
      return access;
    }
    var request =
        new JsonObject().put("mode", kind).put("setup", new JsonObject().put("tools", TOOLS));
    return Secrets.remember(
        Gateway.as(access)
            .contentType("application/json")
            .body(request.encode())
            .post("/v1/tokens")
            .then()
            .statusCode(201)
            .extract()
            .path("token"));
  }

  private static JsonObject input(String token) throws IOException {
    return new JsonObject()
        .put("token", token)
        .put("baseUrl", Gateway.tlsUrl())
        .put("apiVersion", "v1beta")
        .put("model", "gemini-3.8-live")
        .put("story", STORY)
        .put(
            "config",
            new JsonObject().put("responseModalities", List.of("AUDIO")).put("tools", TOOLS));
  }

  private static JsonObject session(String sdk, JsonObject input) throws Exception {
    return sdk.equals("js")
        ? JsSdk.run("session.mjs", input, SimulatedGoogle.certificates().authority())
        : JavaSdk.session(input);
  }

  /** Measured in a session of its own, the first time. */
  private static int around(String sdk) throws Exception {
    Integer known = AROUND.get(sdk);
    if (known == null) {
      JsonObject heard = session(sdk, input(credential("relay")));
      var session = SimulatedGoogle.onlySession();
      heardAllOf(heard, session);
      known = said(session, 0).length() - "Good morning".length();
      AROUND.put(sdk, known);
    }
    return known;
  }
}
