package io.livegate.k8s;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.livegate.Await;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The packaged app with the environment and the volumes that production gives to its pods. */
class PodE2E {

  private static final String SECRETS = "/etc/livegate/secrets";
  private static final String POLICY = "/etc/livegate/policy";

  private static Production production;
  private static Pod pod;

  @BeforeAll
  static void start() {
    production = new Production();
    pod = production.pod();
    Production.ready(pod);
  }

  @AfterAll
  static void stop() {
    pod.close();
    production.close();
  }

  @Test
  void everyProbeIsAnsweredAtTheManagementPortAlone() {
    JsonNode gateway =
        Manifests.container(production.manifests.the("Deployment", "livegate"), "gateway");
    for (String probe : List.of("startupProbe", "readinessProbe", "livenessProbe")) {
      String path = gateway.path(probe).at("/httpGet/path").asText();
      var answer = Pod.get(pod.management(path));
      assertEquals(200, answer.statusCode(), path);
      assertEquals("UP", new JsonObject(answer.body()).getString("status"));
      assertEquals(404, Pod.get(pod.url().resolve(path)).statusCode(), path);
    }
    String metrics =
        production
            .manifests
            .the("ServiceMonitor", "livegate")
            .at("/spec/endpoints/0/path")
            .asText();
    assertTrue(Pod.get(pod.management(metrics)).body().contains("livegate_policy_rejected"));
    assertEquals(404, Pod.get(pod.url().resolve(metrics)).statusCode());
  }

  @Test
  void noSettingIsUnknown() {
    assertFalse(pod.program().log().contains("Unrecognized configuration"));
    assertFalse(pod.program().log().contains("does not map to any root"));
  }

  @Test
  void aSettingThatDoesNotExistStopsIt() {
    var mistaken = new HashMap<>(production.secrets);
    mistaken.put("livegate.relay.handel-key", "1234");
    try (Pod other =
        new Pod(
            production.manifests, Map.of("livegate-secrets", mistaken), production.elsewhere())) {
      Await.until(() -> !other.program().isAlive());
      assertTrue(other.program().log().contains("livegate.relay.handel-key"));
    }
  }

  @Test
  void everySecretIsReadFromItsFile() throws IOException {
    // Redis wants its password, and the simulator the key.
    assertTrue(production.redis.ask("GET x").startsWith("-NOAUTH"));
    HttpResponse<String> answer = pod.issue(production.accessToken("ada", "voice-pilots"), "{}");
    assertEquals(201, answer.statusCode(), answer.body());
    // Lines of the audit are chained by its key.
    assertTrue(pod.program().log().contains("\"mac\":"));
    for (String secret : production.secrets.values()) {
      assertFalse(pod.program().log().contains(secret));
    }
  }

  @Test
  void aSessionPassesThroughTheRelay() {
    Production.talk(pod, production.accessToken("bea", "voice-pilots"));
    Await.until(() -> pod.metrics().contains("livegate_session_closes_total{cause=\"client\"}"));
  }

  @Test
  void anotherPolicyTakesEffectAndAWrongOneDoesNot() {
    String good =
        production.manifests.the("ConfigMap", "livegate-policy").at("/data/policy.yaml").asText();
    try (Pod other = production.pod()) {
      Production.ready(other);
      String guest = production.accessToken("guest", "guests");
      assertEquals(403, other.issue(guest, "{}").statusCode());

      other.mount(POLICY).change(Map.of("policy.yaml", good.replace("voice-pilots", "guests")));
      Await.until(() -> other.issue(guest, "{}").statusCode() == 201);

      other.mount(POLICY).change(Map.of("policy.yaml", "version: 2\n"));
      Await.until(() -> other.metrics().contains("\nlivegate_policy_rejected 1.0"));
      assertEquals(201, other.issue(guest, "{}").statusCode());
      Production.ready(other);
    }
  }

  @Test
  void anotherKeyOfGooglesIsUsedWithoutARestart() {
    try (Pod other = production.pod()) {
      Production.ready(other);
      assertEquals(201, issuedToSomebodyNew(other));

      var changed = new HashMap<>(production.secrets);
      changed.put("livegate.gemini.api-key", "AIzaSyAnotherKeyThatTheSimulatorRefuses");
      other.mount(SECRETS).change(changed);
      Await.until(() -> issuedToSomebodyNew(other) == 502);

      other.mount(SECRETS).change(production.secrets);
      Await.until(() -> issuedToSomebodyNew(other) == 201);
    }
  }

