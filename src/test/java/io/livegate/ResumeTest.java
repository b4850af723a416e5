package io.livegate;

import static io.livegate.GatewayTest.TOKENS;
import static io.livegate.GatewayTest.as;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.audit.GatewayEvent.SessionResumed;
import io.livegate.simulator.Action;
import io.livegate.simulator.Journal;
import io.livegate.simulator.MintFault;
import io.livegate.simulator.Script.At;
import io.livegate.simulator.Script.Step;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.vertx.core.json.JsonObject;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A conversation outlives its connections to Google, and its client's to the gateway. */
@QuarkusTest
@TestProfile(ResumeTest.Compressed.class)
@WithTestResource(Surroundings.class)
@Timeout(60)
class ResumeTest extends RelayCase {

  private static final String SILENT_SETUP =
      "{\"setup\":{\"model\":\"models/gemini-3.8-live\",\"tools\":[{\"functionDeclarations\":"
          + "[{\"name\":\"weather\"}]}]}}";

  /** The simulator has in its handles whatever it has read. */
  public static final class Compressed implements QuarkusTestProfile {
    @Override
    public Map<String, String> getConfigOverrides() {
      return Map.of(
          "livegate.relay.max-sessions", "2",
          "livegate.relay.handle-lag", "0s",
          "livegate.relay.silence-timeout", "2s",
          "livegate.relay.ping-interval", "500ms");
    }
  }

  /** How sessions went on since the last test began. */
  @ApplicationScoped
  static class Resumed {
    private final List<SessionResumed> events = new CopyOnWriteArrayList<>();

    List<SessionResumed> events() {
      return events;
    }

    void record(@Observes SessionResumed event) {
      events.add(event);
    }
  }

  @Inject Resumed resumed;
  @Inject MeterRegistry metrics;

  @BeforeEach
  void forget() {
    resumed.events().clear();
  }

  private SessionResumed resumption() {
    Await.until(() -> !resumed.events().isEmpty());
    return resumed.events().get(0);
  }

  /** The last connection at Google, and the client's messages in its history. */
  private static List<String> history() {
    List<Journal.Session> legs = Surroundings.simulator().journal().sessions();
    return legs.get(legs.size() - 1).history().stream().map(JsonObject::encode).toList();
  }

  private static int legs() {
    return Surroundings.simulator().journal().sessions().size();
  }

  // --- Legs change

  @Test
  void aWarnedConnectionIsChangedWithoutTheClientsNotice() throws Exception {
    String first = RawSocket.ask("one");
    String second = RawSocket.ask("two");
    try (var socket = open(relayToken()).send(SILENT_SETUP)) {
      socket.await("setupComplete");
      socket.send(first).await("turnComplete");
      play(new Action.GoAway(Duration.ofSeconds(20), Optional.empty()));
      assertTrue(resumption().planned());
      socket.send(second);
      String next = socket.message().text();
      assertTrue(next.startsWith("{\"serverContent\""), next);
      socket.await("turnComplete");
      assertEquals(List.of(first, second), history());
      assertEquals(2, legs());
    }
    assertEquals(0, resumption().replayed());
    assertEquals(2, end().legs());
  }

  @Test
  void aTurnIsFinishedBeforeAChange() throws Exception {
    String story = RawSocket.ask("a story of many words ".repeat(8));
    try (var socket = open(relayToken()).send(SILENT_SETUP)) {
      socket.await("setupComplete");
      socket.send(story).await("modelTurn");
      play(new Action.GoAway(Duration.ofSeconds(20), Optional.empty()));
      socket.await("turnComplete");
      assertTrue(resumption().planned());
      assertEquals(List.of(story), history());
    }
    assertEquals(0, resumption().replayed());
  }

  @Test
  void aToolCallIsAnsweredBeforeAChange() throws Exception {
    try (var socket = open(relayToken()).send(SILENT_SETUP)) {
      socket.await("setupComplete");
      socket.send(RawSocket.ask("call weather {}"));
      String id = callId(socket.await("toolCall").text());
      play(new Action.GoAway(Duration.ofSeconds(20), Optional.empty()));
      socket.send(answer(id)).await("turnComplete");
      assertTrue(resumption().planned());
      assertEquals(2, history().size());
    }
    assertEquals(0, resumption().replayed());
  }

