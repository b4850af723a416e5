package io.livegate;

import static io.livegate.RawSocket.BINARY;
import static io.livegate.RawSocket.CLOSE;
import static io.livegate.RawSocket.PING;
import static io.livegate.RawSocket.PONG;
import static io.livegate.RawSocket.TEXT;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.audit.GatewayEvent.SessionClosed;
import io.livegate.simulator.Action;
import io.livegate.simulator.Journal;
import io.livegate.simulator.MintFault;
import io.livegate.simulator.Script.At;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The ways a session ends: by either side, in order or not, in each of its states; by the clock;
 * for want of room. Each time: what the client sees, what Google sees, what is told, and whether
 * the token's use was spent.
 */
@QuarkusTest
@TestProfile(RelayEndsTest.Impatient.class)
@WithTestResource(Surroundings.class)
class RelayEndsTest extends RelayCase {

  /** A relay that waits for nobody long, and has little room. */
  public static final class Impatient implements QuarkusTestProfile {
    @Override
    public Map<String, String> getConfigOverrides() {
      return Map.ofEntries(
          Map.entry("livegate.relay.resume-attempts", "0"),
          Map.entry("livegate.relay.max-sessions", "3"),
          Map.entry("livegate.relay.max-pending", "1"),
          Map.entry("livegate.relay.max-buffered-bytes", "4M"),
          Map.entry("livegate.relay.setup-timeout", "1500ms"),
          Map.entry("livegate.relay.connect-timeout", "1500ms"),
          Map.entry("livegate.relay.ping-interval", "200ms"),
          Map.entry("livegate.relay.silence-timeout", "1200ms"),
          Map.entry("livegate.relay.idle-timeout", "2500ms"),
          Map.entry("livegate.relay.max-session", "4s"),
          Map.entry("livegate.relay.go-away-lead", "1500ms"),
          Map.entry("livegate.gemini.timeout", "1s"));
    }
  }

  private static final byte[] MASK = {9, 8, 7, 6};
  private static final int FIN = 0x80;

  /** 123 bytes, as many as fit. */
  private static final String LONGEST_REASON = "\u20ac".repeat(41);

  @Override
  int places() {
    return 3;
  }

  private void toldOf(String cause, int code, boolean begun) {
    assertEquals(cause + " " + code + " " + begun, told(end()));
  }

  private static String told(SessionClosed end) {
    return end.cause() + " " + end.code() + " " + end.begun();
  }

  /** How Google's end of the test's first session was closed, when it is. */
  private static String closedAtGoogle() throws Exception {
    var session = upstream(Journal.Session::closed);
    return (session.closedByClient() ? "by us " : "by Google ")
        + (session.closeCode() + " " + session.closeReason()).strip();
  }

  private void spent(String token) throws Exception {
    try (var socket = connect(token)) {
      assertEquals("401", socket.status());
    }
  }

  /** The use of a token is given back a moment after the session ended. */
  private void givenBack(String token) throws Exception {
    Await.until(
        () -> {
          var socket = connect(token);
          if (socket.status().equals("101")) {
            socket.send(SETUP).await("setupComplete");
          }
          socket.close();
          return socket.status().equals("101");
        });
    spent(token);
  }