  /** Each time to another, so that no limit of a person is reached. */
  private static int issuedToSomebodyNew(Pod pod) {
    String sub = UUID.randomUUID().toString();
    return pod.issue(production.accessToken(sub, "voice-pilots"), "{}").statusCode();
  }

  @Test
  void whatWasUsedOutlivesRedisAndTheGateways() throws IOException {
    String pilot = production.accessToken("dan", "voice-pilots");
    assertEquals(201, pod.issue(pilot, "{}").statusCode());
    assertEquals(1, used(pod, pilot));

    production.redis.stop();
    assertEquals(503, pod.issue(pilot, "{}").statusCode());
    // Readiness does not depend on it.
    Production.ready(pod);
    production.redis.start();

    try (Pod later = production.pod()) {
      Production.ready(later);
      assertEquals(1, used(later, pilot));
      // The other one has connected again.
      Await.until(() -> pod.issue(pilot, "{}").statusCode() == 201);
      assertEquals(2, used(later, pilot));
    }
  }

  private static int used(Pod pod, String accessToken) {
    String me =
        Pod.send(
                HttpRequest.newBuilder(pod.url().resolve("/v1/me"))
                    .header("Authorization", "Bearer " + accessToken))
            .body();
    return new JsonObject(me)
        .getJsonArray("limits").stream()
            .map(JsonObject.class::cast)
            .filter(limit -> limit.getString("name").contains("grants-per-day"))
            .findFirst()
            .orElseThrow()
            .getInteger("used");
  }

  @Test
  void onlyATrustedProxySaysOnWhoseBehalfItAsks() {
    String pilot = production.accessToken("eve", "voice-pilots");
    // The test is none of the proxies of the manifest.
    forwarded(pod, pilot, "198.51.100.7");
    assertFalse(pod.program().log().contains("198.51.100.7"));

    try (Pod behind =
        production.pod(Map.of("QUARKUS_HTTP_PROXY_TRUSTED_PROXIES", "127.0.0.1,::1"))) {
      Production.ready(behind);
      forwarded(behind, pilot, "198.51.100.7");
      Await.until(() -> behind.program().log().contains("\"peer\":\"198.51.100.7\""));
    }
  }

  private static void forwarded(Pod pod, String accessToken, String client) {
    var answer =
        Pod.send(
            HttpRequest.newBuilder(pod.url().resolve("/v1/tokens"))
                .header("Authorization", "Bearer " + accessToken)
                .header("Content-Type", "application/json")
                .header("X-Forwarded-For", client)
                .header("X-Forwarded-Proto", "https")
                .POST(HttpRequest.BodyPublishers.ofString("{}")));
    assertEquals(201, answer.statusCode(), answer.body());
  }

  @Test
  void addressesInAnswersAreTheOnesOfTheSite() {
    var answer = pod.issue(production.accessToken("fay", "voice-pilots"), "{\"mode\":\"relay\"}");
    assertEquals(201, answer.statusCode(), answer.body());
    assertEquals(
        "https://livegate.example.com", new JsonObject(answer.body()).getString("baseUrl"));
  }

  /** What load balancers let through: AWS 16 KB a line, nginx 8 KB of four, Google 15 KB. */
  @Test
  void whatALoadBalancerLetsThroughIsNotTooLong() throws Exception {
    String long16 = "x".repeat(16 * 1024);
    assertEquals(
        401,
        Pod.send(
                HttpRequest.newBuilder(pod.url().resolve("/v1/me"))
                    .header("Authorization", "Bearer " + long16))
            .statusCode());
    assertEquals(404, Pod.get(pod.url().resolve("/nothing?" + "x".repeat(15 * 1024))).statusCode());
    // The gateway closes its connection, where nobody else shall wait for an answer.
    HttpClient apart = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    var tooLong =
        HttpRequest.newBuilder(pod.url().resolve("/v1/me"))
            .header("Authorization", "Bearer " + long16.repeat(5))
            .build();
    assertEquals(431, apart.send(tooLong, HttpResponse.BodyHandlers.discarding()).statusCode());
  }

  @Test
  void itListensOnBothFamiliesOfAddresses() throws IOException {
    for (URI uri : List.of(pod.url(), pod.management("/q/health/live"))) {
      for (String address : List.of("127.0.0.1", "::1")) {
        try (var socket = new Socket(InetAddress.getByName(address), uri.getPort())) {
          socket
              .getOutputStream()
              .write(
                  ("GET " + uri.getPath() + " HTTP/1.0\r\n\r\n")
                      .getBytes(StandardCharsets.US_ASCII));
          assertEquals('H', socket.getInputStream().read(), address);
        }
      }
    }
  }
}
