package io.livegate;

import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.hasItems;
import static org.hamcrest.Matchers.hasSize;
import static org.hamcrest.Matchers.matchesPattern;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.nullValue;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.genai.Client;
import com.google.genai.errors.ClientException;
import com.google.genai.types.CreateAuthTokenConfig;
import com.google.genai.types.HttpOptions;
import com.google.genai.types.LiveConnectConfig;
import com.google.genai.types.LiveConnectConstraints;
import com.google.genai.types.Modality;
import com.google.genai.types.SessionResumptionConfig;
import io.livegate.simulator.Journal;
import io.livegate.simulator.MintFault;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.response.ValidatableResponse;
import io.restassured.specification.RequestSpecification;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.keys.HmacKey;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The whole program over HTTP, between real tokens and the simulator. */
@QuarkusTest
@WithTestResource(Surroundings.class)
class GatewayTest {

  static final String TOKENS = "/v1/tokens";

  @BeforeEach
  void forget() {
    Surroundings.simulator().script().clear();
    Surroundings.simulator().journal().clear();
    // Whatever is shown to a caller is searched for secrets at the end.
    RestAssured.replaceFiltersWith(
        (request, response, context) -> {
          var answer = context.next(request, response);
          if (answer.statusCode() >= 400) {
            Secrets.shown(answer.headers() + "\n" + answer.body().asString());
          } else if (answer.contentType().startsWith("application/json")
              && answer.jsonPath().get("token") instanceof String token) {
            Secrets.remember(token);
          }
          return answer;
        });
  }

  @AfterEach
  void mend() throws IOException {
    RestAssured.replaceFiltersWith(List.of());
    Files.writeString(Surroundings.policyFile(), Surroundings.policyText());
    Files.writeString(Surroundings.keyFile(), Surroundings.API_KEY);
  }

  static TestIssuer.Token pilot() {
    return Surroundings.issuer().token("ada").groups("voice-pilots");
  }

  static RequestSpecification as(String token) {
    return given().header("Authorization", "Bearer " + token);
  }

  static RequestSpecification as(TestIssuer.Token token) {
    return as(token.sign());
  }

  static Journal.Mint onlyMint() {
    List<Journal.Mint> mints = Surroundings.simulator().journal().mints();
    assertEquals(1, mints.size());
    return mints.get(0);
  }

  static void nothingMinted() {
    assertEquals(List.of(), Surroundings.simulator().journal().mints());
  }

  static ValidatableResponse problem(ValidatableResponse response, int status, String code) {
    return response
        .statusCode(status)
        .contentType("application/problem+json")
        .header("Cache-Control", "no-store")
        .body("type", equalTo("/problems/" + code))
        .body("status", equalTo(status))
        .body("code", equalTo(code))
        .body("title", not(nullValue()))
        .body("detail", not(nullValue()));
  }

  // --- Issuing

  @Test
  void aUserGetsATokenShapedByTheRule() {
    Instant before = Instant.now().truncatedTo(ChronoUnit.SECONDS);

    var answer =
        as(pilot().claim("name", "Ada"))
            .post(TOKENS)
            .then()
            .statusCode(201)
            .header("Cache-Control", "no-store")
            .body("token", startsWith("auth_tokens/"))
            .body("mode", equalTo("direct"))
            .body("model", equalTo("models/gemini-3.8-live"))
            .body("uses", equalTo(3))
            .body("baseUrl", equalTo(Surroundings.simulator().baseUrl().toString()))
            .body("apiVersion", equalTo("v1beta"))
            .body(
                "webSocketUrl",
                matchesPattern(
                    "ws://[^/]+/ws/google.ai.generativelanguage.v1beta.GenerativeService"
                        + ".BidiGenerateContentConstrained"))
            .body("rule", equalTo("pilots"))
            .body("grantId", matchesPattern("[0-9a-f-]{36}"))
            .extract()
            .jsonPath();

    Instant expires = Instant.parse(answer.getString("expireTime"));
    Instant startable = Instant.parse(answer.getString("newSessionExpireTime"));
    assertFalse(expires.isBefore(before.plus(Duration.ofMinutes(30))));
    assertEquals(Duration.ofMinutes(29), Duration.between(startable, expires));

    JsonObject body = onlyMint().json();
    assertEquals(answer.getString("expireTime"), body.getString("expireTime"));
    assertEquals(answer.getString("newSessionExpireTime"), body.getString("newSessionExpireTime"));
    assertEquals(
        List.of("bidiGenerateContentSetup", "expireTime", "newSessionExpireTime", "uses"),
        body.fieldNames().stream().sorted().toList());
    assertEquals(
        new JsonObject(
            """
            {"model":"models/gemini-3.8-live",
             "generationConfig":{"responseModalities":["AUDIO"]},
             "systemInstruction":{"parts":[{"text":"You help Ada."}]},
             "outputAudioTranscription":{},
             "contextWindowCompression":
               {"triggerTokens":"25000","slidingWindow":{"targetTokens":"8000"}},
             "sessionResumption":{}}
            """),
        body.getJsonObject("bidiGenerateContentSetup"));
    assertEquals(Surroundings.API_KEY, onlyMint().headers().get("x-goog-api-key"));
  }

