package io.livegate;

import static io.livegate.GatewayTest.TOKENS;
import static io.livegate.GatewayTest.as;
import static io.livegate.GatewayTest.pilot;
import static io.livegate.GatewayTest.problem;
import static io.livegate.RelayCase.PATH;
import static io.livegate.RelayCase.SETUP;
import static io.livegate.RelayCase.relayToken;
import static io.livegate.RelayCase.user;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.simulator.Action;
import io.livegate.simulator.MintFault;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.restassured.RestAssured;
import java.io.IOException;
import java.nio.file.Files;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What a collector of traces gets to see, and what it does not. */
@QuarkusTest
@TestProfile(TracingTest.Traced.class)
@WithTestResource(Surroundings.class)
@WithTestResource(Collector.class)
class TracingTest {

  /** The endpoint is the collector's to say; the simulator has in its handles what it has read. */
  public static final class Traced implements QuarkusTestProfile {
    @Override
    public Map<String, String> getConfigOverrides() {
      return Map.of("livegate.relay.handle-lag", "0s");
    }
  }

  private static final String CALLER = "00f067aa0ba902b7";

  private final String trace = HexFormat.of().formatHex(random());

  private static byte[] random() {
    byte[] random = new byte[16];
    new SecureRandom().nextBytes(random);
    return random;
  }

  private String traceparent() {
    return "00-" + trace + "-" + CALLER + "-01";
  }

  @BeforeEach
  void forget() {
    Surroundings.simulator().script().clear();
    Surroundings.simulator().journal().clear();
  }

  @AfterEach
  void noSecretQueryOrPersonIsTraced() throws IOException {
    String raw = Collector.raw();
    assertFalse(raw.isEmpty());
    for (String secret : Files.readAllLines(Secrets.SECRETS)) {
      // A JWT is as good as shown when one of its parts is.
      for (String part : secret.split("\\.", -1)) {
        assertFalse(part.length() > 20 && raw.contains(part), "a secret of " + secret.length());
      }
    }
    for (Collector.Span span : Collector.spans()) {
      // Not the ids: they are random letters.
      String said = span.name() + span.attributes() + span.events();
      for (String never : List.of("access_token", "key=", "?", "ada")) {
        assertFalse(said.contains(never), () -> never + " in " + said);
      }
    }
    Set<String> names = new TreeSet<>();
    Collector.spans().forEach(span -> names.add(span.name()));
    names.removeAll(
        Set.of(
            "POST /v1/tokens",
            "POST /{version}/auth_tokens",
            "GET /ws/{service}",
            "decide",
            "count",
            "mint",
            "POST",
            "session"));
    assertEquals(Set.of(), names);
  }

  @Test
  void aTokenIsADecisionACountAndACallToGoogle() {
    as(pilot()).header("traceparent", traceparent()).post(TOKENS + "?key=x").then().statusCode(201);

    var request = Collector.span(trace, "POST /v1/tokens");
    assertEquals(CALLER, request.parent());
    assertEquals(2, request.kind());
    assertEquals(
        Map.of(
            "http.request.method", "POST",
            "http.response.status_code", "201",
            "http.route", "/v1/tokens"),
        request.attributes());

    var decide = Collector.span(trace, "decide");
    assertEquals(request.id(), decide.parent());
    assertEquals(Map.of("livegate.rule", "pilots"), decide.attributes());
    assertEquals(request.id(), Collector.span(trace, "count").parent());
    var mint = Collector.span(trace, "mint");
    assertEquals(request.id(), mint.parent());

    var call = Collector.span(trace, "POST");
    assertEquals(mint.id(), call.parent());
    assertEquals(3, call.kind());
    assertEquals(
        Map.of(
            "http.request.method",
            "POST",
            "http.response.status_code",
            "200",
            "server.address",
            Surroundings.simulator().baseUrl().getHost()),
        call.attributes());
    assertTrue(
        onlyMintHeaders().stream().noneMatch("traceparent"::equalsIgnoreCase),
        "Google is not told of the trace");
  }

  private static Set<String> onlyMintHeaders() {
    return GatewayTest.onlyMint().headers().keySet();
  }

