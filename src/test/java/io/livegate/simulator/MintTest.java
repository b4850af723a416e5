package io.livegate.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MintTest {
  private static final Clock NOON =
      Clock.fixed(Instant.parse("2026-11-22T12:00:00Z"), ZoneOffset.UTC);
  private static LiveSimulator simulator;

  @BeforeAll
  static void start() {
    simulator = LiveSimulator.start(Options.builder().apiKey("k").clock(NOON).build());
  }

  @AfterAll
  static void stop() {
    simulator.close();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          v1beta  | {}
          v1      | {"uses":0}
          v1alpha | {"uses":"3","expireTime":"2026-11-22T12:10:00.123456789Z"}
          v1beta  | {"expireTime":"2026-11-22T14:10:00+02:00","new_session_expire_time":"2026-11-22T12:00:01Z"}
          v1beta  | {"bidiGenerateContentSetup":{"model":"models/anything"}}
          v1beta  | {"bidi_generate_content_setup":{"generation_config":{"top_k":40.0}},"field_mask":"model"}
          v1beta  | {"bidiGenerateContentSetup":{},"fieldMask":"model,generationConfig.temperature,sessionResumption"}
          v1alpha | {"bidiGenerateContentSetup":{"proactivity":{"proactiveAudio":true},"generationConfig":{"enableAffectiveDialog":true}},"fieldMask":"proactivity"}
          v1beta  | {"bidiGenerateContentSetup":{"contextWindowCompression":{"triggerTokens":"25000","slidingWindow":{"targetTokens":8000}}}}
          v1beta  | {"bidiGenerateContentSetup":{"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{"additionalProperties":false},"parameters":{"type":"object","properties":{"a":{"type":"STRING"}}}}]},{"googleSearch":{}}]}}
          v1beta  | {"uses":null,"fieldMask":null}
          """)
  void acceptsWhatTheServiceAccepts(String version, String body) throws Exception {
    HttpResponse<String> response =
        Client.post(simulator, "/" + version + "/auth_tokens", "k", body);

    assertEquals(200, response.statusCode(), response.body());
    assertTrue(new JsonObject(response.body()).getString("name").startsWith("auth_tokens/"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"liveConnectConstraints":{}} | Unknown name "liveConnectConstraints" at 'auth_token'
          {"config":{}} | Unknown name "config"
          {"bidiGenerateContentSetup":{"setup":{}}} | Unknown name "setup" at 'auth_token.bidi_generate_content_setup'
          {"bidiGenerateContentSetup":{"proactivity":{}}} | Unknown name "proactivity"
          {"bidiGenerateContentSetup":{"generationConfig":{"enableAffectiveDialog":true}}} | Unknown name "enableAffectiveDialog"
          {"bidiGenerateContentSetup":{"generationConfig":{"speechConfig":{"voice":"Kore"}}}} | Unknown name "voice" at 'auth_token.bidi_generate_content_setup.generation_config.speech_config'
          {"bidiGenerateContentSetup":{"tools":[{},{"search":{}}]}} | Unknown name "search" at 'auth_token.bidi_generate_content_setup.tools[1]'
          {"bidiGenerateContentSetup":{"tools":[{"functionDeclarations":[{"parameters":{"additionalProperties":false}}]}]}} | Unknown name "additionalProperties"
          {"bidiGenerateContentSetup":{"sessionResumption":{"transparent":true}}} | Unknown name "transparent"
          {"bidiGenerateContentSetup":{"systemInstruction":"Be brief."}} | Invalid value at 'auth_token.bidi_generate_content_setup.system_instruction'
          {"bidiGenerateContentSetup":{"generationConfig":{"responseModalities":["SMELL"]}}} | response_modalities[0]
          {"bidiGenerateContentSetup":{"generationConfig":{"responseModalities":"AUDIO"}}} | response_modalities
          {"bidiGenerateContentSetup":{"model":"a"},"bidi_generate_content_setup":{}} | set twice
          {"uses":1.5} | Invalid value at 'auth_token.uses'
          {"uses":-1} | uses must not be negative
          {"uses":3000000000} | Invalid value at 'auth_token.uses'
          {"expireTime":"2026-11-22T11:59:59Z"} | expire_time must be in the future
          {"expireTime":"2026-11-23T08:00:00Z"} | expire_time is too far in the future. Maximum lifetime is 20h
          {"newSessionExpireTime":"2026-11-23T08:00:00Z"} | new_session_expire_time is too far in the future
          {"newSessionExpireTime":"2026-11-22T12:00:00Z"} | new_session_expire_time must be in the future
          {"expireTime":"tomorrow"} | google.protobuf.Timestamp
          {"expireTime":"2026-11-22T12:10"} | google.protobuf.Timestamp
          {"fieldMask":"systemInstruction.parts"} | field_mask is invalid for BidiGenerateContentSetup
          {"fieldMask":"tools.0"} | field_mask is invalid
          {"fieldMask":"temperature,tools"} | field_mask is invalid
          {"fieldMask":"config"} | field_mask is invalid
          {"fieldMask":"system_instruction"} | field_mask is invalid
          {"fieldMask":"model, tools"} | field_mask is invalid
          {"fieldMask":"generationConfig.speechConfig.languageCode"} | field_mask is invalid
          {"fieldMask":["model"]} | Invalid value at 'auth_token.field_mask'
          [] | Parse error
          {"uses": | Parse error
          """)
  void refusesWhatTheServiceRefuses(String body, String message) throws Exception {
    HttpResponse<String> response = Client.post(simulator, "/v1beta/auth_tokens", "k", body);

    JsonObject error = new JsonObject(response.body()).getJsonObject("error");
    assertEquals(400, response.statusCode());
    assertEquals(400, error.getInteger("code"));
    assertEquals("INVALID_ARGUMENT", error.getString("status"));
    assertTrue(error.getString("message").contains(message), error.getString("message"));
  }

  @Test
  void wantsAKey() throws Exception {
    HttpResponse<String> none = Client.post(simulator, "/v1beta/auth_tokens", "", "{}");
    HttpResponse<String> bad = Client.post(simulator, "/v1beta/auth_tokens", "other", "{}");
    HttpResponse<String> query = Client.post(simulator, "/v1beta/auth_tokens?key=k", "", "{}");

    assertEquals(403, none.statusCode());
    assertTrue(none.body().contains("PERMISSION_DENIED"));
    assertEquals(400, bad.statusCode());
    assertTrue(bad.body().contains("API_KEY_INVALID"));
    assertEquals(200, query.statusCode());
  }

  @Test
  void knowsOneMethodOnOnePath() throws Exception {
    HttpResponse<String> read =
        Client.HTTP.send(
            HttpRequest.newBuilder(URI.create(simulator.baseUrl() + "/v1beta/auth_tokens")).build(),
            HttpResponse.BodyHandlers.ofString());

    assertEquals(404, read.statusCode());
    assertEquals("", read.body());
    assertEquals(404, Client.post(simulator, "/v2/auth_tokens", "k", "{}").statusCode());
    assertEquals(200, Client.post(simulator, "//v1beta//auth_tokens", "k", "{}").statusCode());
  }

  @Test
  void recordsWhatArrived() throws Exception {
    Client.post(simulator, "/v1/auth_tokens", "k", "{\"uses\":7}");

    Journal.Mint mint = simulator.journal().mint(m -> m.body().contains("7}")).get();

    assertEquals("/v1/auth_tokens", mint.path());
    assertEquals("k", mint.headers().get("x-goog-api-key"));
    assertEquals(7, mint.json().getInteger("uses"));
    assertEquals(200, mint.status());
    assertTrue(mint.token().startsWith("auth_tokens/"));
  }
}