  @Test
  void aRequestNarrowsTheRuleAndSetsOpenFields() {
    as(pilot())
        .contentType("application/json")
        .body(
            """
            {"model":"gemini-3.8-live-extended-thinking","mode":"direct","uses":1,
             "expiresIn":600,"startWithin":30,"resumptionHandle":"h-1",
             "setup":{"tools":[{"googleSearch":{}}],
                      "generationConfig":{"temperature":0.5,"responseModalities":["AUDIO"]}}}
            """)
        .post(TOKENS)
        .then()
        .statusCode(201)
        .body("model", equalTo("models/gemini-3.8-live-extended-thinking"))
        .body("uses", equalTo(1));

    JsonObject setup = onlyMint().json().getJsonObject("bidiGenerateContentSetup");
    assertEquals(
        new JsonObject("{\"responseModalities\":[\"AUDIO\"],\"temperature\":0.5}"),
        setup.getJsonObject("generationConfig"));
    assertEquals(new JsonArray("[{\"googleSearch\":{}}]"), setup.getJsonArray("tools"));
    assertEquals(new JsonObject("{\"handle\":\"h-1\"}"), setup.getJsonObject("sessionResumption"));
    assertFalse(onlyMint().json().containsKey("fieldMask"));
  }

  @Test
  void everyViolationIsListed() {
    problem(
            as(pilot())
                .contentType("application/json")
                .body(
                    """
                    {"model":"gemini-x","mode":"relay","uses":4,"expiresIn":1801,"startWithin":61,
                     "setup":{"systemInstruction":"Obey me.",
                              "generationConfig":{"seed":1,"responseModalities":["TEXT"]}}}
                    """)
                .post(TOKENS)
                .then(),
            403,
            "beyond-policy")
        .body(
            "violations.field",
            hasItems(
                "model",
                "mode",
                "uses",
                "expiresIn",
                "startWithin",
                "setup.systemInstruction",
                "setup.generationConfig.seed",
                "setup.generationConfig.responseModalities"))
        .body("violations", hasSize(8))
        .body("violations.find { it.field == 'uses' }.asked", equalTo(4))
        .body("violations.find { it.field == 'uses' }.allowed", equalTo("at least 1, at most 3"));
    nothingMinted();
  }

  @Test
  void repeatingTheRulesOwnValuesIsNoViolation() {
    as(pilot())
        .contentType("application/json")
        .body(
            """
            {"uses":3,"expiresIn":1800,"startWithin":60,"model":"models/gemini-3.8-live",
             "setup":{"systemInstruction":{"role":"user","parts":[{"text":"You help a colleague."}]},
                      "contextWindowCompression":{"triggerTokens":25000},
                      "output_audio_transcription":{}}}
            """)
        .post(TOKENS)
        .then()
        .statusCode(201);
  }

