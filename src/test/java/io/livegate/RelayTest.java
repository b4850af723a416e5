package io.livegate;

import static io.livegate.GatewayTest.TOKENS;
import static io.livegate.GatewayTest.as;
import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.audit.GatewayEvent;
import io.livegate.audit.GatewayEvent.SessionClosed;
import io.livegate.audit.GatewayEvent.SessionRefused;
import io.livegate.simulator.Action;
import io.livegate.simulator.Journal;
import io.livegate.simulator.MintFault;
import io.livegate.simulator.Script.At;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.vertx.core.json.JsonObject;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Sessions through the relay, frame by frame, between real tokens and the simulator. */
@QuarkusTest
@WithTestResource(Surroundings.class)
class RelayTest {

  private static final String PATH =
      "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  private static final String SETUP = "{\"setup\":{\"model\":\"models/gemini-3.8-live\"}}";

  @ApplicationScoped
  static class Events {
    private final List<GatewayEvent> seen = new CopyOnWriteArrayList<>();

    List<GatewayEvent> seen() {
      return seen;
    }

    private final AtomicInteger closed = new AtomicInteger();

    /** How many sessions have ended so far, whatever was forgotten since. */
    int closedSessions() {
      return closed.get();
    }

    void record(@Observes GatewayEvent event) {
      seen.add(event);
      if (event instanceof SessionClosed) {
        closed.incrementAndGet();
      }
    }
  }

  /** Connections of this test; each becomes a session that ends. */
  private static final AtomicInteger CONNECTIONS = new AtomicInteger();

  private int closedBefore;

  /** The end of a session belongs to the test that began it. */
  @AfterEach
  void settle() {
    Await.until(() -> events.closedSessions() - closedBefore == CONNECTIONS.get());
  }

  @Inject Events events;

  @BeforeEach
  void forget() {
    CONNECTIONS.set(0);
    closedBefore = events.closedSessions();
    Surroundings.simulator().script().clear();
    Surroundings.simulator().journal().clear();
    events.seen().clear();
  }

  private static TestIssuer.Token user() {
    return Surroundings.issuer().token("ada").groups("bridged");
  }

  private static String token(String mode) {
    return Secrets.remember(
        as(user())
            .contentType("application/json")
            .body("{\"mode\":\"" + mode + "\"}")
            .post(TOKENS)
            .then()
            .statusCode(201)
            .body("mode", equalTo(mode))
            .extract()
            .path("token"));
  }

  private static RawSocket connect(String path, String... headers) throws IOException {
    var socket = new RawSocket(RestAssured.port, path, headers);
    if (socket.status().equals("101")) {
      CONNECTIONS.incrementAndGet();
    }
    return socket;
  }

  private static RawSocket open(String credential) throws IOException {
    return connect(PATH + "?access_token=" + credential);
  }

  private static RawSocket ready(String credential) throws IOException {
    var socket = open(credential).send(SETUP);
    socket.await("setupComplete");
    return socket;
  }

  private SessionClosed closed() {
    Await.until(() -> events.seen().stream().anyMatch(SessionClosed.class::isInstance));
    return (SessionClosed)
        events.seen().stream().filter(SessionClosed.class::isInstance).findFirst().orElseThrow();
  }

  private static Journal.Session upstream() throws Exception {
    return Surroundings.simulator()
        .journal()
        .session(Journal.Session::ready)
        .get(20, TimeUnit.SECONDS);
  }

  private static void play(Action action) throws Exception {
    Surroundings.simulator().playAll(action).get(20, TimeUnit.SECONDS);
  }

  // --- Credentials

  @ParameterizedTest
  @ValueSource(strings = {"relay", "direct", "access"})
  void eachKindOfCredentialRunsASession(String kind) throws Exception {
    String credential = kind.equals("access") ? user().sign() : token(kind);
    try (var socket = ready(credential)) {
      socket.send(RawSocket.ask("hello there"));
      socket.await("turnComplete");
      socket.close(1000, "done");
      assertEquals("1000 done", socket.awaitClose());
    }

    var closed = closed();
    assertEquals("client", closed.cause());
    assertEquals(List.of("default:ada", "bridged"), List.of(closed.subject(), closed.rule()));
    assertTrue(closed.usage().get("output").get("audio") > 0, closed::toString);
    assertTrue(closed.usage().get("input").get("text") > 0, closed::toString);
    assertEquals(2, closed.messagesFromClient());
    var upstream = upstream();
    assertEquals("access_token", upstream.credentialPlace());
    assertEquals(kind.equals("direct"), upstream.credential().equals(credential));
    Await.until(() -> Surroundings.simulator().journal().sessions().get(0).closed());
    var end = Surroundings.simulator().journal().sessions().get(0);
    assertEquals("1000 done", end.closeCode() + " " + end.closeReason());
  }

  @Test
  void aRelayTokenIsOursAndSaysWhereToGo() {
    as(user())
        .contentType("application/json")
        .body("{\"mode\":\"relay\"}")
        .post(TOKENS)
        .then()
        .statusCode(201)
        .body("token.length()", equalTo("auth_tokens/".length() + 43))
        .body("baseUrl", equalTo("http://localhost:" + RestAssured.port))
        .body("webSocketUrl", startsWith("ws://localhost:" + RestAssured.port + "/ws/google.ai."));
    GatewayTest.nothingMinted();
  }

  @Test
  void credentialsTravelWhereSdksAndBrowsersPutThem() throws Exception {
    String jwt = user().sign();
    String carried = URLEncoder.encode("Bearer " + jwt, StandardCharsets.UTF_8).replace("+", "%20");
    for (String header :
        List.of(
            "Authorization: Token " + token("relay"),
            "Authorization: Bearer " + token("relay"),
            "Authorization: Bearer " + jwt,
            "x-goog-api-key: " + jwt,
            "Sec-WebSocket-Protocol: bearer-token-carrier, quarkus-http-upgrade#Authorization#"
                + carried)) {
      for (String path : List.of(PATH, "/" + PATH.replace("v1beta", "v1") + "Constrained")) {
        if (path.equals(PATH) || !header.contains("auth_tokens")) {
          try (var socket = connect(path, header)) {
            assertEquals("101", socket.status(), header);
            assertEquals(
                header.contains("carrier"), socket.head().contains("bearer-token-carrier"));
            socket.send(SETUP).await("setupComplete");
          }
        }
      }
    }
    try (var socket = connect(PATH + "?key=" + token("relay"))) {
      assertEquals("101", socket.status());
    }
  }

  @Test
  void aTokenIsGoodForItsUsesAndNoMore() throws Exception {
    String token = token("relay");
    ready(token).close();
    ready(token).close();
    try (var socket = open(token)) {
      assertEquals("401", socket.status());
    }
  }

  @Test
  void aUseIsGivenBackWhenTheSessionCouldNotStart() throws Exception {
    String token = token("relay");
    Surroundings.simulator().script().mints(1, MintFault.error(500, "INTERNAL", "secret"));
    Surroundings.simulator().script().session(At.OPEN, new Action.Close(1011, "Internal error"));
    try (var socket = open(token).send(SETUP)) {
      assertEquals("1011 Google failed to mint a token.", socket.awaitClose());
    }
    try (var socket = open(token).send(SETUP)) {
      assertEquals("1011 Internal error", socket.awaitClose());
    }
    ready(token).close();
    ready(token).close();
  }

  // --- Refusals before the upgrade

  @Test
  void whatCanBeRefusedIsRefusedBeforeTheUpgrade() throws Exception {
    String jwt = user().sign();
    String other = Surroundings.issuer().token("eve").sign();
    var cases =
        Map.of(
            "?access_token=" + jwt + "&key=" + other,
            "400",
            "",
            "401",
            "?access_token=auth_tokens/unknown",
            "401",
            "?access_token=a.b.c",
            "401",
            "?access_token=" + other,
            "403",
            "?key=" + GatewayTest.pilot().sign(),
            "403");
    for (var refused : cases.entrySet()) {
      try (var socket = connect(PATH + refused.getKey())) {
        assertEquals(refused.getValue(), socket.status());
        assertTrue(socket.head().contains("application/problem+json"), socket.head());
      }
    }
    try (var socket = connect(PATH + "X?access_token=" + jwt)) {
      assertEquals("404", socket.status());
    }
    given().queryParam("access_token", jwt).get(PATH).then().statusCode(400);
    Await.until(() -> events.seen().stream().filter(SessionRefused.class::isInstance).count() >= 7);
  }

  @Test
  void pagesOfOtherSitesMayNotConnect() throws Exception {
    String query = PATH + "?access_token=" + user().sign();
    var cases =
        Map.of(
            "http://localhost:" + RestAssured.port,
            "101",
            "http://evil.example",
            "403",
            "http://localhost:1",
            "403",
            "http://xlocalhost:" + RestAssured.port,
            "403",
            "null",
            "403");
    for (var page : cases.entrySet()) {
      try (var socket = connect(query, "Origin: " + page.getKey())) {
        assertEquals(page.getValue(), socket.status(), page.getKey());
      }
    }
  }

  // --- Setup

  @Test
  void theGrantIsLaidOverTheClientsSetup() throws Exception {
    String setup =
        """
        {"setup":{"model":"models/other","system_instruction":{"parts":[{"text":"Obey."}]},
          "generationConfig":{"temperature":0.5,"seed":7,"responseModalities":["TEXT"]},
          "future":{"x":1},"tools":[{"functionDeclarations":[{"name":"f"}]}]}}
        """;
    try (var socket = open(token("relay")).send(setup)) {
      socket.await("setupComplete");
    }
    var expected =
        new JsonObject(
            """
            {"model":"models/gemini-3.8-live",
             "generationConfig":{"responseModalities":["AUDIO"],"temperature":0.5},
             "systemInstruction":{"parts":[{"text":"You are brief."}]},
             "outputAudioTranscription":{},"tools":[{"functionDeclarations":[{"name":"f"}]}],
             "sessionResumption":{}}
            """);
    assertEquals(expected, upstream().setup());
    assertEquals(expected, upstream().clientSetup());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"setup":{"model":"models/other"}}        | 1008 the model is not allowed; allowed: models/gemini-3.8-live, models/gemini-3.1-flash-live-preview
          {"setup":{"tools":[{"nope":{}}]}}         | 1007 setup.tools[0].nope is not a field of Google's setup
          {"setup":{},"clientContent":{}}           | 1007 the first message must be setup, and nothing else
          {"setup":{},"setup":{}}                   | 1007 the first message is not one JSON object
          {"clientContent":{}}                      | 1007 the first message must be setup, and nothing else
          {"setup":{}                               | 1007 the first message is not one JSON object
          hello                                     | 1007 the first message is not one JSON object
          """)
  void aBadFirstMessageCloses(String message, String expected) throws Exception {
    try (var socket = open(user().sign()).send(message)) {
      String close = socket.awaitClose();
      assertTrue(close.startsWith(expected), close);
    }
    GatewayTest.nothingMinted();
    assertEquals("policy", closed().cause());
    assertFalse(closed().begun());
  }

  @Test
  void anAccessTokenMayChooseAmongTheRulesModels() throws Exception {
    try (var socket =
        open(user().sign()).send("{\"setup\":{\"model\":\"gemini-3.1-flash-live-preview\"}}")) {
      socket.await("setupComplete");
    }
    assertEquals("models/gemini-3.1-flash-live-preview", upstream().setup().getString("model"));
  }

  // --- The stream

  @Test
  void messagesPassAsTheyCome() throws Exception {
    try (var socket = ready(token("relay"))) {
      String text = "{ \"realtime_input\" : {\"text\":\"h\\u0069 \\\" ü\"} }";
      String binary = "{\"\\u0072ealtimeInput\":{\"text\":\"b\"}}";
      socket.frame(RawSocket.TEXT, false, text.substring(0, 9).getBytes(StandardCharsets.UTF_8));
      socket.frame(RawSocket.PING, true, new byte[] {7});
      socket.frame(0, true, text.substring(9).getBytes(StandardCharsets.UTF_8));
      socket.frame(RawSocket.BINARY, true, binary.getBytes(StandardCharsets.UTF_8));
      Await.until(() -> upstream().frames().size() >= 3);
      assertEquals(
          List.of(new Journal.Frame("text", text), new Journal.Frame("binary", binary)),
          upstream().frames().subList(1, 3));

      var unknown = new JsonObject("{\"futureContent\":{\"a\":[1.50,\"\\u2028é\"]},\"z\":null}");
      play(new Action.Send(List.of(unknown)));
      var frame = socket.await("futureContent");
      assertEquals(RawSocket.BINARY, frame.opcode());
      assertEquals(unknown.toBuffer(), frame.payload());
    }
  }

  @Test
  void messagesNearTheLimitPassAndLargerOnesClose() throws Exception {
    int limit = 8 << 20;
    String start = "{\"realtimeInput\":{\"text\":\"";
    try (var socket = ready(token("relay"))) {
      socket.send(start + "x".repeat(limit - start.length() - 3) + "\"}}");
      Await.until(() -> upstream().frames().size() >= 2);
      assertEquals(limit, upstream().frames().get(1).payload().length());
      byte[] half = new byte[limit / 2 + 1];
      socket.frame(RawSocket.BINARY, false, half);
      socket.frame(0, true, half);
      assertTrue(socket.awaitClose().startsWith("1009"));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"setup":{}}                                      | setup can be sent only once
          {"contextUpdate":{}}                              | clients may not send "contextUpdate"
          {"s\\u0065tup":{}}                                | setup can be sent only once
          {"realtimeInput":{},"setup":{}}                   | setup can be sent only once
          {"realtimeInput":{},"realtimeInput":{}}           | a message has one field
          {"realtimeInput":{"text":"a"},"clientContent":{}} | a message has one field
          {}                                                | the message is empty
          []                                                | the message is not a JSON object
          {realtimeInput:{}}                                | the message is not JSON
          {"realtimeInput":{}}x                             | the message is not JSON
          {"realtimeInput":{}}{}                            | something follows
          """)
  void whatAClientMayNotSendCloses(String message, String reason) throws Exception {
    try (var socket = ready(token("relay"))) {
      socket.send(message);
      String close = socket.awaitClose();
      assertTrue(close.startsWith("1007 " + reason), close);
    }
    assertEquals(1, upstream().frames().size());
    assertEquals("policy", closed().cause());
  }

  @Test
  void invalidUtf8Closes() throws Exception {
    try (var socket = ready(token("relay"))) {
      byte[] message = "{\"realtimeInput\":{\"text\":\"?\"}}".getBytes(StandardCharsets.UTF_8);
      message[message.length - 4] = (byte) 0xff;
      socket.frame(RawSocket.TEXT, true, message);
      assertEquals("1007 the message is not JSON in UTF-8", socket.awaitClose());
    }
  }

  // --- The end

  @Test
  void googlesCloseReachesTheClientWithCodeAndReason() throws Exception {
    try (var socket = ready(token("relay"))) {
      play(new Action.Close(1008, "models/x is not found"));
      assertEquals("1008 models/x is not found", socket.awaitClose());
    }
    assertEquals("google", closed().cause());
  }

  @Test
  void aClientThatIsGoneEndsItsSessionAtGoogle() throws Exception {
    ready(token("relay")).reset();
    assertEquals("client", closed().cause());
    assertEquals(1006, closed().code());
    Await.until(() -> upstream().closed());
    assertEquals(1001, upstream().closeCode());

    Surroundings.simulator().journal().clear();
    events.seen().clear();
    try (var socket = ready(token("relay"))) {
      socket.frame(RawSocket.CLOSE, true, new byte[0]);
      Await.until(() -> upstream().closed());
      assertEquals(1000, upstream().closeCode());
    }
  }

  @Test
  void sessionsAreCounted() throws Exception {
    ready(token("relay")).close();
    closed();
    String metrics = GatewayTest.management("/q/metrics");
    for (String name :
        List.of(
            "livegate_sessions_open{model=\"models/gemini-3.8-live\",rule=\"bridged\"}",
            "livegate_session_closes_total{cause=\"client\"}",
            "livegate_session_duration_seconds_count{",
            "livegate_setup_duration_seconds_count")) {
      assertTrue(metrics.contains(name), name);
    }
  }
}
