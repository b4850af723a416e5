package io.livegate.k8s;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.livegate.Secrets;
import io.livegate.bench.Program;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpRequest;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * The overlay {@code dev} in processes: a real Keycloak with its realm, the simulator and the
 * packaged gateway, by the arguments and settings of its pod. Only the ports are others.
 */
class DevE2E {

  private static final Path OVERLAY = Manifests.ROOT.resolve("overlays/dev");
  private static final Path KEYCLOAK = Path.of("target", "keycloak");
  private static final Path OUTPUT = Path.of("target", "k8s");

  /** Its first start builds it: minutes, where much else runs. */
  private static final Duration START_LIMIT = Duration.ofMinutes(6);

  private static final Manifests MANIFESTS = Manifests.rendered(OVERLAY);
  private static final JsonNode DEPLOYMENT = MANIFESTS.the("Deployment", "livegate");

  private static final List<AutoCloseable> RUNNING = new ArrayList<>();
  private static final Map<String, String> PORTS = new HashMap<>();
  private static Pod pod;

  @BeforeAll
  static void start() throws IOException {
    PORTS.put("8180", freePort());
    PORTS.put("8089", freePort());
    Program keycloak = keycloak();
    RUNNING.add(keycloak);
    Program simulator = simulator();
    RUNNING.add(simulator);
    simulator.await(Pattern.compile("(" + PORTS.get("8089") + ")"));
    // What the startup probe of its container waits for.
    JsonNode probe = Manifests.container(DEPLOYMENT, "keycloak").at("/startupProbe/httpGet");
    await(
        keycloak,
        URI.create("http://localhost:" + PORTS.get("8180") + probe.path("path").asText()));
    var secret = MANIFESTS.of("Secret").findFirst().orElseThrow();
    Map<String, String> data = new HashMap<>();
    secret
        .path("data")
        .properties()
        .forEach(
            e ->
                data.put(
                    e.getKey(),
                    new String(
                        Base64.getDecoder().decode(e.getValue().asText()),
                        StandardCharsets.UTF_8)));
    Map<String, String> settings =
        Pod.environment(MANIFESTS, Manifests.container(DEPLOYMENT, "gateway"));
    pod =
        new Pod(
            MANIFESTS,
            Map.of(Manifests.name(secret), data),
            Map.of(
                "QUARKUS_OIDC_AUTH_SERVER_URL",
                ported(settings.get("QUARKUS_OIDC_AUTH_SERVER_URL")),
                "LIVEGATE_GEMINI_BASE_URL",
                ported(settings.get("LIVEGATE_GEMINI_BASE_URL"))));
    RUNNING.add(pod);
  }

  @AfterAll
  static void stop() throws Exception {
    for (AutoCloseable running : RUNNING) {
      running.close();
    }
  }

  private static String freePort() throws IOException {
    try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return Integer.toString(free.getLocalPort());
    }
  }

  private static String ported(String text) {
    String ported = text;
    for (Map.Entry<String, String> port : PORTS.entrySet()) {
      ported = ported.replace(port.getKey(), port.getValue());
    }
    return ported;
  }

  private static List<String> arguments(String container) {
    return Manifests.each(Manifests.container(DEPLOYMENT, container).path("args"))
        .map(argument -> ported(argument.asText()))
        .toList();
  }

  private static Program keycloak() throws IOException {
    Path script = KEYCLOAK.resolve("bin/kc.sh").toAbsolutePath();
    assertTrue(Files.exists(script), "run these tests by: mvn verify -Pe2e");
    Path imports = Files.createDirectories(KEYCLOAK.resolve("data/import"));
    for (var file : MANIFESTS.the("ConfigMap", "livegate-realm").path("data").properties()) {
      Files.writeString(imports.resolve(file.getKey()), file.getValue().asText());
    }
    var command = new ArrayList<>(List.of("env"));
    for (JsonNode variable : Manifests.container(DEPLOYMENT, "keycloak").path("env")) {
      command.add(variable.path("name").asText() + "=" + ported(variable.path("value").asText()));
    }
    command.add("JAVA_HOME=" + System.getProperty("java.home"));
    command.addAll(List.of("bash", script.toString()));
    command.addAll(arguments("keycloak"));
    command.addAll(List.of("--db=dev-mem", "--http-host=127.0.0.1"));
    return new Program(OUTPUT.resolve("keycloak.log"), command);
  }

  private static Program simulator() {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-cp",
            "target/quarkus-app/app/*:target/quarkus-app/lib/main/*",
            "io.livegate.simulator.LiveSimulator"));
    command.addAll(arguments("simulator"));
    return new Program(OUTPUT.resolve("simulator.log"), command);
  }

  private static void await(Program program, URI uri) {
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (!answers(uri)) {
      assertTrue(program.isAlive() && System.nanoTime() < deadline, program::log);
      LockSupport.parkNanos(Duration.ofMillis(200).toNanos());
    }
  }

  private static boolean answers(URI uri) {
    try {
      return Pod.get(uri).statusCode() == 200;
    } catch (java.io.UncheckedIOException e) {
      return false;
    }
  }

  /** Signs in as the head of the overlay says. */
  private static String accessToken(String user) {
    var answer =
        Pod.send(
            HttpRequest.newBuilder(
                    URI.create(
                        "http://localhost:"
                            + PORTS.get("8180")
                            + "/realms/livegate/protocol/openid-connect/token"))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(
                    HttpRequest.BodyPublishers.ofString(
                        "grant_type=password&client_id=livegate-demo&username="
                            + user
                            + "&password="
                            + user)));
    assertEquals(200, answer.statusCode(), answer.body());
    return Secrets.remember(new JsonObject(answer.body()).getString("access_token"));
  }

  @Test
  void bobGetsATokenThatLeadsToTheSimulator() {
    var answer = pod.issue(accessToken("bob"), "{}");
    assertEquals(201, answer.statusCode(), answer.body());
    JsonObject token = new JsonObject(answer.body());
    assertEquals("everybody", token.getString("rule"));
    assertEquals("http://localhost:" + PORTS.get("8089"), token.getString("baseUrl"));
    Secrets.remember(token.getString("token"));
  }

  @Test
  void bobTalksThroughTheRelay() {
    Production.talk(pod, accessToken("bob"));
  }

  @Test
  void aliceAdministers() {
    assertEquals(200, sessions("alice"));
    assertEquals(403, sessions("bob"));
  }

  private static int sessions(String user) {
    return Pod.send(
            HttpRequest.newBuilder(pod.url().resolve("/admin/v1/sessions"))
                .header("Authorization", "Bearer " + accessToken(user)))
        .statusCode();
  }

  @Test
  void nothingButTheForwardedPortsIsNeeded() {
    List<String> ports =
        Manifests.containers(DEPLOYMENT)
            .flatMap(container -> Manifests.each(container.path("ports")))
            .map(port -> port.path("containerPort").asText())
            .sorted()
            .toList();
    assertEquals(List.of("8080", "8089", "8180", "9000"), ports);
    assertEquals(1, DEPLOYMENT.at("/spec/replicas").asInt());
    // What is served by plain HTTP is named by loopback, which the gateway allows.
    Pod.environment(MANIFESTS, Manifests.container(DEPLOYMENT, "gateway"))
        .values()
        .forEach(
            value ->
                assertTrue(!value.startsWith("http:") || value.startsWith("http://localhost:")));
  }
}
