package io.livegate.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.genai.Client;
import com.google.genai.errors.ClientException;
import com.google.genai.types.CreateAuthTokenConfig;
import com.google.genai.types.HttpOptions;
import com.google.genai.types.LiveConnectConfig;
import com.google.genai.types.LiveConnectConstraints;
import com.google.genai.types.Modality;
import com.google.genai.types.SessionResumptionConfig;
import io.livegate.Secrets;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Google's own SDKs with the packaged gateway: they mint through it with a user's access token as
 * their API key, and talk to the (simulated) Live API with what it issues.
 */
@QuarkusIntegrationTest
@WithTestResource(Keycloak.class)
@WithTestResource(SimulatedGoogle.class)
class GoogleSdkE2E {

  private static final String LATEST = "@google/genai";

  /** The constraints of Google's sample. */
  private static final String SAMPLE =
      """
      {"httpOptions": {"apiVersion": "v1alpha"},
       "liveConnectConstraints": {
         "model": "gemini-3.8-live",
         "config": {
           "sessionResumption": {}, "temperature": 0.7, "responseModalities": ["AUDIO"]}}}
      """;

  @BeforeAll
  static void install() throws IOException {
    JsSdk.install();
  }

  @BeforeEach
  void forget() {
    SimulatedGoogle.simulator().journal().clear();
  }

  @AfterAll
  static void nothingLeaked() throws IOException {
    Gateway.keptItsSecrets();
  }

  // --- JavaScript: minting

  @Test
  void googlesSampleMintsThroughTheGatewayAndTalks() throws Exception {
    String token = minted(LATEST, new JsonObject(SAMPLE));

    fullyLocked();
    assertEquals(0.7, mintedSetup().getJsonObject("generationConfig").getDouble("temperature"));
    JsonObject heard =
        talk(
            new JsonObject()
                .put("token", token)
                .put("baseUrl", SimulatedGoogle.simulator().baseUrl().toString())
                .put("apiVersion", "v1alpha")
                .put("model", "gemini-3.8-live")
                .put("config", new JsonObject("{\"responseModalities\":[\"AUDIO\"]}")));
    answered(heard);
    var session = SimulatedGoogle.onlySession();
    assertTrue(
        session.path().endsWith(".v1alpha.GenerativeService.BidiGenerateContentConstrained"));
    assertEquals(token, session.credential());
    assertEquals(mintedSetup(), session.setup());
    assertTrue(session.closedByClient());
  }

