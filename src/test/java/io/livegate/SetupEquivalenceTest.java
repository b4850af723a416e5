package io.livegate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.livegate.simulator.Journal;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.vertx.core.json.JsonObject;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * A rule gives a client the same session, whether it goes to Google with a direct token or through
 * the relay, and there with a token or without one.
 */
@QuarkusTest
@WithTestResource(Surroundings.class)
class SetupEquivalenceTest {

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "bridged  | {}",
        "bridged  | {\"generationConfig\":{\"temperature\":0.5}}",
        "bridged  | {\"generation_config\":{\"temperature\":1}}",
        "bridged  | {\"tools\":[{\"functionDeclarations\":[{\"name\":\"weather\"}]}]}",
        "bridged  | {\"tools\":[{\"google_search\":{}}],\"generationConfig\":{\"temperature\":0}}",
        "generous | {}",
        "generous | {\"systemInstruction\":{\"parts\":[{\"text\":\"You are kind.\"}]}}",
        "generous | {\"generationConfig\":{\"responseModalities\":[\"AUDIO\"],\"topK\":3}}",
        "generous | {\"realtime_input_config\":{\"turn_coverage\":\"TURN_INCLUDES_ALL_INPUT\"}}",
      })
  void whatGoogleRunsIsTheSame(String group, String setup) throws Exception {
    JsonObject asked = new JsonObject(setup);
    String direct = token(group, new JsonObject().put("mode", "direct").put("setup", asked));
    String relay = token(group, new JsonObject().put("mode", "relay").put("setup", asked));
    String open = token(group, new JsonObject().put("mode", "relay"));

    JsonObject atGoogle =
        at(Surroundings.simulator().baseUrl().getPort(), CONSTRAINED, direct, "{}");
    assertEquals(
        atGoogle,
        at(RestAssured.port, RelayCase.PATH, direct, "{}"),
        "with the direct token, at the relay");
    assertEquals(
        atGoogle,
        at(RestAssured.port, RelayCase.PATH, relay, "{}"),
        "with a relay token of that setup");
    assertEquals(
        atGoogle,
        at(RestAssured.port, RelayCase.PATH, open, setup),
        "with the setup in the session");
    assertEquals(
        atGoogle,
        at(
            RestAssured.port,
            RelayCase.PATH,
            Surroundings.issuer().token("ada").groups(group).sign(),
            setup),
        "without a token");
  }

  /** What a fixed place is set to makes no difference. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "bridged  | {\"systemInstruction\":{\"parts\":[{\"text\":\"Be rude.\"}]}}",
        "bridged  | {\"generationConfig\":{\"responseModalities\":[\"TEXT\"]}}",
        "generous | {\"tools\":[{\"googleSearch\":{}}]}",
      })
  void whatIsFixedIsTheRules(String group, String setup) throws Exception {
    String direct = token(group, new JsonObject().put("mode", "direct").put("uses", 2));
    String relay = token(group, new JsonObject().put("mode", "relay"));
    JsonObject atGoogle =
        at(Surroundings.simulator().baseUrl().getPort(), CONSTRAINED, direct, setup);
    assertEquals(atGoogle, at(RestAssured.port, RelayCase.PATH, direct, setup));
    assertEquals(atGoogle, at(RestAssured.port, RelayCase.PATH, relay, setup));
  }

  private static final String CONSTRAINED =
      "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContentConstrained";

  private static String token(String group, JsonObject request) {
    return Secrets.remember(
        GatewayTest.as(Surroundings.issuer().token("ada").groups(group))
            .contentType("application/json")
            .body(request.encode())
            .post(GatewayTest.TOKENS)
            .then()
            .statusCode(201)
            .extract()
            .path("token"));
  }

  /** What Google runs when a client sends that setup there. */
  private JsonObject at(int port, String path, String credential, String setup) throws Exception {
    Surroundings.simulator().journal().clear();
    JsonObject wanted = new JsonObject(setup).put("model", "models/gemini-3.8-live");
    try (var socket = new RawSocket(port, path + "?access_token=" + credential)) {
      assertEquals("101", socket.status(), socket::head);
      socket.send(new JsonObject().put("setup", wanted).encode()).await("setupComplete");
      return Surroundings.simulator()
          .journal()
          .session(Journal.Session::ready)
          .get(20, TimeUnit.SECONDS)
          .setup();
    }
  }
}
