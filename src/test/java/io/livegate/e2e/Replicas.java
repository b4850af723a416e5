package io.livegate.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.RedisServer;
import io.livegate.TestIssuer;
import io.livegate.bench.PackagedGateway;
import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.Options;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** Three packaged gateways and a real Redis, which they reach over a network that can be cut. */
abstract class Replicas {

  private static final String POLICY =
      """
      version: 1
      admins: "'platform-sre' in claims.groups"
      rules:
        - name: crowd
          when: "'crowd' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay]
          setup: {generationConfig: {responseModalities: [AUDIO]}}
          limits:
            - {per: rule, concurrent-sessions: 7, grants-per-day: 150}
        - name: talkers
          when: "'talkers' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay, direct]
          token: {uses: 5, start-within: 30m}
          setup: {generationConfig: {responseModalities: [AUDIO]}}
          limits:
            - {per: subject, usage-tokens-per-day: 1000000}
          direct-reserve: 1000
        - name: budgeted
          when: "'budgeted' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay]
          setup: {generationConfig: {responseModalities: [AUDIO]}}
          limits:
            - {per: subject, usage-tokens-per-day: 200}
        - name: timed
          when: "'timed' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay]
          setup: {generationConfig: {responseModalities: [AUDIO]}}
          limits:
            - {per: subject, session-time-per-day: 9s}
      """;

  static final String SETUP = "{\"setup\":{\"model\":\"models/gemini-3.8-live\"}}";
  private static final Pattern MANAGEMENT =
      Pattern.compile("Management interface listening on (http://127\\.0\\.0\\.1:[0-9]+)");

  final HttpClient http = HttpClient.newHttpClient();
  TestIssuer issuer;
  LiveSimulator simulator;
  RedisServer redis;
  Link network;
  final List<PackagedGateway> gateways = new ArrayList<>();
  final String handleKey = key();

  private static String key() {
    byte[] key = new byte[32];
    new Random().nextBytes(key);
    return Base64.getEncoder().encodeToString(key);
  }

  @BeforeEach
  void start() throws IOException {
    issuer = new TestIssuer();
    simulator =
        LiveSimulator.start(
            Options.builder()
                .apiKey(PackagedGateway.API_KEY)
                .chunkInterval(Duration.ofMillis(1))
                .build());
    redis = new RedisServer();
    network = new Link(redis.port());
    for (int i = 0; i < 3; i++) {
      gateways.add(gateway(i));
    }
  }

  PackagedGateway gateway(int number) throws IOException {
    return gateway(number, "refuse");
  }

  PackagedGateway gateway(int number, String onFailure) throws IOException {
    return new PackagedGateway(
        issuer,
        simulator.baseUrl(),
        POLICY,
        List.of("-Xmx256m"),
        Map.of(
            "livegate.ledger.store",
            "redis",
            "livegate.ledger.on-failure",
            onFailure,
            "quarkus.redis.hosts",
            "redis://127.0.0.1:" + network.port(),
            "livegate.replica",
            "replica-" + number,
            "livegate.relay.handle-key",
            handleKey,
            "livegate.relay.drain-time",
            "6s"));
  }

  @AfterEach
  void stop() {
    gateways.forEach(PackagedGateway::close);
    network.close();
    redis.close();
    simulator.close();
    issuer.close();
  }

  // --- A client

  Talk connect(PackagedGateway gateway, String credential) throws Talk.Refused {
    return Talk.connect(http, gateway.url(), credential);
  }

  Talk ready(PackagedGateway gateway, String credential) throws Exception {
    return ready(gateway, credential, SETUP);
  }

  Talk ready(PackagedGateway gateway, String credential, String setup) throws Exception {
    Talk talk = connect(gateway, credential);
    talk.say(setup);
    talk.ready.get(20, TimeUnit.SECONDS);
    return talk;
  }

  String access(String sub, String group) {
    return issuer
        .token(sub)
        .groups(group)
        .claim("exp", Instant.now().getEpochSecond() + 3600)
        .sign();
  }

  HttpResponse<String> send(
      PackagedGateway gateway, String method, String path, String token, String body)
      throws IOException, InterruptedException {
    return http.send(
        HttpRequest.newBuilder(URI.create(gateway.url() + path))
            .header("Authorization", "Bearer " + token)
            .header("Content-Type", "application/json")
            .method(method, HttpRequest.BodyPublishers.ofString(body))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  String relayToken(PackagedGateway gateway, String sub) throws Exception {
    var answer =
        send(gateway, "POST", "/v1/tokens", access(sub, "talkers"), "{\"mode\":\"relay\"}");
    assertEquals(201, answer.statusCode(), answer.body());
    return new JsonObject(answer.body()).getString("token");
  }

  String metrics(PackagedGateway gateway) throws Exception {
    return management(gateway, "/q/metrics");
  }

  String health(PackagedGateway gateway) throws Exception {
    return management(gateway, "/q/health/ready");
  }

  private String management(PackagedGateway gateway, String path) throws Exception {
    var address = MANAGEMENT.matcher(gateway.program().log());
    assertTrue(address.find());
    return http.send(
            HttpRequest.newBuilder(URI.create(address.group(1) + path)).build(),
            HttpResponse.BodyHandlers.ofString())
        .body();
  }

  /** What the ledger has of a user's use, as all replicas do. */
  JsonObject usage(String sub) throws Exception {
    JsonArray rows =
        new JsonObject(
                send(
                        gateways.get(1),
                        "GET",
                        "/admin/v1/usage?subject=default:" + sub,
                        access("root", "platform-sre"),
                        "")
                    .body())
            .getJsonArray("usage");
    return rows.isEmpty() ? new JsonObject() : rows.getJsonObject(0);
  }

  int tokens(String sub) throws Exception {
    return usage(sub).getInteger("tokens", 0);
  }

  int running() throws Exception {
    return new JsonObject(
            send(gateways.get(1), "GET", "/admin/v1/sessions", access("root", "platform-sre"), "")
                .body())
        .getJsonArray("sessions")
        .size();
  }
}