  /** Waits until the gateway has read what was sent. */
  private static void read(RawSocket socket) throws Exception {
    socket.frame(PING, true, new byte[] {42});
    RawSocket.Frame frame = socket.read();
    while (frame.opcode() != PONG) {
      assertTrue(frame.opcode() != CLOSE, frame::close);
      frame = socket.read();
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  // --- Closed by a side

  static Stream<String> closes() {
    return Stream.of(
        "1000",
        "1000 done",
        "1001 going",
        "1003",
        "1007 what",
        "1014 gateway",
        "3000 registered",
        "4999",
        "1000 " + LONGEST_REASON);
  }

  @ParameterizedTest
  @MethodSource("closes")
  void theClientsClosePassesAsItIs(String close) throws Exception {
    int code = Integer.parseInt(close.substring(0, 4));
    try (var socket = ready(relayToken())) {
      socket.close(code, close.substring(4).strip());
      assertEquals(close, socket.awaitClose());
      assertEquals("1006", socket.awaitClose(), "the connection ends with it");
    }
    assertEquals("by us " + close, closedAtGoogle());
    toldOf("client", code, true);
  }

  @ParameterizedTest
  @MethodSource("closes")
  void googlesClosePassesAsItIs(String close) throws Exception {
    int code = Integer.parseInt(close.substring(0, 4));
    try (var socket = ready(relayToken())) {
      play(new Action.Close(code, close.substring(4).strip()));
      assertEquals(close, socket.awaitClose());
      socket.close(code, "");
      assertEquals("1006", socket.awaitClose(), "the connection ends with it");
    }
    toldOf("google", code, true);
  }

  @Test
  void aCloseWithoutCodeIsANormalOneOnTheOtherSide() throws Exception {
    try (var socket = ready(relayToken())) {
      socket.frame(CLOSE, true, new byte[0]);
      assertEquals("1005", socket.awaitClose());
    }
    assertEquals("by us 1000", closedAtGoogle());
    toldOf("client", 1005, true);
  }

  @Test
  void googlesCloseWithoutCodeIsANormalOneForTheClient() throws Exception {
    try (var socket = ready(relayToken())) {
      play(new Action.Bytes(Buffer.buffer(RawSocket.frame(FIN | CLOSE, new byte[0]))));
      assertEquals("1000", socket.awaitClose());
    }
    toldOf("google", 1005, true);
  }

  /** What is sent ahead of a close is not lost. */
  @Test
  void messagesPassAheadOfTheClose() throws Exception {
    try (var socket = ready(relayToken())) {
      var all = Buffer.buffer();
      for (int i = 0; i < 50; i++) {
        all.appendBytes(RawSocket.frame(FIN | TEXT, bytes(text("number " + i)), MASK));
      }
      all.appendBytes(RawSocket.frame(FIN | CLOSE, RawSocket.closing(4001, "enough"), MASK));
      socket.bytes(all.getBytes());
      assertEquals("4001 enough", socket.awaitClose());
    }
    assertEquals("by us 4001 enough", closedAtGoogle());
    assertEquals(50, passed().size());
    assertEquals(text("number 49"), passed().get(49).payload());
  }

  // --- Reset by the client

  /** Where a session is. */
  enum Where {
    OPEN,
    IN_THE_SETUP,
    MINTING,
    CONNECTED,
    STREAMING,
    IN_A_MESSAGE,
    IN_AN_ANSWER,
    TOLD_TO_CLOSE
  }

  /** Brings a session there. */
  private RawSocket at(Where where, String token) throws Exception {
    RawSocket socket;
    switch (where) {
      case OPEN -> socket = open(token);
      case IN_THE_SETUP -> socket = open(token).frame(TEXT, false, bytes(SETUP.substring(0, 9)));
      case MINTING -> {
        Surroundings.simulator().script().mints(1, MintFault.slow(Duration.ofMillis(300)));
        socket = open(token).send(SETUP);
      }
      case CONNECTED -> {
        Surroundings.simulator().script().session(At.BEFORE_SETUP_COMPLETE, new Action.Silence());
        socket = open(token).send(SETUP);
        upstream(session -> !session.setup().isEmpty());
      }
      case STREAMING -> socket = ready(token);
      case IN_A_MESSAGE -> {
        socket = ready(token);
        byte[] frame = RawSocket.frame(FIN | TEXT, bytes(text("cut off")), MASK);
        socket.frame(BINARY, false, bytes("{")).bytes(RawSocket.header(0, 5000, MASK));
        socket.bytes(Buffer.buffer(frame).getBytes(0, 7));
        return socket;
      }
      case IN_AN_ANSWER -> {
        socket = ready(token).send(RawSocket.ask("a long story ".repeat(100)));
        socket.await("modelTurn");
        return socket;
      }
      case TOLD_TO_CLOSE -> {
        socket = ready(token).send("{}");
        assertEquals("1007 the message is empty", socket.awaitClose());
        return socket;
      }
      default -> throw new AssertionError(where);
    }
    read(socket);
    return socket;
  }

  @ParameterizedTest
  @EnumSource
  void aClientThatResetsEndsItsSession(Where where) throws Exception {
    String token = relayToken();
    at(where, token).reset();
    gone(where, token);
  }

  @ParameterizedTest
  @EnumSource
  void aClientThatHangsUpWithoutACloseEndsItsSession(Where where) throws Exception {
    String token = relayToken();
    at(where, token).close();
    gone(where, token);
  }

  private void gone(Where where, String token) throws Exception {
    boolean begun =
        switch (where) {
          case OPEN, IN_THE_SETUP, MINTING, CONNECTED -> false;
          case STREAMING, IN_A_MESSAGE, IN_AN_ANSWER, TOLD_TO_CLOSE -> true;
        };
    if (where == Where.TOLD_TO_CLOSE) {
      toldOf("policy", 1007, true);
      assertEquals("by us 1000", closedAtGoogle());
    } else {
      toldOf("client", 1006, begun);
    }
    switch (where) {
      case OPEN, IN_THE_SETUP -> GatewayTest.nothingMinted();
      case MINTING -> {
        Await.until(() -> Surroundings.simulator().journal().mints().size() == 1);
        assertEquals(List.of(), Surroundings.simulator().journal().sessions());
      }
      case CONNECTED, STREAMING, IN_AN_ANSWER -> assertEquals("by us 1001", closedAtGoogle());
      case IN_A_MESSAGE -> {
        assertEquals("by us 1001", closedAtGoogle());
        assertEquals(List.of(), passed(), "half a message does not pass");
      }
      case TOLD_TO_CLOSE -> {}
    }
    spent(token);
  }

  // --- Reset by Google

  @ParameterizedTest
  @EnumSource
  void aConnectionThatGoogleResetsIsSaidToBeLost(At point) throws Exception {
    boolean begun = point != At.OPEN && point != At.BEFORE_SETUP_COMPLETE;
    String token = relayToken();
    if (point != At.AFTER_SETUP_COMPLETE) {
      Surroundings.simulator().script().session(point, new Action.Reset());
    }
    String setup =
        point == At.TOOL_CALL
            ? "{\"setup\":{\"tools\":[{\"functionDeclarations\":[{\"name\":\"f\"}]}]}}"
            : SETUP;
    try (var socket = open(token).send(setup)) {
      if (begun) {
        socket.await("setupComplete");
        socket.send(RawSocket.ask(point == At.TOOL_CALL ? "call f {}" : "good morning"));
      }
      if (point == At.AFTER_SETUP_COMPLETE) {
        // Not by script: the reset could overtake setupComplete.
        play(new Action.Reset());
      }
      String close = socket.awaitClose();
      if (point == At.OPEN) {
        // The reset may overtake the answer to the handshake.
        assertTrue(
            Set.of("1011 the connection to Google was lost", "1011 Google cannot be reached")
                .contains(close),
            close);
        assertFalse(end().begun());
      } else {
        assertEquals("1011 the connection to Google was lost", close);
        toldOf("google", 1006, begun);
      }
    }
    if (begun) {
      spent(token);
    } else {
      givenBack(token);
    }
  }

  @Test
  void halfAnAnswerDoesNotPass() throws Exception {
    try (var socket = ready(relayToken())) {
      socket.await("newHandle");
      byte[] header = RawSocket.header(FIN | BINARY, 5000);
      play(new Action.Bytes(Buffer.buffer(header).appendString("{\"half")), new Action.Reset());
      RawSocket.Frame close = socket.message();
      assertEquals(CLOSE, close.opcode());
      assertEquals("1011 the connection to Google was lost", close.close());
    }
    toldOf("google", 1006, true);
  }

  @Test
  void aMintThatIsResetIsGooglesFault() throws Exception {
    String token = relayToken();
    Surroundings.simulator().script().mints(2, MintFault.reset());
    try (var socket = open(token).send(SETUP)) {
      assertEquals("1011 Google cannot be reached.", socket.awaitClose());
    }
    toldOf("fault", 1011, false);
    Surroundings.simulator().script().clear();
    givenBack(token);
  }

  // --- Refused by Google

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          400 | INVALID_ARGUMENT   | 1 | 1011 Google refused the gateway's request for a token.
          401 | UNAUTHENTICATED    | 1 | 1011 Google refused the gateway's request for a token.
          403 | PERMISSION_DENIED  | 1 | 1011 Google refused the gateway's request for a token.
          404 | NOT_FOUND          | 1 | 1011 Google refused the gateway's request for a token.
          429 | RESOURCE_EXHAUSTED | 1 | 1011 Google's quota or rate limit is reached.
          500 | INTERNAL           | 1 | 1011 Google failed to mint a token.
          503 | UNAVAILABLE        | 2 | 1011 Google failed to mint a token.
          """)
  void aRefusedMintClosesAndCostsNothing(int status, String name, int times, String expected)
      throws Exception {
    String token = relayToken();
    Surroundings.simulator().script().mints(times, MintFault.error(status, name, "a secret"));
    try (var socket = open(token).send(SETUP)) {
      assertEquals(expected, socket.awaitClose());
    }
    toldOf("fault", 1011, false);
    assertEquals(List.of(), Surroundings.simulator().journal().sessions());
    givenBack(token);
  }

  @Test
  void aMintThatHangsClosesAndCostsNothing() throws Exception {
    String token = relayToken();
    Surroundings.simulator().script().mints(1, MintFault.hang());
    try (var socket = open(token).send(SETUP)) {
      assertEquals("1011 Google did not mint a token within the timeout.", socket.awaitClose());
    }
    toldOf("fault", 1011, false);
    givenBack(token);
  }

  @ParameterizedTest
  @CsvSource({
    "OPEN, 1008, Method doesn't allow unregistered callers",
    "OPEN, 1011, Internal error occurred.",
    "OPEN, 4000, anything",
    "BEFORE_SETUP_COMPLETE, 1007, Request contains an invalid argument.",
    "BEFORE_SETUP_COMPLETE, 1008, models/x is not found",
    "BEFORE_SETUP_COMPLETE, 1011, The service is currently unavailable.",
    "BEFORE_SETUP_COMPLETE, 1013, later"
  })
  void aRefusedSessionClosesAsGoogleDoesAndCostsNothing(At point, int code, String reason)
      throws Exception {
    String token = relayToken();
    Surroundings.simulator().script().session(point, new Action.Close(code, reason));
    try (var socket = open(token).send(SETUP).send(text("ahead"))) {
      assertEquals(code + " " + reason, socket.awaitClose());
    }
    toldOf("google", code, false);
    givenBack(token);
  }

  // --- Silence

  @ParameterizedTest
  @ValueSource(strings = {"OPEN", "BEFORE_SETUP_COMPLETE"})
  void aGoogleThatDoesNotAnswerTheSetupIsWaitedForInVain(At point) throws Exception {
    String token = relayToken();
    Surroundings.simulator().script().session(point, new Action.Silence());
    try (var socket = open(token).send(SETUP).send(text("ahead"))) {
      assertEquals("1011 Google did not complete the setup in time", socket.awaitClose());
    }
    toldOf("fault", 1011, false);
    assertEquals("by us 1000", closedAtGoogle());
    givenBack(token);
  }

  @Test
  void aGoogleThatFallsSilentIsNoticed() throws Exception {
    try (var socket = ready(relayToken())) {
      play(new Action.Silence(), new Action.PauseReading());
      assertEquals("1011 Google has fallen silent", socket.awaitClose());
    }
    toldOf("silence", 1011, true);
    play(new Action.ResumeReading());
    assertEquals("by us 1000", closedAtGoogle());
  }

  @Test
  void aClientThatFallsSilentIsNoticed() throws Exception {
    try (var socket = ready(relayToken()).mute()) {
      assertEquals("1001 silent", socket.awaitClose());
    }
    toldOf("silence", 1001, true);
    assertEquals("by us 1000", closedAtGoogle());
  }

  @Test
  void aSessionInWhichNothingIsSaidIsIdle() throws Exception {
    try (var socket = ready(relayToken())) {
      play(new Action.Silence());
      socket.frame(PING, true, new byte[] {1});
      assertEquals("1008 idle", socket.awaitClose());
    }
    toldOf("idle", 1008, true);
    assertEquals("by us 1000", closedAtGoogle());
  }

  @Test
  void aSetupThatDoesNotComeIsNotWaitedFor() throws Exception {
    String token = relayToken();
    try (var socket = open(token)) {
      assertEquals("1008 setup did not come in time", socket.awaitClose());
    }
    toldOf("no-setup", 1008, false);
    GatewayTest.nothingMinted();
    spent(token);
  }

  @Test
  void piecesOfASetupGainNoTime() throws Exception {
    try (var socket = open(relayToken())) {
      // Each ping of the gateway is answered by another byte of the setup.
      RawSocket.Frame frame = socket.read();
      for (int i = 0; frame.opcode() == PING; i++) {
        socket.frame(i == 0 ? TEXT : 0, false, new byte[] {(byte) (i == 0 ? '{' : ' ')});
        socket.frame(PONG, true, new byte[0]);
        frame = socket.read();
      }
      assertEquals("1008 setup did not come in time", frame.close());
    }
    toldOf("no-setup", 1008, false);
    GatewayTest.nothingMinted();
  }

  // --- The session's time

  @ParameterizedTest
  @ValueSource(strings = {"of its token", "of any session"})
  void aSessionEndsInTimeWithAWarning(String time) throws Exception {
    String token =
        time.equals("of its token")
            ? token("{\"mode\":\"relay\",\"uses\":1,\"expiresIn\":3,\"startWithin\":3}")
            : relayToken();
    JsonObject goAway = null;
    String close = "";
    try (var socket = ready(token)) {
      while (close.isEmpty()) {
        socket.send(RawSocket.ask("still here"));
        RawSocket.Frame frame = socket.message();
        while (frame.opcode() != CLOSE && !frame.text().contains("turnComplete")) {
          if (frame.text().contains("goAway")) {
            assertEquals(BINARY, frame.opcode());
            assertEquals(null, goAway, "one warning");
            goAway = new JsonObject(frame.payload());
          }
          frame = socket.message();
        }
        close = frame.opcode() == CLOSE ? frame.close() : "";
      }
    }
    assertEquals("1008 the session's time is over", close);
    assertEquals(new JsonObject("{\"goAway\":{\"timeLeft\":\"1s\"}}"), goAway);
    toldOf("expired", 1008, true);
    assertEquals("by us 1000", closedAtGoogle());
    long longest = time.equals("of its token") ? 3000 : 4000;
    // The token's time counts from its issue, in whole seconds.
    assertTrue(end().durationMillis() <= longest + 1000, () -> "" + end().durationMillis());
  }

  // --- Room

  @Test
  void whereNoMoreSessionsMayRunMoreAreRefused() throws Exception {
    String token = relayToken();
    try (var one = ready(user().sign());
        var two = ready(user().sign());
        var three = ready(user().sign())) {
      full(token);
      three.close(1000, "");
      try (var socket = open(token).send(SETUP)) {
        socket.await("setupComplete");
        full(user().sign());
      }
      one.send(RawSocket.ask("first")).await("turnComplete");
      two.send(RawSocket.ask("second")).await("turnComplete");
    }
  }

  @Test
  void whereNoMoreMayWaitForTheirSetupMoreAreRefused() throws Exception {
    String token = relayToken();
    try (var waiting = open(user().sign())) {
      full(token);
      waiting.send(SETUP).await("setupComplete");
      try (var socket = open(token).send(SETUP)) {
        socket.await("setupComplete");
      }
    }
  }

  private void full(String credential) throws Exception {
    try (var socket = connect(credential)) {
      assertEquals("503", socket.status());
      assertTrue(socket.head().toLowerCase(Locale.ROOT).contains("retry-after: 5"));
      assertEquals("relay-full", socket.problem().getString("code"));
    }
  }

  /** How often memory has been short, by the log. */
  private static long shortages() throws IOException {
    try (var lines = Files.lines(Path.of("target", "test.log"))) {
      return lines.filter(line -> line.contains("Sessions hold more than")).count();
    }
  }

  private SessionClosed endBy(Predicate<SessionClosed> which) {
    Await.until(() -> ended.events().stream().anyMatch(which));
    return ended.events().stream().filter(which).findFirst().orElseThrow();
  }

  @Test
  void theLargestSessionGivesWayWhenMemoryIsShort() throws Exception {
    try (var small = ready(user().sign());
        var large = ready(relayToken())) {
      long before = shortages();
      large.frame(BINARY, false, new byte[(4 << 20) + 100_000]);
      Await.until(() -> shortages() > before);
      full(user().sign());
      small.send(RawSocket.ask("waits"));

      assertEquals("1013 the gateway is short of memory", large.awaitClose());
      assertEquals(List.of(), passed(), "nobody is read meanwhile");
      small.await("turnComplete");
      assertEquals(List.of(new Journal.Frame("text", RawSocket.ask("waits"))), passed());
    }
    var end = endBy(event -> event.code() == 1013);
    assertEquals("fault 1013 true", told(end));
    upstream(session -> session.closedByClient() && session.closeCode() == 1001);
  }

  @Test
  void anAnswerForWhichThereIsNoRoomDoesNotPass() throws Exception {
    byte[] answer = new byte[15 << 20];
    try (var socket = ready(relayToken())) {
      socket.await("newHandle");
      play(new Action.Bytes(Buffer.buffer(RawSocket.frame(FIN | BINARY, answer))));
      RawSocket.Frame close = socket.message();
      assertEquals(CLOSE, close.opcode());
      assertEquals("1013 the gateway is short of memory", close.close());
    }
    toldOf("fault", 1013, true);
    assertEquals("by us 1001", closedAtGoogle());
  }
}
