package io.livegate.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.json.JsonObject;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenTest {
  private static final String AUDIO =
      "\"generationConfig\":{\"responseModalities\":[\"AUDIO\"],\"temperature\":0.5}";
  private static final String LOCKED =
      "\"bidiGenerateContentSetup\":{\"model\":\"models/gemini-3.8-live\"," + AUDIO + "}";

  private final MovableClock clock = new MovableClock();
  private LiveSimulator simulator;

  @BeforeEach
  void start() {
    simulator = LiveSimulator.start(Options.builder().clock(clock).build());
  }

  @AfterEach
  void stop() {
    simulator.close();
  }

  private Client connect(String token, String setup) throws Exception {
    return Client.open(simulator, Client.tokenPath("v1beta", token)).send(setup);
  }

  /** The columns: the token's body, the client's setup, and what the session runs with. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {} | {"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]}} | {"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]}}
          {"bidiGenerateContentSetup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]}}} | {"model":"models/other","systemInstruction":{"parts":[{"text":"x"}]},"outputAudioTranscription":{}} | {"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]}}
          {"bidiGenerateContentSetup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]}}} | {} | {"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]}}
          {"bidiGenerateContentSetup":{"model":"models/gemini-3.8-live"},"fieldMask":"model"} | {"model":"models/other","generationConfig":{"responseModalities":["AUDIO"]}} | {"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]}}
          {"bidiGenerateContentSetup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]}},"fieldMask":"model,generationConfig.responseModalities"} | {"generation_config":{"temperature":1,"responseModalities":["TEXT"]}} | {"model":"models/gemini-3.8-live","generationConfig":{"temperature":1,"responseModalities":["AUDIO"]}}
          {"bidiGenerateContentSetup":{"model":"models/gemini-3.8-live"},"fieldMask":"model,tools"} | {"tools":[{"googleSearch":{}}],"generationConfig":{"responseModalities":["AUDIO"]}} | {"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]}}
          """)
  void appliesLocks(String body, String asked, String effective) throws Exception {
    Client client = connect(Client.mint(simulator, body), "{\"setup\":" + asked + "}");
    client.await("setupComplete");

    assertEquals(new JsonObject(effective), simulator.journal().sessions().get(0).setup());
  }

  @Test
  void countsUses() throws Exception {
    String token = Client.mint(simulator, "{\"uses\":2," + LOCKED + "}");
    connect(token, "{\"setup\":{}}").await("setupComplete");
    connect(token, "{\"setup\":{}}").await("setupComplete");

    assertEquals(
        "1011 Token has been used too many times", connect(token, "{\"setup\":{}}").awaitClose());
  }

  @Test
  void takesZeroUsesForNoLimit() throws Exception {
    String token = Client.mint(simulator, "{\"uses\":0," + LOCKED + "}");
    for (int i = 0; i < 3; i++) {
      connect(token, "{\"setup\":{}}").await("setupComplete");
    }
  }

  @Test
  void startsNoSessionAfterItsTime() throws Exception {
    String token = Client.mint(simulator, "{" + LOCKED + "}");
    clock.advance(Duration.ofSeconds(60));

    assertEquals("1011 Token has expired", connect(token, "{\"setup\":{}}").awaitClose());
  }

  @Test
  void cutsTheSessionWhenItExpires() throws Exception {
    String token = Client.mint(simulator, "{" + LOCKED + "}");
    Client client = connect(token, "{\"setup\":{}}");
    client.await("setupComplete");
    clock.advance(Duration.ofMinutes(30));

    assertEquals("1011 auth token has expired", client.awaitClose());
    assertEquals("1011 Token has expired", connect(token, "{\"setup\":{}}").awaitClose());
  }

  @Test
  void resumesOnASpentTokenUntilItExpires() throws Exception {
    String token =
        Client.mint(
            simulator,
            "{"
                + LOCKED
                + ",\"fieldMask\":\"model,generationConfig\",\"expireTime\":\"2026-11-22T12:05:00Z\"}");
    Client first = connect(token, "{\"setup\":{\"sessionResumption\":{}}}");
    String handle = first.awaitHandle();
    first.close();
    clock.advance(Duration.ofMinutes(2));
    String resume = "{\"setup\":{\"session_resumption\":{\"handle\":\"" + handle + "\"}}}";

    Client second = connect(token, resume);
    second.await("setupComplete");
    second.close();
    clock.advance(Duration.ofMinutes(4));

    assertEquals("1011 Token has expired", connect(token, resume).awaitClose());
  }

  @Test
  void takesTheHandleOfAFullLockFromTheToken() throws Exception {
    Client first = connect(Client.mint(simulator, resumable("{}")), "{\"setup\":{}}");
    String handle = first.awaitHandle();
    first.close();
    String token = Client.mint(simulator, resumable("{\"handle\":\"" + handle + "\"}"));

    connect(token, "{\"setup\":{}}").await("setupComplete");

    assertTrue(simulator.journal().sessions().get(1).resumed());
  }

  @Test
  void ignoresTheClientsHandleUnderAFullLock() throws Exception {
    String token = Client.mint(simulator, "{\"uses\":0," + LOCKED + "}");

    connect(token, "{\"setup\":{\"sessionResumption\":{\"handle\":\"x\"}}}").await("setupComplete");

    assertFalse(simulator.journal().sessions().get(0).resumed());
  }

  private static String resumable(String resumption) {
    return "{\"bidiGenerateContentSetup\":{\"model\":\"models/gemini-3.8-live\","
        + AUDIO
        + ",\"sessionResumption\":"
        + resumption
        + "}}";
  }
}
