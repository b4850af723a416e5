package io.livegate;

import static io.livegate.GatewayTest.TOKENS;
import static io.livegate.GatewayTest.as;
import static io.livegate.GatewayTest.problem;
import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.greaterThan;
import static org.hamcrest.Matchers.hasItem;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.notNullValue;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.response.ValidatableResponse;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Limits, and those who may cut others off: the admin API and back-channel logout. Each test has
 * users of its own, who share no count.
 */
@QuarkusTest
@WithTestResource(Surroundings.class)
class AdminTest {

  private static final String PATH =
      "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  private static final String SETUP = "{\"setup\":{\"model\":\"models/gemini-3.8-live\"}}";
  private static final String EVENT = "http://schemas.openid.net/event/backchannel-logout";

  private final String user = "user-" + UUID.randomUUID();
  private final String subject = "default:" + user;

  @BeforeEach
  void forget() {
    Surroundings.simulator().script().clear();
    Surroundings.simulator().journal().clear();
  }

  /** The end of a session belongs to the test that began it. */
  @AfterEach
  void settle() {
    Await.until(() -> admin().get("/admin/v1/sessions").jsonPath().getList("sessions").isEmpty());
  }

  private TestIssuer.Token token(String group) {
    return Surroundings.issuer().token(user).groups(group).claim("department", user);
  }

  private static RequestSpecification admin() {
    return as(Surroundings.issuer().token("root").groups("platform-sre"));
  }

  private static ValidatableResponse issue(TestIssuer.Token user, String mode) {
    return as(user).contentType("application/json").body(Map.of("mode", mode)).post(TOKENS).then();
  }

  private static String relayToken(TestIssuer.Token user) {
    return Secrets.remember(issue(user, "relay").statusCode(201).extract().path("token"));
  }

  private static RawSocket connect(String credential) throws IOException {
    return new RawSocket(RestAssured.port, PATH + "?access_token=" + credential);
  }

  private static RawSocket talk(String credential) throws IOException {
    var socket = connect(credential).send(SETUP);
    socket.await("setupComplete");
    return socket;
  }

  private String sessionId() {
    return admin()
        .queryParam("subject", subject)
        .get("/admin/v1/sessions")
        .then()
        .statusCode(200)
        .body("sessions", hasSize(1))
        .extract()
        .path("sessions[0].id");
  }

  // --- Limits

  @Test
  void moreTokensThanAMinuteAllowsAreRefusedWithWhenToComeBack() {
    issue(token("limited"), "relay")
        .statusCode(201)
        .header(
            "RateLimit-Policy",
            equalTo(
                "\"subject.grants-per-minute\";q=3;w=60,"
                    + " \"subject.concurrent-sessions\";q=1;qu=\"concurrent-requests\""))
        .header("RateLimit", matchesPattern("\"subject.grants-per-minute\";r=2;t=60, .*;r=1;.*"));
    issue(token("limited"), "relay").statusCode(201);
    issue(token("limited"), "relay").statusCode(201);

    problem(issue(token("limited"), "relay"), 429, "limit-reached")
        .body(
            "detail",
            equalTo("The limit subject.grants-per-minute of rule limited is reached: 3 of 3."))
        .header("Retry-After", matchesPattern("[1-5]?[0-9]|60"))
        .header("RateLimit-Policy", equalTo("\"subject.grants-per-minute\";q=3;w=60"))
        .header(
            "RateLimit", matchesPattern("\"subject.grants-per-minute\";r=0;t=([1-5]?[0-9]|60)"));
    as(token("limited"))
        .get("/v1/me")
        .then()
        .body("limits.name", hasItem("subject.grants-per-minute"))
        .body("limits[0].used", equalTo(3))
        .body("limits[0].max", equalTo(3))
        .body("limits[0].remaining", equalTo(0))
        .body("limits[0].reset", greaterThan(0));
  }

  @Test
  void aSessionBeyondTheLimitIsRefusedBeforeTheUpgradeAndFitsWhenTheFirstIsOver() throws Exception {
    String token = relayToken(token("limited"));
    try (var first = talk(token)) {
      try (var second = connect(token)) {
        assertEquals("429", second.status());
        assertTrue(second.head().contains("RateLimit: "), second.head());
      }
      first.close(1000, "");
      first.awaitClose();
    }
    Await.until(
        () -> {
          try (var third = connect(token)) {
            return third.status().equals("101");
          }
        });
  }

  @Test
  void aBudgetEndsTheSessionThatUsesItUp() throws Exception {
    try (var socket = talk(relayToken(token("budgeted")))) {
      String ask = RawSocket.ask("Tell me a long story about the sea and the wind.");
      socket.send(ask);
      long told = System.nanoTime();
      for (String text = ""; !text.contains("goAway"); text = socket.read().text()) {
        if (text.contains("turnComplete")) {
          told = System.nanoTime();
          socket.send(ask);
        }
      }
      assertEquals(
          "1008 the limit claims.department.usage-tokens-per-day is reached", socket.awaitClose());
      // Each turn uses a good part of the budget, so the one that crossed it was hardly earlier.
      assertTrue(Duration.ofNanos(System.nanoTime() - told).toSeconds() < 5);
    }
    problem(issue(token("budgeted"), "relay"), 429, "limit-reached");
    admin()
        .queryParam("subject", subject)
        .get("/admin/v1/usage")
        .then()
        .body("usage", hasSize(1))
        .body("usage[0].tokens", greaterThan(99))
        .body("usage[0].estimatedTokens", equalTo(0))
        .body("usage[0].sessions", equalTo(1));
  }

  @Test
  void aDirectTokenIsBookedByEstimate() {
    double before = estimated();
    Secrets.remember(issue(token("budgeted"), "direct").statusCode(201).extract().path("token"));

    problem(issue(token("budgeted"), "direct"), 429, "limit-reached")
        .body("detail", containsString("60 of 100"));
    admin()
        .queryParam("subject", subject)
        .get("/admin/v1/usage")
        .then()
        .body("usage[0].estimatedTokens", equalTo(60))
        .body("usage[0].tokens", equalTo(0));
    assertEquals(before + 60, estimated());
  }

  private static double estimated() {
    return Pattern.compile(
            "(?m)^livegate_usage_estimated_tokens_total\\{model=\"models/gemini-3.8-live\","
                + "rule=\"budgeted\"} (.*)$")
        .matcher(GatewayTest.management("/q/metrics"))
        .results()
        .mapToDouble(count -> Double.parseDouble(count.group(1)))
        .sum();
  }

  // --- The admin API

  @Test
  void anAdministratorSeesASessionAndEndsIt() throws Exception {
    try (var socket = talk(token("limited").sign())) {
      String id = sessionId();
      admin()
          .get("/admin/v1/sessions/" + id)
          .then()
          .statusCode(200)
          .body("subject", equalTo(subject))
          .body("rule", equalTo("limited"))
          .body("model", equalTo("models/gemini-3.8-live"))
          .body("mode", equalTo("relay"))
          .body("replica", notNullValue())
          .body("usage.totalTokens", equalTo(0));

      admin().delete("/admin/v1/sessions/" + id).then().statusCode(202).body("ended", equalTo(1));

      assertEquals("1008 ended by an administrator", socket.awaitClose());
      Await.until(() -> admin().get("/admin/v1/sessions/" + id).statusCode() == 404);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"subject", "rule"})
  void allSessionsOfASubjectOrARuleEnd(String which) throws Exception {
    try (var socket = talk(token("limited").sign())) {
      admin()
          .queryParam(which, which.equals("rule") ? "limited" : subject)
          .delete("/admin/v1/sessions")
          .then()
          .statusCode(202)
          .body("ended", greaterThan(0));
      assertEquals("1008 ended by an administrator", socket.awaitClose());
    }
    problem(admin().delete("/admin/v1/sessions").then(), 400, "invalid-request");
  }

  @Test
  void aBlockedSubjectHasNothingUntilThen() throws Exception {
    String until =
        Instant.now()
            .plusSeconds(3600)
            .truncatedTo(java.time.temporal.ChronoUnit.SECONDS)
            .toString();
    String token = relayToken(token("limited"));
    try (var socket = talk(token)) {
      admin()
          .contentType("application/json")
          .body(Map.of("until", until))
          .put("/admin/v1/subjects/{subject}/block", subject)
          .then()
          .statusCode(200)
          .body("until", equalTo(until));
      assertEquals("1008 ended by an administrator", socket.awaitClose());
    }
    problem(issue(token("limited"), "relay"), 403, "subject-blocked")
        .body("detail", equalTo("An administrator has blocked this user until " + until + "."));
    for (String credential : new String[] {token, token("limited").sign()}) {
      try (var socket = connect(credential)) {
        assertEquals("403", socket.status());
      }
    }
    admin().get("/admin/v1/subjects/{subject}/block", subject).then().body("until", equalTo(until));

    admin().delete("/admin/v1/subjects/{subject}/block", subject).then().statusCode(204);
    admin().delete("/admin/v1/subjects/{subject}/block", subject).then().statusCode(404);
    admin().get("/admin/v1/subjects/{subject}/block", subject).then().statusCode(404);
    talk(token).close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"{}", "{\"until\":\"tomorrow\"}", "{\"until\":\"2020-01-01T00:00:00Z\"}"})
  void aBlockNeedsAnEndToCome(String body) {
    problem(
        admin()
            .contentType("application/json")
            .body(body)
            .put("/admin/v1/subjects/{subject}/block", subject)
            .then(),
        400,
        "invalid-request");
  }

