package io.livegate.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Await;
import io.livegate.RedisServer;
import io.livegate.TestIssuer;
import io.livegate.bench.PackagedGateway;
import io.livegate.bench.Program;
import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.Options;
import io.vertx.core.json.JsonObject;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The audit of the packaged gateway: what it requires, and the command that verifies it. */
class AuditE2E {

  private static final String POLICY =
      """
      version: 1
      rules:
        - name: all
          models: [gemini-3.8-live]
          modes: [relay, direct]
          setup: {generationConfig: {responseModalities: [AUDIO]}}
      """;

  private final HttpClient http = HttpClient.newHttpClient();
  private TestIssuer issuer;
  private LiveSimulator simulator;

  @TempDir Path directory;

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

  private PackagedGateway gateway(Map<String, String> audit) throws IOException {
    Map<String, String> properties = new HashMap<>(audit);
    properties.put("livegate.audit.key-file", key().toString());
    return new PackagedGateway(
        issuer, simulator.baseUrl(), POLICY, List.of("-Xmx256m"), properties);
  }

  private Path key() throws IOException {
    Path file = directory.resolve("audit.key");
    if (!Files.exists(file)) {
      byte[] key = new byte[32];
      new SecureRandom().nextBytes(key);
      Files.writeString(file, Base64.getEncoder().encodeToString(key));
    }
    return file;
  }

  private HttpResponse<String> token(PackagedGateway gateway) throws Exception {
    return http.send(
        HttpRequest.newBuilder(URI.create(gateway.url() + "/v1/tokens"))
            .header("Authorization", "Bearer " + issuer.token("ada").sign())
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString("{\"mode\":\"relay\"}"))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private static String code(HttpResponse<String> answer) {
    return new JsonObject(answer.body()).getString("code");
  }

  @Test
  void withRedisAsTheOnlyDurableSinkNothingIsHandedOutWithoutIt() throws Exception {
    try (var redis = new RedisServer();
        var network = new Link(redis.port());
        var gateway =
            gateway(
                Map.of(
                    "livegate.audit.sinks", "stdout,redis",
                    "livegate.audit.required", "true",
                    "livegate.audit.timeout", "2s",
                    "quarkus.redis.hosts", "redis://127.0.0.1:" + network.port()))) {
      var first = token(gateway);
      assertEquals(201, first.statusCode(), first.body());
      String credential = new JsonObject(first.body()).getString("token");
      network.cut();
      var refused = token(gateway);
      assertEquals(503, refused.statusCode(), refused.body());
      assertEquals("audit-unavailable", code(refused));
      assertTrue(refused.headers().firstValue("Retry-After").isPresent());
      try {
        Talk.connect(http, gateway.url(), credential).hangUp();
        throw new AssertionError("a session that is not recorded");
      } catch (Talk.Refused e) {
        assertEquals(503, e.status);
      }
      // The machine is gone for good, and another one is in its place.
      network.mendForNewConnections();
      Await.until(() -> token(gateway).statusCode() == 201);
      Talk.connect(http, gateway.url(), credential).hangUp();
      String grant = new JsonObject(first.body()).getString("grantId");
      Await.until(() -> redis.ask("XRANGE {livegate}:audit - +").contains(grant));
      Await.until(() -> redis.ask("XRANGE {livegate}:audit - +").contains("session.closed"));
    }
  }

  @Test
  void theCommandFindsTheFirstLineThatIsNotInOrder() throws Exception {
    Path logs = Files.createDirectory(directory.resolve("logs"));
    Path log = logs.resolve("audit.jsonl");
    Map<String, String> audit =
        Map.of(
            "livegate.audit.sinks", "file",
            "livegate.audit.file.path", log.toString(),
            // So small that there are several files.
            "livegate.audit.file.max-size", "2K");
    for (int run = 0; run < 2; run++) {
      try (var gateway = gateway(audit)) {
        for (int i = 0; i < 10; i++) {
          assertEquals(201, token(gateway).statusCode());
        }
        gateway.program().kill();
      }
    }
    List<Path> files;
    try (var all = Files.list(logs)) {
      files = all.filter(file -> file.toString().matches(".*jsonl(\\.[0-9]+)?")).sorted().toList();
    }
    assertTrue(files.size() > 3, files::toString);
    Verdict whole = verify(logs);
    assertEquals(0, whole.status, whole.text);

    String end = Files.readString(log);
    Files.writeString(log, end + "{\"time\":");
    Verdict torn = verify(logs);
    assertEquals(1, torn.status, torn.text);
    assertTrue(torn.text.contains("was cut off"), torn.text);
    Files.writeString(log, end);

    Path second = files.get(2);
    String before = Files.readString(second);
    Files.writeString(second, before.replaceFirst("default:ada", "default:bob"));
    Verdict changed = verify(logs);
    assertEquals(1, changed.status, changed.text);
    assertTrue(changed.text.contains(second.toString()), changed.text);

    Files.move(second, directory.resolve("elsewhere"));
    Verdict gap = verify(logs);
    System.out.print("Whole: " + whole.text + "Changed: " + changed.text + "Gap: " + gap.text);
    assertEquals(1, gap.status, gap.text);
  }

  private record Verdict(int status, String text) {}

  /** As the README has it. */
  private Verdict verify(Path logs) throws Exception {
    String app = System.getProperty("bench.app", "target/quarkus-app");
    var program =
        new Program(
            Files.createTempFile("verify", ".log"),
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                app + "/app/*" + File.pathSeparator + app + "/lib/main/*",
                "io.livegate.audit.VerifyAudit",
                "--key-file",
                key().toString(),
                logs.toString()));
    return new Verdict(program.awaitExit(Duration.ofSeconds(20)), program.log());
  }
}