  @Test
  void aTurnThatTakesTooLongIsBrokenOffInTime() throws Exception {
    String story = RawSocket.ask("word ".repeat(150));
    try (var socket = open(relayToken()).send(SILENT_SETUP)) {
      socket.await("setupComplete");
      socket.send(story).await("modelTurn");
      play(
          new Action.GoAway(
              Duration.ofSeconds(1),
              Optional.of(
                  new Action.Close(1011, "Deadline expired before operation could complete."))));
      assertTrue(resumption().planned());
      socket.await("turnComplete");
      assertEquals(List.of(story), history());
    }
    assertEquals(1, resumption().replayed());
  }

  @Test
  void aTurnThatEndsWhileALateChangeIsMadeIsKept() throws Exception {
    String story = RawSocket.ask("word ".repeat(20));
    String then = RawSocket.ask("and then?");
    try (var socket = open(relayToken()).send(SILENT_SETUP)) {
      socket.await("setupComplete");
      Surroundings.simulator().script().mints(1, MintFault.slow(Duration.ofSeconds(1)));
      socket.send(story).await("modelTurn");
      play(new Action.GoAway(Duration.ofMillis(100), Optional.empty()));
      socket.await("turnComplete");
      assertTrue(resumption().planned());
      socket.send(then).await("turnComplete");
      assertEquals(List.of(story, then), history());
    }
    assertEquals(0, resumption().replayed());
  }

  @Test
  void aWarnedConnectionThatFallsSilentIsChangedInTime() throws Exception {
    String story = RawSocket.ask("a story of many words ".repeat(8));
    try (var socket = open(relayToken()).send(SILENT_SETUP)) {
      socket.await("setupComplete");
      socket.send(story).await("modelTurn");
      play(new Action.GoAway(Duration.ofSeconds(1), Optional.empty()), new Action.Silence());
      socket.await("turnComplete");
      assertEquals(List.of(story), history());
    }
    assertEquals(1, resumption().replayed());
  }

  // --- Legs are lost

  static List<Action> losses() {
    return List.of(
        new Action.Reset(),
        new Action.Close(1011, "Internal error occurred."),
        new Action.Close(1008, "The operation was aborted."));
  }

