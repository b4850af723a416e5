package io.livegate.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Await;
import io.livegate.TestIssuer;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Both images of {@code docker/Dockerfile}, which {@code .ci/images} has built, in containers: the
 * gateway, the simulator in Google's place over TLS, and an OpenID provider in this process.
 */
class GatewayImage {

  private static final String GATEWAY = "localhost/livegate-gateway";
  private static final String SIMULATOR = "localhost/livegate-simulator";
  private static final String KEY = "AIzaSyKeyOfTheTestsOfTheImages000000001";
  private static final String USER = "10001\t10001\t10001\t10001";

  /** All that the gateway may write to; programs there cannot be run, nor libraries loaded. */
  private static final String TMP = "--tmpfs=/tmp:rw,noexec,nosuid,nodev,size=16m";

  private static final Duration START = Duration.ofSeconds(90);

  private static final String POLICY =
      """
      version: 1
      rules:
        - name: pilots
          when: "'voice-pilots' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay, direct]
          setup: {generationConfig: {responseModalities: [AUDIO]}}
      """;

  private final HttpClient http = HttpClient.newHttpClient();
  private final List<Container> containers = new ArrayList<>();
  private final String certificates = "livegate-test-" + ProcessHandle.current().pid();

  @TempDir Path directory;
  private TestIssuer issuer;

  @BeforeEach
  void prepare() throws IOException {
    issuer = new TestIssuer();
    Files.writeString(directory.resolve("policy.yaml"), POLICY);
    Files.writeString(directory.resolve("key"), KEY + "\n");
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    Container.podman("volume", "create", certificates);
  }

  @AfterEach
  void remove() throws IOException {
    for (Container container : containers) {
      container.close();
    }
    Container.podman("volume", "rm", "--force", certificates);
    issuer.close();
  }

