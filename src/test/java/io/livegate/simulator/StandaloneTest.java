package io.livegate.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StandaloneTest {
  private static Process run(String... args) throws Exception {
    String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
    ProcessBuilder builder =
        new ProcessBuilder(
            java, "-cp", System.getProperty("java.class.path"), LiveSimulator.class.getName());
    builder.command().addAll(List.of(args));
    return builder.redirectErrorStream(true).start();
  }

  @Test
  void runsUntilItIsTerminated() throws Exception {
    Process process = run("--port", "0", "--key", "mine");
    try (BufferedReader out = process.inputReader()) {
      String line = out.readLine();
      while (line != null && !line.startsWith("Live simulator at ")) {
        line = out.readLine();
      }
      URI mint = URI.create(line.substring("Live simulator at ".length()) + "/v1beta/auth_tokens");
      HttpResponse<String> response =
          Client.HTTP.send(
              HttpRequest.newBuilder(mint)
                  .header("x-goog-api-key", "mine")
                  .POST(HttpRequest.BodyPublishers.noBody())
                  .build(),
              HttpResponse.BodyHandlers.ofString());
      process.destroy();

      assertEquals(200, response.statusCode());
      assertTrue(process.waitFor(20, TimeUnit.SECONDS));
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void servesACertificateOfItsOwnToWhoTrustsItsAuthority(@TempDir Path directory) throws Exception {
    Options options = withOwnTls(directory, "localhost", "127.0.0.1");
    try (LiveSimulator simulator = LiveSimulator.start(options)) {
      HttpResponse<String> response =
          trusting(directory.resolve("ca.pem"))
              .send(
                  HttpRequest.newBuilder(simulator.baseUrl().resolve("/_simulator/journal"))
                      .build(),
                  HttpResponse.BodyHandlers.ofString());
      assertEquals(200, response.statusCode());
    }
    assertEquals(
        Set.of("ca.pem", "server.pem", "server.key"),
        Set.of(Objects.requireNonNull(directory.toFile().list())));
    assertEquals(
        "rw-r-----",
        PosixFilePermissions.toString(
            Files.getPosixFilePermissions(directory.resolve("server.key"))));
  }

  @Test
  void keepsItsCertificateAsLongAsItFits(@TempDir Path directory) throws Exception {
    withOwnTls(directory, "localhost");
    String first = Files.readString(directory.resolve("server.pem"));

    withOwnTls(directory, "localhost");
    assertEquals(first, Files.readString(directory.resolve("server.pem")));

    withOwnTls(directory, "localhost", "another.test");
    assertNotEquals(first, Files.readString(directory.resolve("server.pem")));
  }

  private static Options withOwnTls(Path directory, String... names) {
    var args = new ArrayList<>(List.of("--port", "0", "--tls-dir", directory.toString()));
    for (String name : names) {
      args.addAll(List.of("--tls-name", name));
    }
    return CommandLine.parse(args.toArray(String[]::new)).orElseThrow();
  }

  private static HttpClient trusting(Path authority) throws Exception {
    KeyStore trusted = KeyStore.getInstance("PKCS12");
    trusted.load(null, null);
    try (InputStream in = Files.newInputStream(authority)) {
      trusted.setCertificateEntry(
          "ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
    }
    var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(trusted);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, factory.getTrustManagers(), null);
    return HttpClient.newBuilder().sslContext(context).build();
  }

  @Test
  void endsWithTwoOnABadOption() throws Exception {
    Process process = run("--prot", "1");

    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(2, process.waitFor());
    assertTrue(output.contains("unknown option --prot"), output);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --port x       | --port needs a number, not x
          --port 70000   | port must be between 0 and 65535, not 70000
          --host         | --host needs a value
          --tls-cert a   | --tls-cert and --tls-key go together
          --tls-name a   | --tls-name needs --tls-dir
          --tls-cert a --tls-key b --tls-dir c | --tls-cert and --tls-dir exclude each other
          --record all   | --record needs none, messages or frames
          """)
  void explainsWhatIsWrong(String line, String message) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> CommandLine.parse(line.split(" ", -1)));

    assertEquals(message, e.getMessage());
  }

  @Test
  void readsEveryOption() {
    Options options =
        CommandLine.parse(
                "--host 0.0.0.0 --port 1 --key a --key b --model m --tls-cert c --tls-key k --leg-lifetime 5 --record none"
                    .split(" ", -1))
            .orElseThrow();

    assertEquals("0.0.0.0", options.host());
    assertEquals(Set.of("a", "b"), options.apiKeys());
    assertEquals(Set.of("m"), options.models());
    assertEquals(Path.of("c"), options.tls().orElseThrow().certificate());
    assertEquals(5, options.legLifetime().toSeconds());
    assertEquals(Options.Recording.NONE, options.recording());
    assertTrue(CommandLine.parse("--help").isEmpty());
  }
}
