package io.livegate.image;

import io.livegate.Certificates;
import io.livegate.TestIssuer;
import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.Options;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

/**
 * Runs a command that starts the gateway, as an AOT cache is made from: by a client that asks for
 * health, tokens of both modes and sessions, with the simulator in Google's place over TLS. Then it
 * ends the gateway as a cluster does and waits for it. Needs loopback only.
 */
final class Training {

  private static final String POLICY =
      """
      version: 1
      rules:
        - name: everybody
          when: "'trained' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay, direct]
          setup:
            generationConfig: {responseModalities: [AUDIO]}
            systemInstruction: "You help ${claims.name}."
            contextWindowCompression: {slidingWindow: {}}
          limits:
            - {per: subject, grants-per-minute: 1000, concurrent-sessions: 10}
      """;

  private static final int ROUNDS = 20;
  private static final Duration START = Duration.ofMinutes(2);
  private static final Duration END = Duration.ofMinutes(5);

  private Training() {}

  /** The arguments are the gateway's command. */
  public static void main(String[] command) throws Exception {
    Path directory = Files.createTempDirectory("training");
    Certificates certificates = Certificates.create(directory, "localhost");
    Path policy = Files.writeString(directory.resolve("policy.yaml"), POLICY);
    try (var issuer = new TestIssuer();
        LiveSimulator google =
            LiveSimulator.start(
                Options.builder()
                    .host("localhost")
                    .tls(certificates.certificate(), certificates.key())
                    .chunkInterval(Duration.ofMillis(1))
                    .build())) {
      int port = freePort();
      int management = freePort();
      Path log = directory.resolve("log");
      var builder =
          new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
      var environment = builder.environment();
      environment.put("QUARKUS_HTTP_HOST", "127.0.0.1");
      environment.put("QUARKUS_HTTP_PORT", Integer.toString(port));
      environment.put("QUARKUS_MANAGEMENT_HOST", "127.0.0.1");
      environment.put("QUARKUS_MANAGEMENT_PORT", Integer.toString(management));
      environment.put("QUARKUS_OIDC_AUTH_SERVER_URL", issuer.url());
      environment.put("QUARKUS_OIDC_TOKEN_AUDIENCE", "livegate");
      environment.put(
          "QUARKUS_TLS_GOOGLE_TRUST_STORE_PEM_CERTS", certificates.authority().toString());
      environment.put("LIVEGATE_GEMINI_TLS_CONFIGURATION_NAME", "google");
      environment.put("LIVEGATE_GEMINI_BASE_URL", google.baseUrl().toString());
      environment.put("LIVEGATE_GEMINI_API_KEY", "a-key-for-the-simulator");
      environment.put("LIVEGATE_POLICY_FILE", policy.toString());
      long start = System.nanoTime();
      Process gateway = builder.start();
      try {
        HttpClient http = HttpClient.newHttpClient();
        URI health = URI.create("http://127.0.0.1:" + management + "/q/health/ready");
        while (!answers(http, health)) {
          if (!gateway.isAlive() || System.nanoTime() - start > START.toNanos()) {
            throw new IOException("the gateway did not start:\n" + Files.readString(log));
          }
          LockSupport.parkNanos(Duration.ofMillis(5).toNanos());
        }
        String token = issuer.token("ada").groups("trained").claim("name", "Ada").sign();
        var caller = new Caller(http, URI.create("http://127.0.0.1:" + port), token);
        for (int i = 0; i < ROUNDS; i++) {
          caller.token("direct");
          caller.talk(caller.token("relay"));
          answers(http, health.resolve("/q/metrics"));
        }
        System.out.println("Trained after " + (System.nanoTime() - start) / 1_000_000 + " ms");
        gateway.destroy();
        if (!gateway.waitFor(END.toSeconds(), TimeUnit.SECONDS)) {
          throw new IOException("the gateway did not end:\n" + Files.readString(log));
        }
        // The last thing it says is how large the cache is.
        Files.readAllLines(log).stream()
            .filter(line -> line.startsWith("AOTCache creation"))
            .forEach(System.out::println);
      } finally {
        gateway.destroyForcibly();
      }
    }
  }

  private static boolean answers(HttpClient http, URI uri) throws InterruptedException {
    try {
      return http.send(HttpRequest.newBuilder(uri).build(), HttpResponse.BodyHandlers.discarding())
              .statusCode()
          == 200;
    } catch (IOException e) {
      return false;
    }
  }

  private static int freePort() throws IOException {
    try (var socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    }
  }
}
