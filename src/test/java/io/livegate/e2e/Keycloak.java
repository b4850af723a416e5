package io.livegate.e2e;

import static io.restassured.RestAssured.given;

import io.livegate.Secrets;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import io.restassured.path.json.JsonPath;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;

/**
 * A real Keycloak with the realm of {@code livegate-realm.json}, in memory and on a free port of
 * loopback. The build has unpacked it to {@code target/keycloak}; its log is {@code
 * target/keycloak.log}.
 */
public final class Keycloak implements QuarkusTestResourceLifecycleManager {

  /** The client by which users log in. */
  private static final String CLIENT = "livegate-cli";

  private static final Path HOME = Path.of("target", "keycloak");
  private static final Path LOG = Path.of("target", "keycloak.log");

  /** The first start builds the server: 50 s when nothing else runs, minutes when much does. */
  private static final Duration START_LIMIT = Duration.ofMinutes(6);

  private static final Pattern LISTENING = Pattern.compile("Listening on: (http://[0-9.:]+)");

  private static String realm;

  private Process process;

  /** The three tokens of one login. */
  record Login(String accessToken, String idToken, String refreshToken) {}

  @Override
  public Map<String, String> start() {
    try {
      process = launch();
      Runtime.getRuntime().addShutdownHook(new Thread(this::stop));
      realm = address() + "/realms/livegate";
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (RuntimeException e) {
      stop();
      throw e;
    }
    return Map.of(
        "quarkus.oidc.auth-server-url",
        realm,
        "quarkus.oidc.token.audience",
        "livegate",
        "livegate.logout.audience",
        CLIENT,
        "quarkus.oidc.pages.tenant-enabled",
        "true",
        "quarkus.oidc.pages.client-id",
        "livegate-pages",
        "quarkus.oidc.pages.token-state-manager.encryption-secret",
        Secrets.remember(UUID.randomUUID().toString().replace("-", "")));
  }

  private static Process launch() throws IOException {
    Path script = HOME.resolve("bin").resolve("kc.sh").toAbsolutePath();
    if (!Files.exists(script)) {
      throw new IllegalStateException(script + " is missing; run these tests by: mvn verify -Pe2e");
    }
    Path imports = Files.createDirectories(HOME.resolve("data").resolve("import"));
    try (var json = Keycloak.class.getResourceAsStream("/livegate-realm.json")) {
      Files.copy(json, imports.resolve("livegate-realm.json"), StandardCopyOption.REPLACE_EXISTING);
    }
    var builder =
        new ProcessBuilder(
                "bash",
                script.toString(),
                "start-dev",
                "--import-realm",
                "--db=dev-mem",
                "--http-host=127.0.0.1",
                "--http-port=0")
            .redirectErrorStream(true)
            .redirectOutput(LOG.toFile());
    builder.environment().put("KC_BOOTSTRAP_ADMIN_USERNAME", "root");
    builder.environment().put("KC_BOOTSTRAP_ADMIN_PASSWORD", "root-password");
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    builder.environment().put("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx512m");
    return builder.start();
  }

  /** Waits for the line of the log that names the port. */
  private URI address() throws IOException {
    long deadline = System.nanoTime() + START_LIMIT.toNanos();
    while (true) {
      String log = Files.readString(LOG);
      var listening = LISTENING.matcher(log);
      if (listening.find()) {
        return URI.create(listening.group(1));
      }
      if (!process.isAlive() || System.nanoTime() > deadline) {
        throw new IllegalStateException("Keycloak did not start; its log:\n" + log);
      }
      LockSupport.parkNanos(Duration.ofMillis(200).toNanos());
    }
  }

  /** Signs a user in by password, at the client that the gateway is the audience of. */
  static Login login(String user) {
    return login(user, CLIENT);
  }

  /** Has it tell that address of logouts. */
  static void tellsOfLogouts(String address) {
    String master = realm.replace("/realms/livegate", "/realms/master");
    String token =
        given()
            .formParam("grant_type", "password")
            .formParam("client_id", "admin-cli")
            .formParam("username", "root")
            .formParam("password", "root-password")
            .post(URI.create(master + "/protocol/openid-connect/token"))
            .then()
            .statusCode(200)
            .extract()
            .path("access_token");
    String clients = realm.replace("/realms/livegate", "/admin/realms/livegate") + "/clients";
    String id =
        given()
            .header("Authorization", "Bearer " + token)
            .queryParam("clientId", CLIENT)
            .get(URI.create(clients))
            .then()
            .statusCode(200)
            .extract()
            .path("[0].id");
    given()
        .header("Authorization", "Bearer " + token)
        .contentType("application/json")
        .body(
            Map.of(
                "clientId",
                CLIENT,
                "attributes",
                Map.of(
                    "backchannel.logout.url",
                    address,
                    "backchannel.logout.session.required",
                    "true")))
        .put(URI.create(clients + "/" + id))
        .then()
        .statusCode(204);
  }

  /** Ends a login. */
  static void logout(Login login) {
    given()
        .formParam("client_id", CLIENT)
        .formParam("refresh_token", login.refreshToken())
        .post(URI.create(realm + "/protocol/openid-connect/logout"))
        .then()
        .statusCode(204);
  }

  static Login login(String user, String client) {
    JsonPath tokens =
        given()
            .formParam("grant_type", "password")
            .formParam("client_id", client)
            .formParam("username", user)
            .formParam("password", user + "-password")
            .formParam("scope", "openid")
            .post(URI.create(realm + "/protocol/openid-connect/token"))
            .then()
            .statusCode(200)
            .extract()
            .jsonPath();
    return new Login(
        Secrets.remember(tokens.getString("access_token")),
        Secrets.remember(tokens.getString("id_token")),
        Secrets.remember(tokens.getString("refresh_token")));
  }

  @Override
  public void stop() {
    if (process == null) {
      return;
    }
    // The script waits for the server that it started.
    List<ProcessHandle> server = process.descendants().toList();
    server.forEach(ProcessHandle::destroy);
    process.destroy();
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    server.forEach(ProcessHandle::destroyForcibly);
  }
}