  @Test
  void subjectsAreNamedAsTheyAre() {
    String odd = "default:a/b?c=d%20é#\"";
    String until = "2099-01-01T00:00:00Z";
    admin()
        .contentType("application/json")
        .body(Map.of("until", until))
        .put("/admin/v1/subjects/{subject}/block", odd)
        .then()
        .statusCode(200);
    problem(
        issue(Surroundings.issuer().token("a/b?c=d%20é#\"").groups("limited"), "relay"),
        403,
        "subject-blocked");
    admin().delete("/admin/v1/subjects/{subject}/block", odd).then().statusCode(204);
  }

  @Test
  void thePolicyInForceIsShown() {
    admin()
        .get("/admin/v1/policy")
        .then()
        .statusCode(200)
        .body("digest", matchesPattern("[0-9a-f]{64}"))
        .body("loadedAt", notNullValue())
        .body("rules", hasItem("limited"));
  }

  @Test
  void onlyAdministratorsMay() {
    for (String path :
        new String[] {
          "/admin/v1/sessions",
          "/admin/v1/sessions/x",
          "/admin/v1/usage",
          "/admin/v1/policy",
          "/admin/v1/subjects/" + subject + "/block"
        }) {
      problem(as(token("limited")).get(path).then(), 403, "admin-required");
      problem(given().get(path).then(), 401, "unauthenticated");
    }
    problem(as(token("limited")).delete("/admin/v1/sessions/x").then(), 403, "admin-required");
  }