  /** The same SDK, with the gateway in Google's place. */
  @ParameterizedTest
  @ValueSource(strings = {"relay", "direct", "access"})
  void aSessionRunsThroughTheRelayWithEachCredential(String kind) throws Exception {
    String access = Keycloak.login("ada").accessToken();
    String token =
        kind.equals("access")
            ? access
            : Secrets.remember(
                Gateway.as(access)
                    .contentType("application/json")
                    .body(new JsonObject().put("mode", kind).encode())
                    .post("/v1/tokens")
                    .then()
                    .statusCode(201)
                    .extract()
                    .path("token"));
    JsonObject heard =
        talk(
            new JsonObject()
                .put("token", token)
                .put("baseUrl", Gateway.url())
                .put("apiVersion", "v1beta")
                .put("model", "gemini-3.8-live")
                .put("config", new JsonObject("{\"responseModalities\":[\"AUDIO\"]}")));
    answered(heard);
    var session = SimulatedGoogle.onlySession();
    assertTrue(session.path().endsWith("BidiGenerateContentConstrained"));
    assertEquals(kind.equals("direct"), token.equals(session.credential()));
    assertEquals(mintedSetup(), session.setup());
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "[\"temperature\"]", "[\"temperature\",\"tools\"]"})
  void everyLockIsWhole(String fields) throws Exception {
    minted(LATEST, new JsonObject(SAMPLE).put("lockAdditionalFields", new JsonArray(fields)));

    fullyLocked();
  }

  /** Without an apiVersion, which this SDK takes for v1. */
  @Test
  void aRequestForNothingInParticularIsShapedByTheRule() throws Exception {
    minted(LATEST, new JsonObject());

    fullyLocked();
  }

  @ParameterizedTest
  @ValueSource(strings = {"genai-1", "genai-2", LATEST})
  void theMasksOfOlderSdksAreNoObstacle(String sdk) throws Exception {
    var config = new JsonObject(SAMPLE).put("lockAdditionalFields", List.of());
    config
        .getJsonObject("liveConnectConstraints")
        .getJsonObject("config")
        .put("tools", List.of(new JsonObject("{\"googleSearch\":{}}")));

    minted(sdk, config);

    fullyLocked();
    assertEquals("[{\"googleSearch\":{}}]", mintedSetup().getJsonArray("tools").encode());
  }

  @ParameterizedTest
  @ValueSource(strings = {"genai-1", "genai-2", LATEST})
  void aRefusalNamesWhatThePolicyDoesNotAllow(String sdk) throws Exception {
    var config = new JsonObject(SAMPLE);
    config.getJsonObject("liveConnectConstraints").put("model", "gemini-2.0-flash");
    config
        .getJsonObject("liveConnectConstraints")
        .getJsonObject("config")
        .put("systemInstruction", "Obey me.");

    JsonObject error = refused(sdk, Keycloak.login("ada").accessToken(), config);

    assertEquals(403, error.getInteger("status"));
    for (String part :
        List.of("PERMISSION_DENIED", "models/gemini-2.0-flash", "systemInstruction")) {
      assertTrue(error.getString("message").contains(part), error.encodePrettily());
    }
  }

  @Test
  void whoMayNotMintIsToldWhy() throws Exception {
    JsonObject nobody =
        refused(LATEST, Keycloak.login("eve").accessToken(), new JsonObject(SAMPLE));
    assertEquals(403, nobody.getInteger("status"));
    assertTrue(nobody.getString("message").contains("PERMISSION_DENIED"));

    JsonObject wrong = refused(LATEST, Keycloak.login("ada").idToken(), new JsonObject(SAMPLE));
    assertEquals(401, wrong.getInteger("status"));
    assertTrue(wrong.getString("message").contains("UNAUTHENTICATED"));
  }

  // --- JavaScript: talking

  @Test
  void anIssuedTokenSpeaksForTheRuleAndNotForTheClient() throws Exception {
    var issued = Gateway.issue("ada");

    JsonObject heard =
        talk(
            new JsonObject()
                .put("token", issued.getString("token"))
                .put("baseUrl", issued.getString("baseUrl"))
                .put("apiVersion", issued.getString("apiVersion"))
                .put("model", "gemini-3.1-flash-live-preview")
                .put("config", new JsonObject("{\"systemInstruction\":\"Obey me.\"}")));

    answered(heard);
    var session = SimulatedGoogle.onlySession();
    assertTrue(session.clientSetup().encode().contains("Obey me."));
    assertEquals(mintedSetup(), session.setup());
    assertEquals("models/gemini-3.8-live", session.setup().getString("model"));
  }

  @Test
  void aTokenForOneSessionStartsNoSecondOne() throws Exception {
    var issued = Gateway.issue("ada");
    var input =
        new JsonObject()
            .put("token", issued.getString("token"))
            .put("baseUrl", issued.getString("baseUrl"))
            .put("apiVersion", issued.getString("apiVersion"))
            .put("model", issued.getString("model"));
    answered(talk(input));

    JsonObject second = talk(input);

    assertTrue(second.encode().contains("Token has been used too many times"), second.encode());
  }

  // --- Java

  @Test
  void theJavaSdkMints() {
    Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    try (var client = javaSdk(Keycloak.login("ada").accessToken())) {
      var request =
          CreateAuthTokenConfig.builder()
              .uses(1)
              .expireTime(now.plus(Duration.ofMinutes(30)))
              .newSessionExpireTime(now.plus(Duration.ofMinutes(1)))
              .liveConnectConstraints(
                  LiveConnectConstraints.builder()
                      .model("gemini-3.8-live")
                      .config(
                          LiveConnectConfig.builder()
                              .sessionResumption(SessionResumptionConfig.builder().build())
                              .temperature(0.7f)
                              .responseModalities(Modality.Known.AUDIO)
                              .build())
                      .build())
              .lockAdditionalFields(List.of())
              .build();

      String name = Secrets.remember(client.authTokens.create(request).name().orElseThrow());

      assertEquals(SimulatedGoogle.onlyMint().token(), name);
      fullyLocked();
    }
  }

  @Test
  void theJavaSdkShowsARefusal() {
    try (var client = javaSdk(Keycloak.login("eve").accessToken())) {
      var refused =
          assertThrows(
              ClientException.class,
              () -> client.authTokens.create(CreateAuthTokenConfig.builder().build()));
      assertEquals(403, refused.code());
      assertEquals("PERMISSION_DENIED", refused.status());
    }
  }

  private static Client javaSdk(String accessToken) {
    return Client.builder()
        .apiKey(accessToken)
        .httpOptions(HttpOptions.builder().baseUrl(Gateway.url()).apiVersion("v1alpha").build())
        .build();
  }

  // --- Steps

  private static String minted(String sdk, JsonObject config) throws IOException {
    JsonObject result = mint(sdk, Keycloak.login("ada").accessToken(), config);
    String name = result.getString("name", "");
    assertTrue(name.startsWith("auth_tokens/"), result.encodePrettily());
    assertEquals(SimulatedGoogle.onlyMint().token(), Secrets.remember(name));
    return name;
  }

  private static JsonObject refused(String sdk, String accessToken, JsonObject config)
      throws IOException {
    JsonObject result = mint(sdk, accessToken, config);
    assertTrue(result.containsKey("error"), result.encode());
    assertFalse(result.encode().contains(accessToken), "the error repeats the credential");
    assertEquals(List.of(), SimulatedGoogle.simulator().journal().mints());
    return result.getJsonObject("error");
  }

  private static JsonObject mint(String sdk, String accessToken, JsonObject config)
      throws IOException {
    return JsSdk.run(
        "mint.mjs",
        new JsonObject()
            .put("sdk", sdk)
            .put("accessToken", accessToken)
            .put("gateway", Gateway.url())
            .put("config", config));
  }

  private static JsonObject talk(JsonObject input) throws IOException {
    return JsSdk.run("talk.mjs", input.copy().put("say", "Good morning"));
  }

  private static void answered(JsonObject heard) {
    assertTrue(heard.getBoolean("turnComplete", false), heard.encode());
    assertTrue(heard.getInteger("audioBytes") > 0, heard.encode());
    assertEquals(List.of("audio/pcm;rate=24000"), heard.getJsonArray("mimeTypes").getList());
    assertTrue(heard.getString("transcription").contains("Good morning"), heard.encode());
    assertFalse(heard.containsKey("closed"), heard.encode());
  }

  private static JsonObject mintedSetup() {
    return SimulatedGoogle.onlyMint().json().getJsonObject("bidiGenerateContentSetup");
  }

  /** What reached Google holds the whole rule, no mask, and nothing of the user's credential. */
  private static void fullyLocked() {
    var mint = SimulatedGoogle.onlyMint();
    assertFalse(mint.json().containsKey("fieldMask"), mint.body());
    assertEquals("models/gemini-3.8-live", mintedSetup().getString("model"));
    assertEquals(
        "{\"parts\":[{\"text\":\"You help Ada Lovelace.\"}]}",
        mintedSetup().getJsonObject("systemInstruction").encode());
    assertTrue(mintedSetup().containsKey("outputAudioTranscription"));
    assertEquals(1, mint.json().getInteger("uses"));
    assertEquals(SimulatedGoogle.API_KEY, mint.headers().get("x-goog-api-key"));
    assertFalse(mint.headers().containsKey("authorization"));
  }
}
