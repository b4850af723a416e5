package io.livegate;

import static io.restassured.RestAssured.given;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.bench.PackagedGateway;
import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.MintFault;
import io.livegate.simulator.Options;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What the packaged app writes to standard output in production. */
class LogsIT {

  private static final String POLICY =
      "version: 1\nrules: [{name: all, models: [gemini-3.8-live], modes: [direct, relay]}]\n";
  private static final String TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
  private static final String TRACEPARENT = "00-" + TRACE + "-00f067aa0ba902b7-01";

  private TestIssuer issuer;
  private LiveSimulator simulator;

  @BeforeEach
  void start() {
    issuer = new TestIssuer();
    simulator = LiveSimulator.start(Options.builder().apiKey(PackagedGateway.API_KEY).build());
  }

  @AfterEach
  void stop() {
    simulator.close();
    issuer.close();
  }

  private PackagedGateway gateway(Map<String, String> settings) throws IOException {
    return new PackagedGateway(issuer, simulator.baseUrl(), POLICY, List.of(), settings);
  }

  private static List<JsonObject> lines(PackagedGateway gateway) {
    return gateway
        .program()
        .log()
        .lines()
        // What a JVM says of itself.
        .filter(line -> !line.startsWith("WARNING: "))
        .map(JsonObject::new)
        .toList();
  }

  private static JsonObject line(PackagedGateway gateway, String message, String id) {
    Await.until(() -> found(gateway, message, id).findAny().isPresent());
    return found(gateway, message, id).findAny().orElseThrow();
  }

  private static Stream<JsonObject> found(PackagedGateway gateway, String message, String id) {
    return lines(gateway).stream()
        .filter(line -> line.getString("message", "").startsWith(message))
        .filter(line -> line.getJsonObject("mdc", new JsonObject()).containsKey(id));
  }

  private void fail(PackagedGateway gateway) throws Exception {
    simulator.script().mints(4, MintFault.error(503, "UNAVAILABLE", "busy"));
    String token = Secrets.remember(issuer.token("ada").sign());
    given()
        .baseUri(gateway.url().toString())
        .header("Authorization", "Bearer " + token)
        .header("traceparent", TRACEPARENT)
        .post("/v1/tokens")
        .then()
        .statusCode(503);
    try (var socket =
        new RawSocket(
            gateway.url().getPort(),
            RelayCase.PATH,
            "Authorization: Bearer " + token,
            "traceparent: " + TRACEPARENT)) {
      assertEquals("101", socket.status());
      socket.send(RelayCase.SETUP);
      assertTrue(socket.awaitClose().startsWith("1011"));
    }
  }

  @Test
  void everyLineIsJsonWithTheIdsOfItsTraceAndSession() throws Exception {
    // Nobody listens at the endpoint, which harms nothing.
    try (var gateway =
        gateway(Map.of("quarkus.otel.exporter.otlp.endpoint", "http://localhost:1"))) {
      fail(gateway);

      var ofRequest = line(gateway, "Google failed to mint: HTTP 503", "traceId");
      assertEquals(TRACE, ofRequest.getJsonObject("mdc").getString("traceId"));
      var ofSession = line(gateway, "Google failed to mint: HTTP 503", "sessionId");
      assertEquals(TRACE, ofSession.getJsonObject("mdc").getString("traceId"));
      String session = ofSession.getJsonObject("mdc").getString("sessionId");
      // The audit is not wrapped in the log's JSON, and knows the session by the same id.
      Await.until(
          () ->
              lines(gateway).stream()
                  .filter(line -> "session.closed".equals(line.getString("event")))
                  .anyMatch(line -> session.equals(line.getString("sessionId"))));
      assertTrue(exports(gateway));
    }
  }

  @Test
  void withoutAnEndpointNothingIsThereForTraces() throws Exception {
    try (var gateway = gateway(Map.of())) {
      fail(gateway);

      line(gateway, "Google failed to mint: HTTP 503", "sessionId");
      assertTrue(found(gateway, "", "traceId").findAny().isEmpty());
      assertFalse(exports(gateway));
    }
  }

  @Test
  void aPersonCanHaveItReadable() throws Exception {
    try (var gateway = gateway(Map.of("quarkus.log.console.json.enabled", "false"))) {
      String started =
          gateway
              .program()
              .log()
              .lines()
              .filter(l -> l.contains("Listening on"))
              .findAny()
              .orElseThrow();
      assertTrue(started.matches("[0-9-]{10} [0-9:,]{12} INFO .*"), started);
    }
  }

  /** Whether it has the thread that sends spans. */
  private static boolean exports(PackagedGateway gateway) throws IOException {
    Path tasks = Path.of("/proc", Long.toString(gateway.program().pid()), "task");
    try (Stream<Path> threads = Files.list(tasks)) {
      return threads.anyMatch(thread -> name(thread).startsWith("BatchSpan"));
    }
  }

  private static String name(Path thread) {
    try {
      return Files.readString(thread.resolve("comm"));
    } catch (IOException ended) {
      return "";
    }
  }
}