  @Test
  void aRefusalIsNamedByItsCodeAndQuotesNothing() {
    String forged = pilot().sign();
    forged = forged.substring(0, forged.lastIndexOf('.')) + "." + "A".repeat(86);
    Secrets.remember(forged);
    problem(
        as(forged).header("traceparent", traceparent()).post(TOKENS).then(), 401, "invalid-token");

    var request = Collector.span(trace, "POST /v1/tokens");
    assertEquals("invalid-token", request.attributes().get("error.type"));
    assertEquals(List.of(), request.events());
  }

  @Test
  void aGoogleThatFailsIsAnErrorOfEverySpanAbove() {
    Surroundings.simulator().script().mints(2, MintFault.error(503, "UNAVAILABLE", "a secret"));
    problem(
        as(pilot()).header("traceparent", traceparent()).post(TOKENS).then(),
        503,
        "mint-unavailable");

    var request = Collector.span(trace, "POST /v1/tokens");
    assertEquals("mint-unavailable", request.attributes().get("error.type"));
    assertEquals("pilots", request.attributes().get("livegate.rule"));
    assertEquals("mint-unavailable", Collector.span(trace, "mint").attributes().get("error.type"));
    // The second is the retry.
    Await.until(
        () ->
            Collector.spans().stream()
                    .filter(span -> span.trace().equals(trace) && span.name().equals("POST"))
                    .filter(span -> "503".equals(span.attributes().get("error.type")))
                    .count()
                == 2);
    assertFalse(Collector.raw().contains("a secret"));
  }

  @Test
  void aSessionIsASpanWithItsConnectionsAsEvents() throws Exception {
    String token = relayToken();
    try (var socket =
        new RawSocket(
            RestAssured.port, PATH + "?access_token=" + token, "traceparent: " + traceparent())) {
      socket.send(SETUP).await("setupComplete");
    }

    var session = Collector.span(trace, "session");
    var request = Collector.span(trace, "GET /ws/{service}");
    assertEquals(CALLER, request.parent());
    assertEquals("101", request.attributes().get("http.response.status_code"));
    assertEquals(request.id(), session.parent());
    assertEquals(
        Set.of(
            "livegate.cause",
            "livegate.close.code",
            "livegate.grant.id",
            "livegate.model",
            "livegate.rule",
            "livegate.session.id"),
        session.attributes().keySet());
    assertEquals("client", session.attributes().get("livegate.cause"));
    assertEquals("bridged", session.attributes().get("livegate.rule"));
    assertEquals(List.of("leg{livegate.leg.number=1}"), session.events());
    assertEquals(session.id(), Collector.span(trace, "mint").parent());
  }

  @Test
  void anotherConnectionToGoogleIsAnEventOfTheSession() throws Exception {
    try (var socket =
        new RawSocket(
            RestAssured.port,
            PATH + "?access_token=" + relayToken(),
            "traceparent: " + traceparent())) {
      socket.send(SETUP).await("setupComplete");
      socket.send(RawSocket.ask("one")).await("turnComplete");
      RelayCase.play(new Action.GoAway(Duration.ofSeconds(20), Optional.empty()));
      Await.until(() -> Surroundings.simulator().journal().sessions().size() == 2);
      socket.send(RawSocket.ask("two")).await("turnComplete");
    }

    assertEquals(
        List.of(
            "leg{livegate.leg.number=1}",
            "leg{livegate.leg.dropped=0, livegate.leg.number=2, livegate.leg.planned=true,"
                + " livegate.leg.replayed=0}"),
        Collector.span(trace, "session").events());
  }

  @Test
  void anAccessTokenInAQueryIsNotTraced() throws Exception {
    String token = user().sign();
    try (var socket =
        new RawSocket(RestAssured.port, PATH + "?key=" + token, "traceparent: " + traceparent())) {
      socket.send(SETUP).await("setupComplete");
    }
    try (var socket =
        new RawSocket(
            RestAssured.port,
            PATH + "?key=" + token + "x",
            "traceparent: " + traceparent().replace(CALLER, "00f067aa0ba902b8"))) {
      assertEquals("401", socket.status());
    }

    assertEquals("client", Collector.span(trace, "session").attributes().get("livegate.cause"));
    Await.until(
        () ->
            Collector.spans().stream()
                .filter(span -> span.parent().equals("00f067aa0ba902b8"))
                .anyMatch(span -> "invalid-token".equals(span.attributes().get("error.type"))));
  }
}
