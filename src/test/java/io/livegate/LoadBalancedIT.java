package io.livegate;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.livegate.bench.PackagedGateway;
import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.Options;
import io.restassured.specification.RequestSpecification;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The packaged app behind load balancers of which it trusts those that come by IPv6, and listening
 * as it does by itself: on every address.
 */
class LoadBalancedIT {

  private static final String POLICY =
      "version: 1\nrules: [{name: all, models: [gemini-3.8-live], modes: [relay]}]\n";

  private static TestIssuer issuer;
  private static LiveSimulator simulator;
  private static PackagedGateway gateway;

  @BeforeAll
  static void start() throws IOException {
    issuer = new TestIssuer();
    simulator = LiveSimulator.start(Options.builder().apiKey(PackagedGateway.API_KEY).build());
    gateway =
        new PackagedGateway(
            issuer,
            simulator.baseUrl(),
            POLICY,
            List.of(),
            Map.of(
                "quarkus.http.host", "0.0.0.0",
                "quarkus.http.proxy.proxy-address-forwarding", "true",
                "quarkus.http.proxy.enable-forwarded-host", "true",
                "quarkus.http.proxy.trusted-proxies", "10.0.0.0/8,::1/128"));
  }

  @AfterAll
  static void stop() {
    gateway.close();
    simulator.close();
    issuer.close();
  }

  private static RequestSpecification at(String address) {
    return given().baseUri("http://" + address).port(gateway.url().getPort());
  }

  private static RequestSpecification as(String name, String address) {
    return at(address)
        .header("Authorization", "Bearer " + Secrets.remember(issuer.token(name).sign()));
  }

  /** The address from which somebody was given a token, as the audit has it. */
  private static String peer(String name) {
    Await.until(() -> gateway.program().log().contains("\"subject\":\"default:" + name + "\""));
    return gateway
        .program()
        .log()
        .lines()
        .filter(line -> line.contains("\"subject\":\"default:" + name + "\""))
        .map(line -> new JsonObject(line).getString("peer"))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void aTrustedProxySaysWhoCallsAndHowTheGatewayIsReached() {
    as("ada", "[::1]")
        .header("X-Forwarded-For", "2001:db8::7")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "livegate.example.com")
        .post("/v1/tokens")
        .then()
        .statusCode(201)
        .body("baseUrl", equalTo("https://livegate.example.com"))
        .body("webSocketUrl", startsWith("wss://livegate.example.com/ws/"));

    assertEquals("2001:db8:0:0:0:0:0:7", peer("ada"));
  }

  @Test
  void anybodyElseDoesNot() {
    as("eve", "127.0.0.1")
        .header("X-Forwarded-For", "2001:db8::7")
        .header("X-Forwarded-Proto", "https")
        .header("X-Forwarded-Host", "livegate.example.com")
        .post("/v1/tokens")
        .then()
        .statusCode(201)
        .body("baseUrl", equalTo("http://127.0.0.1:" + gateway.url().getPort()));

    assertEquals("127.0.0.1", peer("eve"));
  }

  @Test
  void aTrustedProxyMayNameAnAddressOfEitherKind() {
    as("bob", "[::1]").header("X-Forwarded-For", "203.0.113.9").post("/v1/tokens");

    assertEquals("203.0.113.9", peer("bob"));
  }

  @Test
  void whatLoadBalancersLetThroughIsReadAndMoreIsNot() throws IOException {
    // The largest request line of AWS' load balancers is 16 KiB, Envoy's headers have 60 KiB.
    assertEquals("401", status("x".repeat(31_000), ""));
    assertEquals("401", status("x", "x".repeat(60_000)));
    assertEquals("414", status("x".repeat(33_000), ""));
    assertEquals("431", status("x", "x".repeat(66_000)));
  }

  private static String status(String token, String header) throws IOException {
    try (var socket =
        new RawSocket(
            gateway.url().getPort(),
            RelayCase.PATH + "?access_token=" + token,
            "X-Trace: " + header)) {
      return socket.status();
    }
  }
}