  // --- Back-channel logout

  private TestIssuer.Token logoutToken() {
    return Surroundings.issuer()
        .token(user)
        .claim("jti", UUID.randomUUID().toString())
        .claim("events", Map.of(EVENT, Map.of()));
  }

  private static ValidatableResponse logout(TestIssuer.Token token) {
    return given().formParam("logout_token", token.sign()).post("/oidc/back-channel-logout").then();
  }

  @Test
  void aLogoutEndsWhatCameOfThatLogin() throws Exception {
    String sid = UUID.randomUUID().toString();
    String access = token("limited").claim("sid", sid).sign();
    String other = token("limited").claim("sid", "another").sign();
    String token = relayToken(token("limited").claim("sid", sid));
    try (var socket = talk(token)) {
      logout(logoutToken().claim("sid", sid)).statusCode(200);
      assertEquals("1008 the login was ended", socket.awaitClose());
    }
    problem(as(access).get("/v1/me").then(), 401, "invalid-token");
    problem(as(access).post(TOKENS).then(), 401, "invalid-token");
    try (var socket = connect(token)) {
      assertEquals("401", socket.status());
    }
    as(other).get("/v1/me").then().statusCode(200);
  }

  @Test
  void aLogoutOfAUserEndsAllLoginsBefore() throws Exception {
    String access = token("limited").sign();
    try (var socket = talk(relayToken(token("limited")))) {
      logout(logoutToken()).statusCode(200);
      assertEquals("1008 the login was ended", socket.awaitClose());
    }
    problem(as(access).get("/v1/me").then(), 401, "invalid-token");
    as(token("limited").claim("iat", Instant.now().getEpochSecond() + 5))
        .get("/v1/me")
        .then()
        .statusCode(200);
  }

  @Test
  void aLogoutTokenIsGoodOnceAndOnlyIfItIsOne() {
    var good = logoutToken();
    logout(good).statusCode(200);
    problem(logout(good), 400, "invalid-request").body("detail", containsString("used before"));
    problem(logout(logoutToken().claim("events", null)), 400, "invalid-request");
    problem(logout(logoutToken().claim("events", Map.of("x", Map.of()))), 400, "invalid-request");
    problem(logout(logoutToken().claim("nonce", "n")), 400, "invalid-request");
    problem(logout(logoutToken().claim("jti", null)), 400, "invalid-request");
    problem(logout(logoutToken().claim("iat", 1_000_000_000)), 400, "invalid-request");
    problem(logout(logoutToken().claim("sub", null)), 400, "invalid-request");
    problem(logout(logoutToken().claim("aud", "another")), 400, "invalid-request");
    problem(logout(logoutToken().claim("iss", "https://other.example")), 400, "invalid-request");
    var forged = Surroundings.partner().token(user).claim("iss", Surroundings.issuer().url());
    problem(logout(forged), 400, "invalid-request");
    problem(
        given().formParam("x", "y").post("/oidc/back-channel-logout").then(),
        400,
        "invalid-request");
    // And it opens no door.
    problem(as(logoutToken()).get("/v1/me").then(), 401, "invalid-token");
  }
}
