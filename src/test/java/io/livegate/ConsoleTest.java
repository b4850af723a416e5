package io.livegate;

import static io.livegate.GatewayTest.as;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.specification.RequestSpecification;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.util.UUID;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

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

  private static RawSocket feed(TestIssuer.Token who) throws IOException {
    return new RawSocket(
        RestAssured.port,
        "/console/feed",
        "Origin: http://localhost:" + RestAssured.port,
        "Authorization: Bearer " + who.sign());
  }

  private static RawSocket feed() throws IOException {
    var socket = feed(Surroundings.issuer().token("root").groups("platform-sre"));
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
      assertEquals(1, row.getInteger("legs"));
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
      JsonObject first = until(feed, changes -> mine(changes) != null);
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

  @Test
  void onlyAdministratorsMayWatch() throws Exception {
    try (var feed = feed(Surroundings.issuer().token(user).groups("limited"))) {
      assertEquals("403", feed.status());
      assertEquals("admin-required", feed.problem().getString("code"));
    }
    try (var feed =
        new RawSocket(
            RestAssured.port, "/console/feed", "Origin: http://localhost:" + RestAssured.port)) {
      assertEquals("401", feed.status());
    }
  }
}
