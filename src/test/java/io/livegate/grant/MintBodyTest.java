package io.livegate.grant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class MintBodyTest {

  private static final Instant NOON = Instant.parse("2026-11-22T12:00:00.987654321Z");

  private static Grant grant(Map<String, Object> setup, Optional<String> handle) {
    return new Grant(
        "default:ada",
        "voice-pilots",
        "models/gemini-3.8-live",
        Mode.DIRECT,
        1,
        Duration.ofMinutes(30),
        Duration.ofSeconds(60),
        setup,
        List.of(),
        handle,
        Limits.NONE,
        new Login("default", "ada", Optional.empty(), Instant.EPOCH));
  }

  private static String json(MintBody body) throws JsonProcessingException {
    return new ObjectMapper().writeValueAsString(body.json());
  }

  @Test
  void aPlainGrantBecomesGooglesBodyToTheLetter() throws Exception {
    var grant = grant(Map.of(), Optional.empty());

    var body = MintBody.of(grant, NOON);

    assertEquals(
        """
        {"uses":1,"expireTime":"2026-11-22T12:30:00Z","newSessionExpireTime":"2026-11-22T12:01:00Z",\
        "bidiGenerateContentSetup":{"model":"models/gemini-3.8-live","sessionResumption":{}}}""",
        json(body));
  }

  @Test
  void theWholeSetupIsInTheTokenAndNoMaskLeavesAFieldToTheClient() throws Exception {
    var setup = new LinkedHashMap<String, Object>();
    setup.put("generationConfig", Map.of("responseModalities", List.of("AUDIO")));
    setup.put("systemInstruction", Map.of("parts", List.of(Map.of("text", "Be brief."))));
    setup.put("tools", List.of(Map.of("googleSearch", Map.of())));
    setup.put("contextWindowCompression", Map.of("triggerTokens", "25000"));

    var body = MintBody.of(grant(setup, Optional.empty()), NOON);

    assertEquals(
        """
        {"uses":1,"expireTime":"2026-11-22T12:30:00Z","newSessionExpireTime":"2026-11-22T12:01:00Z",\
        "bidiGenerateContentSetup":{"model":"models/gemini-3.8-live",\
        "generationConfig":{"responseModalities":["AUDIO"]},\
        "systemInstruction":{"parts":[{"text":"Be brief."}]},\
        "tools":[{"googleSearch":{}}],\
        "contextWindowCompression":{"triggerTokens":"25000"},\
        "sessionResumption":{}}}""",
        json(body));
  }

  @Test
  void aHandleToResumeWithStandsInTheTokenAsTheClientsSetupIsIgnored() throws Exception {
    var grant = grant(Map.of(), Optional.of("handle-1"));

    var body = MintBody.of(grant, NOON);

    assertEquals(
        """
        {"uses":1,"expireTime":"2026-11-22T12:30:00Z","newSessionExpireTime":"2026-11-22T12:01:00Z",\
        "bidiGenerateContentSetup":{"model":"models/gemini-3.8-live",\
        "sessionResumption":{"handle":"handle-1"}}}""",
        json(body));
  }

  @Test
  void timesAreWholeSecondsThatNeverExceedTheGrant() {
    var grant = grant(Map.of(), Optional.empty());

    var body = MintBody.of(grant, NOON);

    assertEquals(Instant.parse("2026-11-22T12:30:00Z"), body.expireTime());
    assertEquals(Instant.parse("2026-11-22T12:01:00Z"), body.newSessionExpireTime());
    assertEquals(body.expireTime().toString(), body.json().get("expireTime"));
  }

  @Test
  void aBodyCannotBeChangedAfterwards() {
    var body = MintBody.of(grant(Map.of(), Optional.empty()), NOON);

    assertThrows(UnsupportedOperationException.class, () -> body.json().put("fieldMask", "model"));
  }
}
