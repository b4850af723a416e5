package io.livegate.e2e;

import static io.restassured.RestAssured.given;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Secrets;
import io.restassured.RestAssured;
import io.restassured.path.json.JsonPath;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Pattern;

/** The packaged gateway, as its callers and its operators see it. */
final class Gateway {

  private static final Path LOG = Path.of("target", "quarkus.log");
  private static final Path SECRETS = Path.of("target", "secrets");

  private static final Pattern MANAGEMENT =
      Pattern.compile("Management interface listening on (http://127\\.0\\.0\\.1):([0-9]+)");

  private static final Pattern TLS = Pattern.compile("https://127\\.0\\.0\\.1:[0-9]+");

  private Gateway() {}

  /** The same by TLS; its port is in the log only. */
  static String tlsUrl() throws IOException {
    var listening = TLS.matcher(Files.readString(LOG));
    assertTrue(listening.find(), "the log names the port of TLS");
    return listening.group();
  }

  static String url() {
    return "http://127.0.0.1:" + RestAssured.port;
  }

  static RequestSpecification as(String token) {
    return given().baseUri(url()).header("Authorization", "Bearer " + token);
  }

  /** What {@code POST /v1/tokens} answers to this user. */
  static JsonPath issue(String user) {
    JsonPath answer =
        as(Keycloak.login(user).accessToken())
            .post("/v1/tokens")
            .then()
            .statusCode(201)
            .extract()
            .jsonPath();
    Secrets.remember(answer.getString("token"));
    return answer;
  }

  /** What the management interface answers; its port is in the log only. */
  static String management(String path) throws IOException {
    var listening = MANAGEMENT.matcher(Files.readString(LOG));
    assertTrue(listening.find(), "the log names the management port");
    return given()
        .baseUri(listening.group(1))
        .port(Integer.parseInt(listening.group(2)))
        .get(path)
        .then()
        .statusCode(200)
        .extract()
        .asString();
  }

  /** To be called after the tests of a class: no secret of theirs is logged or counted. */
  static void keptItsSecrets() throws IOException {
    String shown = Files.readString(LOG) + management("/q/metrics") + management("/q/health");
    assertTrue(shown.contains("token.issued"), "the log holds the audit");
    for (String secret : Files.readAllLines(SECRETS)) {
      // A JWT is as good as shown when one of its parts is.
      for (String part : secret.split("\\.", -1)) {
        assertFalse(part.length() > 20 && shown.contains(part), "a secret of " + secret.length());
      }
    }
  }
}
