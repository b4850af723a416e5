package io.livegate.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SetupTest {
  private static LiveSimulator simulator;

  @BeforeAll
  static void start() {
    simulator = LiveSimulator.start(Options.builder().apiKey("k").build());
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
          {"clientContent":{}} | 1007 setup must be the first message
          {} | 1007 setup must be the first message
          {"setup":{},"clientContent":{}} | 1007 setup must be the first message
          {"setup":{}} | 1007 Request contains an invalid argument.
          {"hello":1} | 1007 Invalid JSON payload received. Unknown name "hello"
          {"setup":{"hello":1}} | 1007 Invalid JSON payload received. Unknown name "hello" at 'setup'
          garbage | 1007 Invalid JSON payload received. Parse error.
          {"setup":{"model":"gemini-3.8-live"}} | 1008 gemini-3.8-live is not found for API version v1beta
          {"setup":{"model":"models/gemini-2.0-flash-live-001"}} | 1008 models/gemini-2.0-flash-live-001 is not found
          {"setup":{"model":"models/gemini-3.8-live"}} | 1007 The requested combination of response modalities (TEXT) is not supported by the model.
          {"setup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["TEXT","AUDIO"]}}} | 1007 The requested combination of response modalities (AUDIO, TEXT)
          {"setup":{"model":"models/gemini-3.8-live","proactivity":{},"generationConfig":{"responseModalities":["AUDIO"]}}} | 1007 Invalid JSON payload received. Unknown name "proactivity"
          {"setup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"],"thinkingConfig":{"thinkingLevel":"LOW"}}}} | 1007 Thinking level is not supported for this model.
          {"setup":{"model":"models/gemini-3.8-live-extended-thinking","generationConfig":{"responseModalities":["AUDIO"]}}} | 1007 Thinking level must be specified for this model.
          {"setup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"],"stopSequences":["x"]}}} | 1007 Request contains an invalid argument.
          {"setup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]},"sessionResumption":{"handle":null}}} | 1008 Requested entity was not found
          {"setup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]},"sessionResumption":{"handle":"x"}}} | 1008 Requested entity was not found
          """)
  void closesOnABadFirstMessage(String message, String close) throws Exception {
    Client client = Client.open(simulator, Client.keyPath("v1beta", "k")).send(message);

    String actual = client.awaitClose();
    assertTrue(actual.startsWith(close), actual);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"setup\":{}}",
        "{}",
        "{\"clientContent\":{},\"realtimeInput\":{}}",
        "{\"contextUpdate\":{}}",
        "{\"toolResponse\":{\"functionResponses\":[]}}",
        "{\"realtimeInput\":{\"activityStart\":{}}}",
        "{\"realtimeInput\":{\"audio\":{\"data\":\"?\",\"mimeType\":\"audio/pcm\"}}}",
        "[]",
        "\u0000"
      })
  void closesOnABadLaterMessage(String message) throws Exception {
    Client client = Client.ready(simulator, Client.AUDIO_SETUP).send(message);

    String actual = client.awaitClose();
    assertTrue(actual.startsWith("1007 "), actual);
  }

  @Test
  void judgesCredentialsByCloseFrame() throws Exception {
    String token = Client.mint(simulator, "{}");
    String plain = Client.keyPath("v1beta", "").replace("?key=", "");
    String bad = "1007 API key not valid. Please pass a valid API key.";

    assertEquals(bad, closeOf(Client.keyPath("v1beta", "other")));
    assertEquals(bad, closeOf(Client.keyPath("v1beta", token)));
    assertEquals(bad, closeOf(Client.tokenPath("v1beta", "k")));
    assertEquals(bad, closeOf(Client.tokenPath("v1beta", "auth_tokens/unknown")));
    assertTrue(closeOf(plain).startsWith("1008 Method doesn't allow unregistered callers"));
    assertTrue(
        closeOf(Client.tokenPath("v1beta", token), "Authorization", "Token " + token)
            .startsWith("1007"));
  }

  private static String closeOf(String path, String... headers) throws Exception {
    return Client.open(simulator, path, headers).send(Client.AUDIO_SETUP).awaitClose();
  }

  @Test
  void findsCredentialsWhereverClientsPutThem() throws Exception {
    String token = Client.mint(simulator, "{\"uses\":0}");
    String constrained = Client.tokenPath("v1alpha", "").replace("?access_token=", "");
    String plain = Client.keyPath("v1", "").replace("?key=", "");

    for (Client client :
        new Client[] {
          Client.open(simulator, "/" + Client.tokenPath("v1beta", token.replace("/", "%2F"))),
          Client.open(simulator, constrained, "Authorization", "Token " + token),
          Client.open(simulator, plain, "x-goog-api-key", "k"),
        }) {
      client.sendBinary(Client.AUDIO_SETUP).await("setupComplete");
    }
  }

  @Test
  void takesLargeMessages() throws Exception {
    Client client = Client.ready(simulator, Client.AUDIO_SETUP);
    String image = "A".repeat(16 << 20);
    client.send(
        "{\"realtimeInput\":{\"video\":{\"mimeType\":\"image/jpeg\",\"data\":\"" + image + "\"}}}");

    client.ask("seen");
    client.await("turnComplete");

    assertEquals("seen", client.transcript());
  }
}