  @ParameterizedTest
  @MethodSource("losses")
  void aTurnThatWasLostIsAskedForAgain(Action loss) throws Exception {
    String first = RawSocket.ask("one");
    String story = RawSocket.ask("a story of many words ".repeat(8));
    try (var socket = open(relayToken()).send(SILENT_SETUP)) {
      socket.await("setupComplete");
      socket.send(first).await("turnComplete");
      socket.send(story).await("modelTurn");
      play(loss);
      socket.await("turnComplete");
      assertEquals(List.of(first, story), history());
    }
    assertFalse(resumption().planned());
    assertEquals(1, resumption().replayed());
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void aToolIsNotCalledTwice(boolean answeredBefore) throws Exception {
    try (var socket = open(relayToken()).send(SILENT_SETUP)) {
      socket.await("setupComplete");
      socket.send(RawSocket.ask("call weather {\"city\":\"Bonn\"}"));
      String id = callId(socket.await("toolCall").text());
      if (answeredBefore) {
        socket.send(answer(id)).await("modelTurn");
        play(new Action.Reset());
      } else {
        play(new Action.Reset());
        Await.until(() -> resumed.events().size() == 1);
        socket.send(answer(id));
      }
      List<String> seen = until(socket, "turnComplete");
      assertTrue(seen.stream().noneMatch(text -> text.contains("toolCall")), seen::toString);
      assertEquals(2, history().size(), () -> history().toString());
      assertFalse(history().get(1).contains(id), "the model's new call is answered");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "1007, Request contains an invalid argument.",
    "1008, models/x is not found",
    "1011, You exceeded your current quota",
    "1000, ''"
  })
  void whatCannotBeResumedEndsTheSession(int code, String reason) throws Exception {
    try (var socket = open(relayToken()).send(SETUP)) {
      socket.await("newHandle");
      play(new Action.Close(code, reason));
      assertEquals((code + " " + reason).strip(), socket.awaitClose());
    }
    assertEquals("google", end().cause());
  }

  @Test
  void attemptsEndWithWhatGoogleSaidLast() throws Exception {
    var script = Surroundings.simulator().script();
    try (var socket = open(relayToken()).send(SETUP)) {
      socket.await("newHandle");
      script.sessions(
          9, new Step(At.BEFORE_SETUP_COMPLETE, new Action.Close(1011, "still no service")));
      play(new Action.Reset());
      assertEquals("1011 still no service", socket.awaitClose());
      assertEquals(6, legs());
    }
    assertEquals("google", end().cause());
  }

  @Test
  void aMintThatFailsIsTriedAgain() throws Exception {
    try (var socket = open(relayToken()).send(SETUP)) {
      socket.await("newHandle");
      Surroundings.simulator().script().mints(1, MintFault.error(503, "UNAVAILABLE", "later"));
      play(new Action.Reset());
      resumption();
      socket.send(RawSocket.ask("well?")).await("turnComplete");
    }
  }

  @Test
  void mediaThatWaitedTooLongIsDroppedAndCounted() throws Exception {
    double before = metrics.counter("livegate.media.dropped").count();
    String audio =
        "{\"realtimeInput\":{\"audio\":{\"mimeType\":\"audio/pcm;rate=16000\",\"data\":\"AAAA\"}}}";
    String question = RawSocket.ask("well?");
    // Longer than max-media-delay.
    Surroundings.simulator().script().mints(1, MintFault.slow(Duration.ofMillis(2500)));
    try (var socket = open(relayToken()).send(SILENT_SETUP)) {
      socket.send(audio).send(question).send(audio);
      socket.await("turnComplete");
      assertEquals(List.of(question), history());
    }
    assertEquals(before + 2, metrics.counter("livegate.media.dropped").count());
  }

  // --- Clients resume

  @Test
  void clientsGetHandlesOfOurOwn() throws Exception {
    String handle;
    try (var socket = open(relayToken()).send(SETUP)) {
      socket.await("setupComplete");
      socket.send(RawSocket.ask("my name is Ada")).await("turnComplete");
      handle = handle(socket.await("lg1.").text());
      socket.close(1000, "");
    }
    for (String google : googleHandles()) {
      assertFalse(handle.contains(google));
    }
    try (var socket = open(relayToken()).send(resuming(handle))) {
      socket.await("setupComplete");
      assertEquals(List.of(RawSocket.ask("my name is Ada")), history());
    }
    String token = token("{\"mode\":\"relay\",\"resumptionHandle\":\"" + handle + "\"}");
    try (var socket = open(token).send(SILENT_SETUP)) {
      socket.await("setupComplete");
      assertEquals(List.of(RawSocket.ask("my name is Ada")), history());
    }
  }

  @Test
  void whoComesBackNeedNotWaitUntilTheOldConnectionIsKnownToBeDead() throws Exception {
    try (var old = open(relayToken()).send(SETUP)) {
      old.await("setupComplete");
      old.send(RawSocket.ask("my name is Ada")).await("turnComplete");
      String handle = handle(old.await("lg1.").text());
      try (var socket = open(relayToken()).send(resuming(handle))) {
        assertEquals("1008 resumed by another session", old.awaitClose());
        assertEquals("superseded", endBy("superseded"));
        socket.await("setupComplete");
        socket.send(RawSocket.ask("and mine?")).await("turnComplete");
        assertEquals(
            List.of(RawSocket.ask("my name is Ada"), RawSocket.ask("and mine?")), history());
      }
    }
  }

  @Test
  void whoComesBackTwiceWithTheSameHandleIsNotInItsOwnWay() throws Exception {
    String handle;
    try (var first = open(relayToken()).send(SETUP)) {
      first.await("setupComplete");
      first.send(RawSocket.ask("my name is Ada")).await("turnComplete");
      handle = handle(first.await("lg1.").text());
    }
    try (var second = open(relayToken()).send(resuming(handle))) {
      second.await("setupComplete");
      try (var third = open(relayToken()).send(resuming(handle))) {
        assertEquals("1008 resumed by another session", second.awaitClose());
        third.await("setupComplete");
        assertEquals(List.of(RawSocket.ask("my name is Ada")), history());
      }
    }
  }

  @Test
  void whoComesBackBeforeGoogleIsReadyIsNotSentAway() throws Exception {
    String handle;
    try (var socket = open(relayToken()).send(SETUP)) {
      socket.await("setupComplete");
      handle = handle(socket.await("lg1.").text());
      socket.close(1000, "");
    }
    int before = legs();
    var notYet = new Action.Close(1011, "Internal error occurred.");
    Surroundings.simulator().script().sessions(2, new Step(At.BEFORE_SETUP_COMPLETE, notYet));
    try (var socket = open(relayToken()).send(resuming(handle))) {
      socket.await("setupComplete");
      assertEquals(before + 3, legs());
    }
    Surroundings.simulator().script().sessions(6, new Step(At.BEFORE_SETUP_COMPLETE, notYet));
    try (var socket = open(relayToken()).send(resuming(handle))) {
      assertEquals("1011 Internal error occurred.", socket.awaitClose());
      assertEquals(before + 3 + 6, legs());
    }
  }

  @Test
  void whoDoesNotAskGetsNoHandles() throws Exception {
    try (var socket = open(relayToken()).send(SILENT_SETUP)) {
      socket.send(RawSocket.ask("hello"));
      List<String> seen = until(socket, "turnComplete");
      socket.send(RawSocket.ask("again"));
      seen.add(socket.await("turnComplete").text());
      assertTrue(seen.stream().noneMatch(text -> text.contains("Resumption")), seen::toString);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"stolen", "altered", "raw", "of another rule"})
  void aHandleIsGoodForItsUserOnly(String what) throws Exception {
    String handle;
    try (var socket = open(relayToken()).send(SETUP)) {
      socket.await("setupComplete");
      handle = handle(socket.await("lg1.").text());
      socket.close(1000, "");
    }
    String google = googleHandles().get(0);
    int before = legs();
    String bad =
        switch (what) {
          case "altered" ->
              handle.substring(0, 40)
                  + (handle.charAt(40) == 'A' ? 'B' : 'A')
                  + handle.substring(41);
          case "raw" -> google;
          default -> handle;
        };
    String who =
        switch (what) {
          case "stolen" -> Surroundings.issuer().token("eve").groups("bridged").sign();
          case "of another rule" -> Surroundings.issuer().token("ada").groups("relayed").sign();
          default -> user().sign();
        };
    try (var socket = open(who).send(resuming(bad))) {
      assertEquals("1008 handle not valid", socket.awaitClose());
    }
    assertEquals(before, legs(), "nothing reached Google");
    assertEquals("handle", endBy("handle"));
    as(Surroundings.issuer().token("eve").groups("bridged"))
        .contentType("application/json")
        .body("{\"mode\":\"relay\",\"resumptionHandle\":\"" + handle + "\"}")
        .post(TOKENS)
        .then()
        .statusCode(400)
        .body("violations[0].field", equalTo("resumptionHandle"))
        .body("violations[0].allowed", startsWith("a handle that the relay gave this user"));
  }

  private String endBy(String cause) {
    Await.until(() -> ended.events().stream().anyMatch(end -> end.cause().equals(cause)));
    return cause;
  }

  // --- Small things

  /** What came, up to the first with that text. */
  private static List<String> until(RawSocket socket, String part) throws Exception {
    var seen = new ArrayList<String>();
    var deadline = System.nanoTime() + Duration.ofSeconds(20).toNanos();
    while (seen.isEmpty() || !seen.get(seen.size() - 1).contains(part)) {
      assertTrue(System.nanoTime() < deadline, () -> part + " does not come, but " + seen);
      seen.add(socket.message().text());
    }
    return seen;
  }

  private static List<String> googleHandles() {
    return Surroundings.simulator().journal().sessions().stream()
        .flatMap(leg -> leg.sent().stream())
        .map(Journal.Frame::payload)
        .filter(text -> text.contains("\"resumable\":true"))
        .map(ResumeTest::handle)
        .toList();
  }

  private static String handle(String update) {
    return new JsonObject(update).getJsonObject("sessionResumptionUpdate").getString("newHandle");
  }

  private static String resuming(String handle) {
    return "{\"setup\":{\"model\":\"models/gemini-3.8-live\",\"sessionResumption\":{\"handle\":\""
        + handle
        + "\"}}}";
  }

  static String callId(String toolCall) {
    return new JsonObject(toolCall)
        .getJsonObject("toolCall")
        .getJsonArray("functionCalls")
        .getJsonObject(0)
        .getString("id");
  }

  static String answer(String id) {
    return "{\"toolResponse\":{\"functionResponses\":[{\"id\":\""
        + id
        + "\",\"name\":\"weather\",\"response\":{\"sky\":\"clear\"}}]}}";
  }
}