  @Test
  void aSessionCannotStartAfterItsTokenExpired() {
    as(pilot())
        .contentType("application/json")
        .body("{\"expiresIn\":20}")
        .post(TOKENS)
        .then()
        .statusCode(201);
    JsonObject body = onlyMint().json();
    assertEquals(body.getString("expireTime"), body.getString("newSessionExpireTime"));

    problem(
            as(pilot())
                .contentType("application/json")
                .body("{\"expiresIn\":20,\"startWithin\":21}")
                .post(TOKENS)
                .then(),
            400,
            "invalid-request")
        .body("violations.field", equalTo(List.of("startWithin")));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"uses":-1}                          | uses
          {"uses":"1"}                         | uses
          {"uses":1.5}                         | uses
          {"uses":null}                        | uses
          {"expiresIn":0}                      | expiresIn
          {"startWithin":0}                    | startWithin
          {"mode":"proxy"}                     | mode
          {"model":7}                          | model
          {"model":""}                         | model
          {"modell":"x"}                       | modell
          {"setup":[]}                         | setup
          {"setup":{"voice":"Puck"}}           | setup.voice
          {"setup":{"generationConfig":{"temperature":1e999}}} | setup.generationConfig.temperature
          {"setup":{"generationConfig":{"temperature":"hot"}}} | setup.generationConfig.temperature
          {"setup":{"sessionResumption":{"handle":null}}}      | setup.sessionResumption.handle
          {"resumptionHandle":""}              | resumptionHandle
          {"model":"a","setup":{"model":"b"}}  | setup.model
          """)
  void aMalformedFieldIsNamed(String body, String field) {
    problem(
            as(pilot()).contentType("application/json").body(body).post(TOKENS).then(),
            400,
            "invalid-request")
        .body("violations.field", equalTo(List.of(field)));
    nothingMinted();
  }

  @ParameterizedTest
  @ValueSource(strings = {"[]", "null", "{", "{\"uses\":1}{}", "{\"uses\":1,\"uses\":2}", "\u0000"})
  void aBodyThatIsNoObjectIsRefused(String body) {
    problem(
        as(pilot()).contentType("application/json").body(body).post(TOKENS).then(),
        400,
        "invalid-request");
  }

  @Test
  void notEveryOfManyMistakesIsListed() {
    var setup = new JsonObject();
    for (int i = 0; i < 5000; i++) {
      setup.put("unknown" + i, 0);
    }
    String answer =
        problem(
                as(pilot())
                    .contentType("application/json")
                    .body(new JsonObject().put("setup", setup).encode())
                    .post(TOKENS)
                    .then(),
                400,
                "invalid-request")
            .body("violations", hasSize(51))
            .body("violations[50].allowed", equalTo("4950 more are not listed"))
            .extract()
            .asString();
    assertTrue(answer.length() < 30_000);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/v1/tokens;a=b", "/v1;x/tokens", "/v1beta/auth_tokens;a=b"})
  void anAddressHasNoParametersOfItsOwn(String path) {
    as(pilot()).urlEncodingEnabled(false).post(path).then().statusCode(404);
    nothingMinted();
  }

  @Test
  void anEmptyBodyIsAnEmptyObject() {
    as(pilot()).contentType("application/json").body("").post(TOKENS).then().statusCode(201);
    as(pilot()).contentType("application/json").body("{}").post(TOKENS).then().statusCode(201);
  }

  @Test
  void aBodyHasLimits() {
    String huge = "{\"model\":\"" + "x".repeat(256 * 1024) + "\"}";
    problem(
        as(pilot()).contentType("application/json").body(huge).post(TOKENS).then(),
        413,
        "request-too-large");
    problem(
        as(pilot())
            .contentType("application/json")
            .body(new ByteArrayInputStream(huge.getBytes(StandardCharsets.UTF_8)))
            .post(TOKENS)
            .then(),
        413,
        "request-too-large");
    problem(
        as(pilot()).contentType("text/plain").body("{}").post(TOKENS).then(),
        415,
        "unsupported-media-type");
    nothingMinted();
  }

  // --- Who may

  @Test
  void whoMatchesNoRuleIsDenied() {
    problem(as(Surroundings.issuer().token("eve")).post(TOKENS).then(), 403, "no-rule-matched");
    problem(
        as(Surroundings.issuer().token("eve").groups("other")).post(TOKENS).then(),
        403,
        "no-rule-matched");
    nothingMinted();
  }

  @Test
  void aRuleThatCannotBeEvaluatedDenies() {
    problem(
        as(Surroundings.issuer().token("eve").groups("faulty", "templated").claim("level", "high"))
            .post(TOKENS)
            .then(),
        403,
        "policy-error");
    problem(
        as(Surroundings.issuer().token("eve").groups("templated")).post(TOKENS).then(),
        403,
        "policy-error");
    nothingMinted();
  }

  @Test
  void withheldGroupsAreSaidToBeMissing() {
    for (var token :
        List.of(
            Surroundings.issuer().token("eve").claim("hasgroups", true),
            Surroundings.issuer().token("eve").claim("_claim_names", Map.of("groups", "src1")))) {
      problem(as(token).post(TOKENS).then(), 403, "groups-overage")
          .body("detail", containsString("groups assigned to this application"));
    }
  }

  @Test
  void eachIssuerHasItsOwnRules() {
    as(Surroundings.partner().token("pat"))
        .post(TOKENS)
        .then()
        .statusCode(201)
        .body("rule", equalTo("partners"));
    as(Surroundings.partner().token("pat").groups("voice-pilots", "platform-sre"))
        .post(TOKENS)
        .then()
        .statusCode(201)
        .body("rule", equalTo("partners"));
    problem(
        as(Surroundings.partner().token("pat").groups("platform-sre"))
            .contentType("application/json")
            .body("{\"claims\":{}}")
            .post("/admin/v1/explain")
            .then(),
        403,
        "admin-required");
  }

  @ParameterizedTest
  @ValueSource(strings = {"google-oauth2|1234", "a/b/../c", "50%25", "ü ü", "x:y"})
  void aSubjectIsTakenAsItIs(String sub) {
    as(Surroundings.issuer().token(sub).groups("voice-pilots"))
        .get("/v1/me")
        .then()
        .statusCode(200)
        .body("subject", equalTo("default:" + sub));
    as(Surroundings.partner().token(sub))
        .get("/v1/me")
        .then()
        .body("subject", equalTo("partner:" + sub));
  }

  @Test
  void meShowsTheRuleOrWhyThereIsNone() {
    as(pilot())
        .get("/v1/me")
        .then()
        .statusCode(200)
        .body("rule", equalTo("pilots"))
        .body(
            "models",
            equalTo(List.of("models/gemini-3.8-live", "models/gemini-3.8-live-extended-thinking")))
        .body("modes", equalTo(List.of("direct")))
        .body("token.uses", equalTo(3))
        .body("token.expiresIn", equalTo(1800))
        .body("token.startWithin", equalTo(60))
        .body(
            "open",
            equalTo(
                List.of("tools", "generationConfig.speechConfig", "generationConfig.temperature")));
    as(Surroundings.issuer().token("eve"))
        .get("/v1/me")
        .then()
        .statusCode(200)
        .body("rule", nullValue())
        .body("denied.code", equalTo("no-rule-matched"));
  }

  // --- Bad tokens

  static String challenge(String token) {
    return problem(as(token).post(TOKENS).then(), 401, "invalid-token")
        .header("WWW-Authenticate", startsWith("Bearer error=\"invalid_token\""))
        .extract()
        .path("detail");
  }

  @Test
  void aTokenThatIsNotSignedByTheIssuerIsRefused() throws Exception {
    var issuer = Surroundings.issuer();
    challenge(pilot().sign(AlgorithmIdentifiers.NONE, null));
    challenge(
        pilot()
            .sign(
                AlgorithmIdentifiers.HMAC_SHA256,
                new HmacKey(issuer.publicKey().getBytes(StandardCharsets.UTF_8))));
    challenge(
        pilot()
            .sign(
                AlgorithmIdentifiers.HMAC_SHA256,
                new HmacKey(issuer.key().getPublicKey().getEncoded())));
    challenge(pilot().header("kid", "k2").sign());
    challenge(
        pilot()
            .header("jku", Surroundings.partner().url() + "/jwks")
            .sign(
                AlgorithmIdentifiers.RSA_USING_SHA256,
                Surroundings.partner().key().getPrivateKey()));
    String[] good = pilot().sign().split("\\.", -1);
    String[] other =
        Surroundings.issuer().token("eve").groups("platform-sre").sign().split("\\.", -1);
    challenge(Secrets.remember(good[0] + "." + other[1] + "." + good[2]));
    challenge(good[0] + "." + good[1] + ".");
    nothingMinted();
  }

  @Test
  void aJwtIsNeverSentToTheIssuer() throws Exception {
    int asked = Surroundings.issuer().introspections();
    challenge(pilot().header("kid", "k2").sign());
    challenge(Surroundings.partner().token("pat").header("kid", "k2").sign());
    as(pilot()).get("/v1/me").then().statusCode(200);
    assertEquals(asked, Surroundings.issuer().introspections());
    assertEquals(0, Surroundings.partner().introspections());
  }

  @Test
  void aTokenForSomebodyElseOrAnotherTimeIsRefused() {
    long now = Instant.now().getEpochSecond();
    challenge(pilot().claim("aud", "another").sign());
    challenge(pilot().claim("aud", null).sign());
    challenge(pilot().claim("iss", "https://elsewhere.example").sign());
    challenge(pilot().claim("iss", Surroundings.partner().url()).sign());
    challenge(pilot().claim("exp", now - 60).sign());
    challenge(pilot().claim("exp", null).sign());
    challenge(pilot().claim("nbf", now + 600).sign());
    nothingMinted();
  }

  @Test
  void aTokenOfAnotherKindIsRefused() {
    challenge(pilot().header("crit", List.of("x")).header("x", 1).sign());
    challenge(pilot().header("typ", "dpop+jwt").sign());
    challenge(pilot().header("typ", "logout+jwt").sign());
    challenge(pilot().claim("typ", "ID").sign());
    challenge(pilot().claim("typ", "Refresh").sign());
    challenge(pilot().claim("nonce", "n").sign());
    challenge(pilot().claim("at_hash", "h").sign());
    challenge(pilot().claim("token_use", "id").sign());
    challenge(pilot().claim("sub", null).sign());
    challenge(pilot().claim("events", Map.of()).sign());
    assertTrue(challenge(pilot().claim("cnf", Map.of("jkt", "x")).sign()).contains("cnf"));
    nothingMinted();
  }

  @Test
  void anAccessTokenMayDeclareItself() {
    as(pilot().header("typ", "at+jwt")).post(TOKENS).then().statusCode(201);
    as(pilot().claim("aud", List.of("other", "livegate"))).post(TOKENS).then().statusCode(201);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "...",
        "..",
        "a..b",
        ".a.b",
        "a.b.",
        "YQ.YQ.YQ",
        "YQ.W10.YQ",
        "YQ.bnVsbA.YQ",
        "YQ.eyJpc3MiOjV9.YQ",
        "YQ.eyJpc3MiOnsiYSI6W119fQ.YQ",
        "a b",
        "a,b",
        "\"",
        "a=b",
        "é.é.é"
      })
  void garbageIsNoToken(String token) {
    challenge(token);
    nothingMinted();
  }

  @Test
  void googlesCredentialsAreNoneHere() {
    int asked = Surroundings.issuer().introspections();
    assertTrue(challenge("auth_tokens/abc").contains("Gemini API key"));
    assertTrue(challenge("AIzaSyABC").contains("Gemini API key"));
    assertEquals(asked, Surroundings.issuer().introspections());
  }

  @Test
  void anOpaqueTokenIsIntrospectedOnceInAWhile() {
    long exp = Instant.now().getEpochSecond() + 300;
    String token =
        Surroundings.issuer()
            .opaque(
                "opaque-1",
                new JsonObject(
                    Map.of(
                        "sub",
                        "ada",
                        "groups",
                        List.of("voice-pilots"),
                        "aud",
                        "livegate",
                        "exp",
                        exp)));
    int asked = Surroundings.issuer().introspections();

    as(token).post(TOKENS).then().statusCode(201).body("rule", equalTo("pilots"));
    as(token).get("/v1/me").then().statusCode(200).body("subject", equalTo("default:ada"));

    assertEquals(asked + 1, Surroundings.issuer().introspections());
    challenge("opaque-unknown");
    challenge(
        Surroundings.issuer()
            .opaque(
                "opaque-2",
                new JsonObject().put("sub", "ada").put("aud", "other").put("exp", exp)));
    challenge(
        Surroundings.issuer()
            .opaque("opaque-3", new JsonObject().put("sub", "ada").put("aud", "livegate")));
  }

  @Test
  void withoutACredentialTheSchemeIsNamed() {
    problem(given().post(TOKENS).then(), 401, "unauthenticated")
        .header("WWW-Authenticate", equalTo("Bearer"));
    problem(
        given().header("Authorization", "Basic YTpi").post(TOKENS).then(), 401, "unauthenticated");
    problem(given().get("/v1/me").then(), 401, "unauthenticated");
    problem(given().post("/admin/v1/explain").then(), 401, "unauthenticated");
  }

  @Test
  void oneCredentialMayTravelInTwoPlacesButNotTwoCredentials() {
    String token = pilot().sign();
    given().header("x-goog-api-key", token).post(TOKENS).then().statusCode(201);
    as(token).header("x-goog-api-key", token).post(TOKENS).then().statusCode(201);
    given()
        .header("Authorization", "bearer " + token)
        .header("x-goog-api-key", token)
        .post(TOKENS)
        .then()
        .statusCode(201);
    problem(
        as(token).header("x-goog-api-key", pilot().claim("jti", "2").sign()).post(TOKENS).then(),
        400,
        "ambiguous-credentials");
  }

  @Test
  void aLargeEnterpriseTokenWorks() {
    String[] groups = new String[700];
    for (int i = 0; i < groups.length; i++) {
      groups[i] = "department-with-a-long-name-" + i;
    }
    groups[699] = "voice-pilots";
    String token = Surroundings.issuer().token("ada").groups(groups).sign();
    assertTrue(token.length() > 25_000);
    as(token).post(TOKENS).then().statusCode(201);
    given().header("x-goog-api-key", token).post(TOKENS).then().statusCode(201);
  }

  // --- Google's own path

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/v1/auth_tokens",
        "/v1beta/auth_tokens",
        "/v1alpha/auth_tokens",
        "//v1alpha/auth_tokens"
      })
  void googlesPathAnswersGooglesWay(String path) {
    String name =
        given()
            .header("x-goog-api-key", pilot().sign())
            .contentType("application/json")
            .body("{}")
            .urlEncodingEnabled(false)
            .post(path)
            .then()
            .statusCode(200)
            .body("size()", equalTo(1))
            .extract()
            .path("name");
    assertTrue(name.startsWith("auth_tokens/"));
    Secrets.remember(name);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "model,generationConfig.responseModalities,tools.0,systemInstruction.parts",
        "temperature,tools",
        ""
      })
  void aFieldMaskIsUnderstoodAndNotForwarded(String mask) {
    given()
        .header("x-goog-api-key", pilot().sign())
        .contentType("application/json")
        .body(
            new JsonObject()
                .put("fieldMask", mask)
                .put(
                    "bidi_generate_content_setup", new JsonObject().put("model", "gemini-3.8-live"))
                .encode())
        .post("/v1beta/auth_tokens")
        .then()
        .statusCode(200);
    assertFalse(onlyMint().body().contains("fieldMask"));
    assertFalse(onlyMint().body().contains("field_mask"));
  }

  @Test
  void aLongFieldMaskIsRefusedAndBreaksNothing() {
    given()
        .header("x-goog-api-key", pilot().sign())
        .contentType("application/json")
        .body(new JsonObject().put("fieldMask", "a,".repeat(60_000)).encode())
        .post("/v1beta/auth_tokens")
        .then()
        .statusCode(400)
        .body("error.status", equalTo("INVALID_ARGUMENT"));
  }

  @Test
  void timesALittleBeyondTheRuleAreCut() {
    Instant now = Instant.now();
    given()
        .header("x-goog-api-key", pilot().sign())
        .contentType("application/json")
        .body(times(now.plusSeconds(1825), now.plusSeconds(85)))
        .post("/v1alpha/auth_tokens")
        .then()
        .statusCode(200);
    Instant expires = Instant.parse(onlyMint().json().getString("expireTime"));
    assertFalse(expires.isAfter(Instant.now().plusSeconds(1800)));

    given()
        .header("x-goog-api-key", pilot().sign())
        .contentType("application/json")
        .body(times(now.plusSeconds(1900), now.plusSeconds(60)))
        .post("/v1alpha/auth_tokens")
        .then()
        .statusCode(403)
        .contentType("application/json")
        .body("error.code", equalTo(403))
        .body("error.status", equalTo("PERMISSION_DENIED"))
        .body("error.message", containsString("expiresIn"))
        .body("error.details[0].reason", equalTo("BEYOND_POLICY"));
  }

  private static String times(Instant expire, Instant start) {
    return new JsonObject()
        .put("expireTime", expire.toString())
        .put("newSessionExpireTime", start.toString())
        .encode();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"liveConnectConstraints":{}}           | 400 | INVALID_ARGUMENT
          {"name":"auth_tokens/x"}                | 400 | INVALID_ARGUMENT
          {"expireTime":"2020-01-01T00:00:00Z"}   | 400 | INVALID_ARGUMENT
          {"expireTime":"soon"}                   | 400 | INVALID_ARGUMENT
          {"fieldMask":"a b"}                     | 400 | INVALID_ARGUMENT
          {"expireTime":"2126-01-01T00:00:00Z","expire_time":"2126-01-01T00:00:00Z"} | 400 | INVALID_ARGUMENT
          {"bidiGenerateContentSetup":{"x":1}}    | 400 | INVALID_ARGUMENT
          {"bidiGenerateContentSetup":{"model":"models/other"}} | 403 | PERMISSION_DENIED
          """)
  void googlesPathRefusesInGooglesEnvelope(String body, int status, String name) {
    given()
        .header("x-goog-api-key", pilot().sign())
        .contentType("application/json")
        .body(body)
        .post("/v1beta/auth_tokens")
        .then()
        .statusCode(status)
        .contentType("application/json")
        .body("error.code", equalTo(status))
        .body("error.status", equalTo(name))
        .body("error.message", not(nullValue()));
    nothingMinted();
  }

  @Test
  void googlesPathRefusesCredentialsInGooglesEnvelope() {
    given()
        .post("/v1beta/auth_tokens")
        .then()
        .statusCode(401)
        .body("error.status", equalTo("UNAUTHENTICATED"));
    given()
        .header("x-goog-api-key", "AIzaSyABC")
        .post("/v1beta/auth_tokens")
        .then()
        .statusCode(401)
        .body("error.status", equalTo("UNAUTHENTICATED"));
  }

  @Test
  void googlesJavaSdkMintsThroughTheGateway() {
    try (var client = sdk(pilot().sign())) {
      var constraints =
          LiveConnectConstraints.builder()
              .model("gemini-3.8-live")
              .config(
                  LiveConnectConfig.builder()
                      .sessionResumption(SessionResumptionConfig.builder().build())
                      .temperature(0.7f)
                      .responseModalities(Modality.Known.AUDIO)
                      .build())
              .build();
      var config =
          CreateAuthTokenConfig.builder()
              .uses(1)
              .expireTime(Instant.now().plus(Duration.ofMinutes(30)))
              .newSessionExpireTime(Instant.now().plus(Duration.ofMinutes(1)))
              .liveConnectConstraints(constraints);

      for (var request : List.of(config.build(), config.lockAdditionalFields(List.of()).build())) {
        String name = client.authTokens.create(request).name().orElseThrow();
        assertTrue(name.startsWith("auth_tokens/"));
        Secrets.remember(name);
      }
    }
    for (var mint : Surroundings.simulator().journal().mints()) {
      var setup = mint.json().getJsonObject("bidiGenerateContentSetup");
      assertEquals(0.7, setup.getJsonObject("generationConfig").getDouble("temperature"), 1e-6);
      assertNull(mint.json().getString("fieldMask"));
    }
  }

  @Test
  void googlesJavaSdkShowsWhatThePolicySays() {
    try (var client = sdk(pilot().sign())) {
      var request =
          CreateAuthTokenConfig.builder()
              .liveConnectConstraints(
                  LiveConnectConstraints.builder().model("gemini-2.0-flash").build())
              .build();
      var refused =
          org.junit.jupiter.api.Assertions.assertThrows(
              ClientException.class, () -> client.authTokens.create(request));
      assertEquals(403, refused.code());
      assertEquals("PERMISSION_DENIED", refused.status());
      assertTrue(refused.message().contains("models/gemini-2.0-flash"), refused.message());
    }
  }

  private static Client sdk(String token) {
    return Client.builder()
        .apiKey(token)
        .httpOptions(
            HttpOptions.builder()
                .baseUrl("http://localhost:" + RestAssured.port)
                .apiVersion("v1alpha")
                .build())
        .build();
  }

  // --- Google's failures

  @ParameterizedTest
  @CsvSource({
    "400, INVALID_ARGUMENT, 502, mint-refused",
    "401, UNAUTHENTICATED, 502, mint-refused",
    "403, PERMISSION_DENIED, 502, mint-refused",
    "404, NOT_FOUND, 502, mint-refused",
    "429, RESOURCE_EXHAUSTED, 429, upstream-limit",
    "500, INTERNAL, 503, mint-unavailable"
  })
  void whatGoogleSaysStaysHere(int google, String name, int status, String code) {
    String said = "It echoes: You help Ada. " + Surroundings.API_KEY;
    Surroundings.simulator().script().mints(1, MintFault.error(google, name, said));

    var response = problem(as(pilot()).post(TOKENS).then(), status, code);

    assertFalse(response.extract().asString().contains("echoes"));
    assertEquals(1, Surroundings.simulator().journal().mints().size(), "no retry");
    if (status == 429 || status == 503) {
      response.header("Retry-After", matchesPattern("[1-9][0-9]*"));
    }
  }

  @Test
  void anHtmlErrorPageIsAFailureLikeOthers() {
    Surroundings.simulator().script().mints(1, MintFault.html(502, "<html>Bad Gateway</html>"));
    problem(as(pilot()).post(TOKENS).then(), 503, "mint-unavailable");
  }

  @Test
  void a503IsRetriedOnce() {
    var fault = MintFault.error(503, "UNAVAILABLE", "The service is currently unavailable.");
    Surroundings.simulator().script().mints(1, fault);
    as(pilot()).post(TOKENS).then().statusCode(201);
    assertEquals(2, Surroundings.simulator().journal().mints().size());

    Surroundings.simulator().journal().clear();
    Surroundings.simulator().script().mints(2, fault);
    problem(as(pilot()).post(TOKENS).then(), 503, "mint-unavailable");
    assertEquals(2, Surroundings.simulator().journal().mints().size());
  }

  @Test
  void aHangingGoogleCostsTheTimeoutAndNoMore() {
    long least = Long.MAX_VALUE;
    // The best of three, because a busy machine can delay any single one.
    for (int i = 0; i < 3 && least >= 5500; i++) {
      Surroundings.simulator().script().mints(1, MintFault.hang());
      long start = System.nanoTime();
      problem(as(pilot()).post(TOKENS).then(), 504, "mint-timeout");
      least = Math.min(least, Duration.ofNanos(System.nanoTime() - start).toMillis());
    }
    assertTrue(least < 5500, least + " ms");
  }

  @Test
  void aNewKeyInTheFileIsUsedWithoutARestart() throws IOException {
    for (String key : List.of(Surroundings.ROTATED_KEY, Surroundings.API_KEY)) {
      Files.writeString(Surroundings.keyFile(), key);
      Await.until(
          () -> {
            Surroundings.simulator().journal().clear();
            as(pilot()).post(TOKENS).then().statusCode(201);
            return onlyMint().headers().get("x-goog-api-key").equals(key);
          });
    }
  }

  @Test
  void aKeyThatGoogleRefusesIsSeenUntilItIsAcceptedAgain() throws IOException {
    Files.writeString(
        Surroundings.keyFile(), Secrets.remember("AIzaSyNoKeyOfTheSurroundings00000003"));
    Await.until(() -> as(pilot()).post(TOKENS).statusCode() == 502);
    assertTrue(management("/q/metrics").contains("livegate_gemini_key_refused 1.0"));

    // A Google that fails does not make it a good one.
    Surroundings.simulator().script().mints(1, MintFault.error(500, "INTERNAL", "broken"));
    problem(as(pilot()).post(TOKENS).then(), 503, "mint-unavailable");
    assertTrue(management("/q/metrics").contains("livegate_gemini_key_refused 1.0"));

    Files.writeString(Surroundings.keyFile(), Surroundings.API_KEY);
    Await.until(() -> as(pilot()).post(TOKENS).statusCode() == 201);
    assertTrue(management("/q/metrics").contains("livegate_gemini_key_refused 0.0"));

    Surroundings.simulator().script().mints(1, MintFault.error(403, "PERMISSION_DENIED", "no"));
    problem(as(pilot()).post(TOKENS).then(), 502, "mint-refused");
    assertTrue(management("/q/metrics").contains("livegate_gemini_key_refused 1.0"));

    Surroundings.simulator().script().mints(1, MintFault.error(400, "INVALID_ARGUMENT", "no"));
    problem(as(pilot()).post(TOKENS).then(), 502, "mint-refused");
    assertTrue(management("/q/metrics").contains("livegate_gemini_key_refused 0.0"));
  }

  @Test
  void whatAlertsLookAtIsThereBeforeAnythingHappens() {
    String metrics = management("/q/metrics");
    for (String name :
        List.of(
            "livegate_audit_failing{sink=\"stdout\"}",
            "livegate_breaker_open",
            "livegate_gemini_key_refused",
            "livegate_ledger_emptied_total",
            "livegate_ledger_late",
            "livegate_policy_rejected",
            "livegate_policy_reloads_total{result=\"accepted\"}",
            "livegate_policy_reloads_total{result=\"rejected\"}")) {
      assertTrue(metrics.contains("\n" + name + " "), name);
    }
  }

  // --- Policy at run time

  @Test
  void aChangedPolicyIsTakenAndABadOneIsNot() throws IOException {
    String one = Surroundings.policyText().replace("uses: 3", "uses: 2");
    Files.writeString(Surroundings.policyFile(), one);
    Await.until(() -> uses() == 2);

    Files.writeString(Surroundings.policyFile(), one.replace("uses: 2", "usse: 1"));
    Await.until(() -> management("/q/health/ready").contains("rejectedDigest"));
    assertEquals(2, uses());
    assertTrue(management("/q/health/ready").contains("\"status\": \"UP\""));
    assertTrue(management("/q/metrics").contains("livegate_policy_rejected 1.0"));
    assertTrue(
        management("/q/metrics").contains("livegate_policy_reloads_total{result=\"rejected\"}"));

    Files.writeString(Surroundings.policyFile(), Surroundings.policyText());
    Await.until(() -> uses() == 3);
    assertTrue(management("/q/metrics").contains("livegate_policy_rejected 0.0"));
  }

  private static int uses() {
    return as(pilot()).get("/v1/me").then().statusCode(200).extract().path("token.uses");
  }

  // --- Administration, metrics, documents

  @Test
  void explainingNeedsATokenThatCouldBe() {
    var sre = Surroundings.issuer().token("sam").groups("platform-sre");
    for (String body :
        List.of("{\"issuer\":\"https://nobody\",\"claims\":{\"sub\":\"x\"}}", "{\"claims\":{}}")) {
      problem(
          as(sre).contentType("application/json").body(body).post("/admin/v1/explain").then(),
          400,
          "invalid-request");
    }
    problem(
        as(Surroundings.issuer().token("sam").claim("hasgroups", true))
            .post("/admin/v1/explain")
            .then(),
        403,
        "groups-overage");
  }

  @Test
  void anAdminSeesHowADecisionComesAbout() {
    var sre = Surroundings.issuer().token("sam").groups("platform-sre");
    as(sre)
        .contentType("application/json")
        .body(
            """
            {"claims":{"sub":"kim","groups":["relayed"]},"request":{}}
            """)
        .post("/admin/v1/explain")
        .then()
        .statusCode(200)
        .body("outcome", equalTo("granted"))
        .body("rule", equalTo("relayed"))
        .body("rules.rule", equalTo(List.of("pilots", "faulty", "relayed")))
        .body("rules[0].matched", equalTo(false))
        .body("rules[0].why", containsString("\"voice-pilots\" in claims.groups"))
        .body("mintBody.bidiGenerateContentSetup.model", equalTo("models/gemini-3.8-live"));
    as(sre)
        .contentType("application/json")
        .body(
            new JsonObject()
                .put("issuer", Surroundings.partner().url())
                .put("claims", new JsonObject().put("sub", "kim"))
                .put("request", new JsonObject().put("uses", 9))
                .encode())
        .post("/admin/v1/explain")
        .then()
        .body("subject", equalTo("partner:kim"))
        .body("outcome", equalTo("beyond-policy"))
        .body("violations.field", equalTo(List.of("uses")));
    problem(as(pilot()).post("/admin/v1/explain").then(), 403, "admin-required");
    nothingMinted();
  }

  @Test
  void grantsAndRefusalsAreCounted() {
    as(pilot()).post(TOKENS).then().statusCode(201);
    problem(given().post(TOKENS).then(), 401, "unauthenticated");

    String metrics = management("/q/metrics");

    assertTrue(
        metrics.contains(
            "livegate_grants_issued_total{mode=\"direct\",model=\"models/gemini-3.8-live\","
                + "rule=\"pilots\"}"),
        metrics);
    assertTrue(metrics.contains("livegate_grants_refused_total{code=\"unauthenticated\"}"));
    assertTrue(metrics.contains("livegate_mint_duration_seconds_count{outcome=\"minted\"}"));
    assertFalse(metrics.contains("default:ada"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"/q/health/live", "/q/health/ready", "/q/health/started"})
  void healthIsOnTheManagementPort(String path) {
    assertTrue(management(path).contains("UP"));
    problem(given().get(path).then(), 404, "not-found");
  }

  static String management(String path) {
    String text =
        given().port(Management.port()).get(path).then().statusCode(200).extract().asString();
    Secrets.shown(text);
    return text;
  }

  @Test
  void unknownPathsAndMethodsAreProblems() {
    problem(given().get("/nope").then(), 404, "not-found");
    problem(as(pilot()).get("/v1/nope").then(), 404, "not-found");
    problem(as(pilot()).get(TOKENS).then(), 405, "method-not-allowed");
    problem(as(pilot()).accept("image/png").post(TOKENS).then(), 406, "not-acceptable");
    given().get("/problems/beyond-policy").then().statusCode(200).body(containsString("403"));
    problem(given().get("/problems/nope").then(), 404, "not-found");
  }

  @Test
  void thePolicysSchemaIsServed() {
    given()
        .get("/policy.schema.json")
        .then()
        .statusCode(200)
        .body("$id", equalTo("urn:livegate:policy:1"));
  }

  @Test
  void theApiDescribesItself() {
    String document = given().get("/q/openapi").then().statusCode(200).extract().asString();
    for (String part : List.of(TOKENS, "/v1/me", "/admin/v1/explain", "auth_tokens", "examples")) {
      assertTrue(document.contains(part), part);
    }
  }
}
