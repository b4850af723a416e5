package io.livegate;

import static io.livegate.GatewayTest.TOKENS;
import static io.livegate.GatewayTest.as;
import static io.livegate.GatewayTest.management;
import static io.livegate.GatewayTest.pilot;
import static io.livegate.GatewayTest.problem;
import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.restassured.RestAssured;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** A gateway that hands out nothing which its audit file has not recorded. */
@QuarkusTest
@TestProfile(AuditRequiredTest.Required.class)
@WithTestResource(Surroundings.class)
class AuditRequiredTest {

  private static final String PATH =
      "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  private static final Path DIRECTORY = directory();

  public static final class Required implements QuarkusTestProfile {
    @Override
    public Map<String, String> getConfigOverrides() {
      byte[] key = new byte[32];
      new SecureRandom().nextBytes(key);
      return Map.of(
          "livegate.audit.sinks",
          "stdout,file",
          "livegate.audit.required",
          "true",
          "livegate.audit.key",
          Secrets.remember(Base64.getEncoder().encodeToString(key)),
          "livegate.audit.file.path",
          DIRECTORY.resolve("audit.jsonl").toString());
    }
  }

  private static Path directory() {
    try {
      return Files.createTempDirectory("livegate-audit");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<String> lines() throws IOException {
    return Files.readAllLines(DIRECTORY.resolve("audit.jsonl"));
  }

  private static String relayToken() {
    return Secrets.remember(
        as(Surroundings.issuer().token("ada").groups("bridged"))
            .contentType("application/json")
            .body("{\"mode\":\"relay\"}")
            .post(TOKENS)
            .then()
            .statusCode(201)
            .extract()
            .path("token"));
  }

  @Test
  void whatCannotBeRecordedIsNotHandedOut() throws Exception {
    String grant = as(pilot()).post(TOKENS).then().statusCode(201).extract().path("grantId");
    assertTrue(lines().stream().anyMatch(line -> line.contains(grant)));
    String token = relayToken();
    try (var socket = new RawSocket(RestAssured.port, PATH + "?access_token=" + token)) {
      assertEquals("101", socket.status());
      assertTrue(lines().stream().anyMatch(line -> line.contains("session.admitted")));
    }

    try (Stream<Path> files = Files.list(DIRECTORY)) {
      for (Path file : files.toList()) {
        Files.delete(file);
      }
    }
    Files.delete(DIRECTORY);

    problem(as(pilot()).post(TOKENS).then(), 503, "audit-unavailable")
        .header("Retry-After", equalTo("5"));
    String access = Surroundings.issuer().token("ada").groups("bridged").sign();
    for (String credential : List.of(token, access)) {
      try (var socket = new RawSocket(RestAssured.port, PATH + "?access_token=" + credential)) {
        assertEquals("503", socket.status());
      }
    }
    assertTrue(management("/q/metrics").contains("livegate_audit_failing{sink=\"file\"} 1.0"));

    Files.createDirectory(DIRECTORY);
    Await.until(() -> as(pilot()).post(TOKENS).statusCode() == 201);
    // Its use was not lost.
    try (var socket = new RawSocket(RestAssured.port, PATH + "?access_token=" + token)) {
      assertEquals("101", socket.status());
    }
    assertTrue(management("/q/metrics").contains("livegate_audit_failing{sink=\"file\"} 0.0"));
  }

  @Test
  void aFloodOfUnknownCallersHasASample() throws Exception {
    for (int i = 0; i < 200; i++) {
      given().post(TOKENS).then().statusCode(401);
    }
    Await.until(() -> refusals() >= 60);
    assertTrue(refusals() <= 120, "at most two minutes' worth: " + refusals());
    assertTrue(
        management("/q/metrics")
            .contains("livegate_grants_refused_total{code=\"unauthenticated\"}"));
  }

  private static long refusals() throws IOException {
    return lines().stream()
        .filter(line -> line.contains("\"outcome\":\"unauthenticated\""))
        .count();
  }
}
