package io.livegate;

import static io.livegate.GatewayTest.as;
import static io.livegate.GatewayTest.problem;
import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.specification.RequestSpecification;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.CookieManager;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.util.UUID;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The console's feed, and who may see it. */
@QuarkusTest
@WithTestResource(Surroundings.class)
class ConsoleTest {

  private static final String PATH =
      "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  private static final String SETUP = "{\"setup\":{\"model\":\"models/gemini-3.8-live\"}}";

  private final String user = "user-" + UUID.randomUUID();
  private final String subject = "default:" + user;

  @AfterEach
  void settle() {
    Await.until(() -> admin().get("/admin/v1/sessions").jsonPath().getList("sessions").isEmpty());
  }

  private static RequestSpecification admin() {
    return as(Surroundings.issuer().token("root").groups("platform-sre"));
  }

  private static TestIssuer.Token root() {
    return Surroundings.issuer().token("root").groups("platform-sre");
  }

  private TestIssuer.Token ordinary() {
    return Surroundings.issuer().token(user).groups("limited");
  }

  /** The cookies of somebody who has signed in at the page. */
  static String cookies(TestIssuer.Token who) throws IOException {
    Surroundings.issuer().visitor(who);
    var jar = new CookieManager();
    try {
      HttpClient.newBuilder()
          .cookieHandler(jar)
          .followRedirects(HttpClient.Redirect.ALWAYS)
          .build()
          .send(
              HttpRequest.newBuilder(URI.create(own() + "/console")).build(),
              HttpResponse.BodyHandlers.discarding());
    } catch (InterruptedException e) {
      throw new IOException(e);
    }
    String cookies =
        jar.getCookieStore().getCookies().stream()
            .map(cookie -> cookie.getName() + "=" + cookie.getValue())
            .collect(Collectors.joining("; "));
    assertTrue(cookies.contains("q_session_pages="), "nobody has signed in");
    return cookies;
  }

  static String own() {
    return "http://localhost:" + RestAssured.port;
  }

  private static RequestSpecification at(TestIssuer.Token who) throws IOException {
    return given().header("Cookie", cookies(who));
  }

  private static RawSocket feed(TestIssuer.Token who) throws IOException {
    return new RawSocket(
        RestAssured.port, "/console/feed", "Origin: " + own(), "Cookie: " + cookies(who));
  }

  private static RawSocket feed() throws IOException {
    var socket = feed(root());
    assertEquals("101", socket.status());
    return socket;
  }

  private RawSocket talk() throws IOException {
    String token = Surroundings.issuer().token(user).groups("limited").sign();
    var socket = new RawSocket(RestAssured.port, PATH + "?access_token=" + token).send(SETUP);
    socket.await("setupComplete");
    return socket;
  }

  /** Reads until the feed says so. */
  private static JsonObject until(RawSocket feed, Predicate<JsonObject> said) throws IOException {
    JsonObject changes;
    do {
      changes = new JsonObject(feed.message().text());
    } while (!said.test(changes));
    return changes;
  }

  private static JsonArray list(JsonObject changes, String name) {
    return changes.getJsonArray(name, new JsonArray());
  }

  private JsonObject mine(JsonObject changes) {
    return list(changes, "added").stream()
        .map(JsonObject.class::cast)
        .filter(row -> row.getString("subject").equals(subject))
        .findFirst()
        .orElse(null);
  }

  @Test
  void aConsoleIsToldOfASessionOfWhatItUsesAndOfItsEnd() throws Exception {
    try (var feed = feed();
        var talk = talk()) {
      JsonObject row = mine(until(feed, changes -> mine(changes) != null));
      assertEquals("limited", row.getString("rule"));
      assertEquals("models/gemini-3.8-live", row.getString("model"));
      assertEquals("relay", row.getString("mode"));
      assertTrue(row.containsKey("legs"), row::encode);
      assertEquals(0, row.getInteger("turns"));
      String id = row.getString("id");

      talk.send(RawSocket.ask("Hello"));
      talk.await("turnComplete");
      JsonObject change =
          list(until(feed, changes -> !list(changes, "changed").isEmpty()), "changed")
              .getJsonObject(0);
      assertEquals(id, change.getString("id"));
      assertEquals(1, change.getInteger("turns"));
      assertTrue(change.getLong("tokens") > 0);
      // What stays the same is not repeated.
      assertTrue(change.getString("subject") == null);

      admin().delete("/admin/v1/sessions/" + id).then().statusCode(202);
      assertEquals("1008 ended by an administrator", talk.awaitClose());
      until(feed, changes -> list(changes, "gone").contains(id));
    }
  }

  @Test
  void aConsoleIsToldWhatIsThereAlready() throws Exception {
    try (var talk = talk();
        var feed = feed()) {
      var first = new JsonObject();
      until(
          feed,
          changes -> {
            first.mergeIn(changes);
            return mine(first) != null
                && first.containsKey("policy")
                && first.containsKey("budgets");
          });
      assertEquals(64, first.getJsonObject("policy").getString("digest").length());
      var budgets = first.getJsonObject("budgets");
      assertTrue(
          list(budgets, "rules").stream()
              .anyMatch(rule -> ((JsonObject) rule).getString("rule").equals("limited")));
      talk.close(1000, "");
      talk.awaitClose();
    }
  }

  @Test
  void whatWasUsedIsToldBySubject() throws Exception {
    try (var talk = talk();
        var feed = feed()) {
      until(
          feed,
          changes ->
              list(changes.getJsonObject("budgets", new JsonObject()), "subjects").stream()
                  .anyMatch(use -> ((JsonObject) use).getString("subject").equals(subject)));
      talk.close(1000, "");
      talk.awaitClose();
    }
  }

  @Test
  void aConsoleEndsWithItsAdministratorsRights() throws Exception {
    String policy = Surroundings.policyText();
    try (var feed = feed()) {
      Files.writeString(
          Surroundings.policyFile(), policy.replace("'platform-sre' in", "'nobody' in"));
      assertEquals("1008 no longer an admin", feed.awaitClose());
    } finally {
      Files.writeString(Surroundings.policyFile(), policy);
    }
    Await.until(() -> admin().get("/admin/v1/policy").statusCode() == 200);
  }

  @Test
  void refusalsAreToldByCause() throws Exception {
    as(Surroundings.issuer().token(user).groups("nobody's")).post("/v1/tokens");
    try (var feed = feed()) {
      until(
          feed,
          changes ->
              list(changes, "replicas").stream()
                  .map(JsonObject.class::cast)
                  .flatMap(replica -> list(replica.getJsonObject("refusals"), "last").stream())
                  .map(JsonObject.class::cast)
                  .anyMatch(
                      refusal ->
                          subject.equals(refusal.getString("subject"))
                              && refusal.getString("cause").equals("no-rule-matched")));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"Origin: https://evil.example", "Origin: null", "X-Nothing: at all"})
  void onlyThisGatewaysPagesMayWatch(String header) throws Exception {
    try (var feed =
        new RawSocket(RestAssured.port, "/console/feed", header, "Cookie: " + cookies(root()))) {
      assertEquals("403", feed.status());
      assertEquals("origin-forbidden", feed.problem().getString("code"));
    }
  }

  @Test
  void thePageIsForAdministratorsAndRunsNothingButItsOwn() throws Exception {
    at(root())
        .get("/console")
        .then()
        .statusCode(200)
        .contentType("text/html")
        .header("Content-Security-Policy", containsString("script-src 'self';"))
        .header("Content-Security-Policy", not(containsString("unsafe")))
        .body(containsString("<h1>Console</h1>"));
    for (String path : new String[] {"/console", "/console/index.html"}) {
      at(ordinary())
          .get(path)
          .then()
          .statusCode(403)
          .contentType("text/html")
          .body(containsString("Only for administrators"));
    }
    problem(at(ordinary()).get("/console/console.js").then(), 403, "admin-required");
    given().redirects().follow(false).get("/console").then().statusCode(302);
  }

  @Test
  void whatIsChangedByThePageMustBeAskedByIt() throws Exception {
    problem(at(root()).delete("/console/api/sessions/none").then(), 403, "origin-forbidden");
    problem(
        at(root()).header("Origin", own()).delete("/console/api/sessions/none").then(),
        404,
        "not-found");
    at(root())
        .header("Origin", own())
        .queryParam("subject", subject)
        .delete("/console/api/sessions")
        .then()
        .statusCode(202)
        .body("ended", equalTo(0));
    problem(
        at(ordinary()).header("Origin", own()).delete("/console/api/sessions/none").then(),
        403,
        "admin-required");
  }

  @Test
  void aTokenIsNoCredentialHereAndTheCookieIsNoneElsewhere() throws Exception {
    admin().redirects().follow(false).get("/console").then().statusCode(302);
    for (String path : new String[] {"/admin/v1/sessions", "/v1/me"}) {
      problem(at(root()).get(path).then(), 401, "unauthenticated");
    }
    problem(at(root()).post("/v1/tokens").then(), 401, "unauthenticated");
    try (var relay = new RawSocket(RestAssured.port, PATH, "Cookie: " + cookies(root()))) {
      assertEquals("401", relay.status());
    }
  }

  @Test
  void onlyAdministratorsMayWatch() throws Exception {
    try (var feed = feed(ordinary())) {
      assertEquals("403", feed.status());
      assertEquals("admin-required", feed.problem().getString("code"));
    }
    try (var feed =
        new RawSocket(
            RestAssured.port, "/console/feed", "Origin: http://localhost:" + RestAssured.port)) {
      assertEquals("302", feed.status());
    }
  }
}
