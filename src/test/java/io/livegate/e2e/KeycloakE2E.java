package io.livegate.e2e;

import static io.livegate.e2e.Gateway.as;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.matchesPattern;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Await;
import io.livegate.simulator.Journal;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The packaged gateway with users of a real Keycloak. */
@QuarkusIntegrationTest
@WithTestResource(Keycloak.class)
@WithTestResource(SimulatedGoogle.class)
class KeycloakE2E {

  @BeforeEach
  void forget() {
    SimulatedGoogle.simulator().journal().clear();
  }

  @AfterAll
  static void nothingLeaked() throws IOException {
    Gateway.keptItsSecrets();
  }

  @Test
  void anAccessTokenIsExchangedByItsGroup() {
    var login = Keycloak.login("ada");

    as(login.accessToken())
        .get("/v1/me")
        .then()
        .statusCode(200)
        .body("subject", matchesPattern("default:[0-9a-f-]{36}"))
        .body("rule", equalTo("pilots"));
    var answer = Gateway.issue("ada");

    assertEquals("pilots", answer.getString("rule"));
    var mint = SimulatedGoogle.onlyMint();
    assertEquals(mint.token(), answer.getString("token"));
    assertEquals(
        new JsonObject(
            """
            {"model":"models/gemini-3.8-live",
             "generationConfig":{"responseModalities":["AUDIO"]},
             "systemInstruction":{"parts":[{"text":"You help Ada Lovelace."}]},
             "outputAudioTranscription":{},
             "contextWindowCompression":{"slidingWindow":{}},
             "sessionResumption":{}}
            """),
        mint.json().getJsonObject("bidiGenerateContentSetup"));
    assertEquals(SimulatedGoogle.API_KEY, mint.headers().get("x-goog-api-key"));
    assertFalse(mint.headers().containsKey("authorization"));
  }

  @Test
  void theOtherTokensOfALoginAreRefused() {
    var login = Keycloak.login("ada");

    refused(login.idToken());
    refused(login.refreshToken());
  }

  @Test
  void aTokenForAnotherAudienceIsRefused() {
    refused(Keycloak.login("ada", "another-app").accessToken());
  }

  @Test
  void aTokenIsGoodUntilItExpires() {
    var brief = Keycloak.login("eve", "brief-cli");

    as(brief.accessToken()).get("/v1/me").then().statusCode(200);
    Await.until(() -> as(brief.accessToken()).get("/v1/me").statusCode() == 401);
    refused(brief.accessToken());
  }

  @Test
  void aLogoutEndsTheSessionAndTheTokensOfThatLogin() throws Exception {
    Keycloak.tellsOfLogouts(Gateway.url() + "/oidc/back-channel-logout");
    var login = Keycloak.login("ada");
    var other = Keycloak.login("ada");
    var closed = new CompletableFuture<String>();
    var socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(
                URI.create(
                    Gateway.url().replaceFirst("^http", "ws")
                        + "/ws/google.ai.generativelanguage.v1beta.GenerativeService"
                        + ".BidiGenerateContent?access_token="
                        + login.accessToken()),
                new WebSocket.Listener() {
                  @Override
                  public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
                    closed.complete(code + " " + reason);
                    return null;
                  }
                })
            .join();
    socket.sendText("{\"setup\":{}}", true).join();
    Await.until(
        () ->
            SimulatedGoogle.simulator().journal().sessions().stream()
                .anyMatch(Journal.Session::ready));

    Keycloak.logout(login);

    assertEquals("1008 the login was ended", closed.get(20, TimeUnit.SECONDS));
    refused(login.accessToken());
    as(other.accessToken()).get("/v1/me").then().statusCode(200);
  }

  @Test
  void whoIsInNoGroupGetsNothing() {
    as(Keycloak.login("eve").accessToken())
        .post("/v1/tokens")
        .then()
        .statusCode(403)
        .contentType("application/problem+json")
        .body("code", equalTo("no-rule-matched"));
    assertEquals(List.of(), SimulatedGoogle.simulator().journal().mints());
  }

  @Test
  void onlyAdminsMayAskForAnExplanation() {
    String question =
        "{\"claims\":{\"sub\":\"kim\",\"name\":\"Kim\",\"groups\":[\"voice-pilots\"]}}";

    as(Keycloak.login("sam").accessToken())
        .contentType("application/json")
        .body(question)
        .post("/admin/v1/explain")
        .then()
        .statusCode(200)
        .body("outcome", equalTo("granted"))
        .body("rule", equalTo("pilots"));
    as(Keycloak.login("ada").accessToken())
        .contentType("application/json")
        .body(question)
        .post("/admin/v1/explain")
        .then()
        .statusCode(403)
        .body("code", equalTo("admin-required"));
    assertEquals(List.of(), SimulatedGoogle.simulator().journal().mints());
  }

  @Test
  void theGatewayIsReadyAndCountsWhatItIssues() throws IOException {
    Gateway.issue("ada");

    assertTrue(Gateway.management("/q/health/ready").contains("\"status\": \"UP\""));
    String metrics = Gateway.management("/q/metrics");
    assertTrue(metrics.contains("livegate_grants_issued_total{mode=\"direct\""), metrics);
  }

  private static void refused(String token) {
    int minted = SimulatedGoogle.simulator().journal().mints().size();
    as(token)
        .post("/v1/tokens")
        .then()
        .statusCode(401)
        .contentType("application/problem+json")
        .body("code", equalTo("invalid-token"));
    assertEquals(minted, SimulatedGoogle.simulator().journal().mints().size());
  }
}
