package io.livegate.request;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.livegate.grant.MintBody;
import io.livegate.identity.Subject;
import io.livegate.policy.Decision;
import io.livegate.policy.Policy;
import io.livegate.policy.PolicyFile;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.InputStream;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What the samples of Google's page on ephemeral tokens send, under the sample policy: 30 minutes,
 * one minute to start, a temperature, session resumption; with each way of locking fields.
 */
class GoogleSamplesTest {

  private static final Instant NOW = Instant.parse("2026-11-22T19:00:00Z");

  @ParameterizedTest
  @ValueSource(
      strings = {
        """
        {"uses":1,"expireTime":"2026-11-22T19:30:00Z","newSessionExpireTime":"2026-11-22T19:01:00Z"}
        """,
        """
        {"uses":1,"expireTime":"2026-11-22T19:30:00.482117Z",
         "bidiGenerateContentSetup":{"model":"models/gemini-3.8-live",
           "generationConfig":{"temperature":0.7,"responseModalities":["AUDIO"]},
           "sessionResumption":{}}}
        """,
        """
        {"uses":1,"expireTime":"2026-11-22T20:30:03+01:00","newSessionExpireTime":"2026-11-22T19:01:03Z",
         "bidiGenerateContentSetup":{"model":"models/gemini-3.8-live",
           "generationConfig":{"responseModalities":["AUDIO"],"temperature":0.7},
           "sessionResumption":{}},
         "fieldMask":"model,generationConfig.responseModalities,generationConfig.temperature,sessionResumption"}
        """,
        """
        {"uses":1,"bidiGenerateContentSetup":{"model":"models/gemini-3.8-live"},
         "fieldMask":"model,generationConfig.temperature,tools.0"}
        """
      })
  void googlesSamplesMint(String body) throws IOException {
    for (String user : List.of("user", "admin")) {
      var subject =
          Subject.of("default", "bob", "issuer", Map.of("name", "Bob", "groups", List.of(user)));
      var request = AuthTokenRequest.read(new JsonObject(body).getMap(), NOW);

      var granted =
          assertInstanceOf(Decision.Granted.class, samplePolicy().decide(subject, request));

      var json = new JsonObject(MintBody.of(granted.grant(), NOW).json());
      var setup = json.getJsonObject("bidiGenerateContentSetup");
      assertEquals("models/gemini-3.8-live", setup.getString("model"));
      assertEquals(new JsonObject(), setup.getJsonObject("sessionResumption"));
      if (body.contains("0.7")) {
        assertEquals(0.7, setup.getJsonObject("generationConfig").getDouble("temperature"));
      }
    }
  }

  private static Policy samplePolicy() throws IOException {
    try (InputStream sample = GoogleSamplesTest.class.getResourceAsStream("/policy.yaml")) {
      var compiled = PolicyFile.compile(sample.readAllBytes(), false);
      return assertInstanceOf(PolicyFile.Compiled.Accepted.class, compiled).policy();
    }
  }
}