  @Test
  void aTokenAndASessionPassThroughBothContainers() throws Exception {
    int google = freePort();
    Container simulator =
        run(
            SIMULATOR,
            List.of("--volume=" + certificates + ":/tls"),
            "--host",
            "127.0.0.1",
            "--port",
            Integer.toString(google),
            "--key",
            KEY,
            "--tls-dir",
            "/tls");
    Await.until(() -> simulator.logs().contains("Live simulator at https://"));

    int port = freePort();
    int management = freePort();
    var ready = URI.create("http://127.0.0.1:" + management + "/q/health/ready");
    double asked = Container.uptime();
    CompletableFuture<Double> answered = CompletableFuture.supplyAsync(() -> firstAnswer(ready));
    Container gateway = gateway(google, port, management);
    double first;
    try {
      first = answered.get(START.toSeconds() + 1, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      throw new AssertionError(gateway.logs(), e);
    }
    double started = gateway.started();
    String atStart = memory(gateway);

    String token = issuer.token("ada").groups("voice-pilots").sign();
    var caller = new Caller(http, URI.create("http://127.0.0.1:" + port), token);
    var issued = caller.token("relay");
    assertEquals("pilots", issued.getString("rule"));
    caller.talk(issued);
    assertTrue(caller.token("direct").getString("token").startsWith("auth_tokens/"));
    System.out.printf(
        "Gateway's image: first response %.2f s after Java started (goal 1.5 s where quiet),"
            + " %.2f s after podman was asked; %s MB resident after start (goal 150), %s MB after a token"
            + " and a session%n",
        first - started, first - asked, atStart, memory(gateway));
    System.out.printf("Simulator's image: %s MB resident%n", memory(simulator));

    confined(gateway);
    confined(simulator);
    String maps = gateway.proc("maps");
    assertTrue(maps.contains("/opt/livegate/livegate.aot"), "the AOT cache is in use");
    assertTrue(maps.contains("/opt/livegate/native/libnetty_transport_native_epoll"), maps);
    assertTrue(maps.contains("/opt/livegate/native/libnetty_tcnative"), maps);
    assertFalse(gateway.logs().contains("WARNING: "), gateway.logs());
    long heap = heapLimit(management);
    assertTrue(heap > 200L << 20 && heap <= 256L << 20, "half of 512 MB is not " + heap);

    // 143 is 128 and SIGTERM; 0 is as good. Killed would be 137.
    int code = gateway.stop();
    assertTrue(code == 143 || code == 0, "exit code " + code);
    assertTrue(gateway.logs().contains("livegate stopped in"), gateway.logs());
    assertEquals(143, simulator.stop());
  }

  @Test
  void withoutSettingsItSaysWhatIsMissing() throws Exception {
    Container gateway = run(GATEWAY, List.of(TMP, "--env=QUARKUS_HTTP_PORT=0"));

    assertEquals(1, gateway.exitCode());
    assertTrue(gateway.logs().contains("quarkus.oidc.auth-server-url"), gateway.logs());
  }

  private Container gateway(int google, int port, int management) throws IOException {
    return run(
        GATEWAY,
        List.of(
            "--memory=512m",
            TMP,
            "--volume=" + certificates + ":/tls:ro",
            "--volume=" + directory + ":/etc/livegate:ro",
            "--env=QUARKUS_HTTP_HOST=127.0.0.1",
            "--env=QUARKUS_HTTP_PORT=" + port,
            "--env=QUARKUS_MANAGEMENT_HOST=127.0.0.1",
            "--env=QUARKUS_MANAGEMENT_PORT=" + management,
            "--env=QUARKUS_OIDC_AUTH_SERVER_URL=" + issuer.url(),
            "--env=QUARKUS_OIDC_TOKEN_AUDIENCE=livegate",
            "--env=QUARKUS_TLS_GOOGLE_TRUST_STORE_PEM_CERTS=/tls/ca.pem",
            "--env=LIVEGATE_GEMINI_TLS_CONFIGURATION_NAME=google",
            "--env=LIVEGATE_GEMINI_BASE_URL=https://localhost:" + google,
            "--env=LIVEGATE_GEMINI_API_KEY_FILE=/etc/livegate/key",
            "--env=LIVEGATE_POLICY_FILE=/etc/livegate/policy.yaml"));
  }

  private Container run(String image, List<String> options, String... arguments)
      throws IOException {
    Container container = Container.start(image, options, List.of(arguments));
    containers.add(0, container);
    return container;
  }

  private static void confined(Container container) throws IOException {
    assertEquals(USER, container.status("Uid"));
    assertEquals(USER, container.status("Gid"));
    for (String set : List.of("CapPrm", "CapEff", "CapBnd", "CapAmb")) {
      assertEquals("0000000000000000", container.status(set), set);
    }
    assertEquals("1", container.status("NoNewPrivs"));
    // Mount point and options are the fifth and the sixth field.
    assertTrue(
        Pattern.compile("(?m)^\\S+ \\S+ \\S+ \\S+ / ro[, ]")
            .matcher(container.proc("mountinfo"))
            .find(),
        container.proc("mountinfo"));
  }

  private static String memory(Container container) throws IOException {
    return "%d (%d without files)"
        .formatted(megabytes(container, "VmRSS"), megabytes(container, "RssAnon"));
  }

  private static int megabytes(Container container, String name) throws IOException {
    return Integer.parseInt(container.status(name).replace(" kB", "")) / 1024;
  }

  private long heapLimit(int management) throws Exception {
    String metrics =
        http.send(
                HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + management + "/q/metrics"))
                    .build(),
                HttpResponse.BodyHandlers.ofString())
            .body();
    var area =
        Pattern.compile("(?m)^jvm_memory_max_bytes\\{area=\"heap\",id=\"[^\"]*\"[^}]*} ([0-9.E]+)$")
            .matcher(metrics);
    return area.results().mapToLong(one -> (long) Double.parseDouble(one.group(1))).sum();
  }

  /** When it was first answered with 200. */
  private double firstAnswer(URI uri) {
    long deadline = System.nanoTime() + START.toNanos();
    while (System.nanoTime() < deadline) {
      try {
        if (http.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.discarding())
                .statusCode()
            == 200) {
          return Container.uptime();
        }
      } catch (IOException e) {
        // Nobody listens yet.
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError(e);
      }
      LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
    }
    throw new AssertionError("no answer from " + uri);
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }
}
