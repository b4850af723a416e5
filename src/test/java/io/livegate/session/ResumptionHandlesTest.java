package io.livegate.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.grant.Grant;
import io.livegate.grant.Limits;
import io.livegate.grant.Login;
import io.livegate.grant.Mode;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ResumptionHandlesTest {

  private static final Instant NOON = Instant.parse("2026-06-01T12:00:00Z");
  private static final String MODEL = "models/gemini-3.8-live";
  private static final Grant ADA = grant("main:ada", "staff");
  private static final String OLD = key();
  private static final String NEW = key();

  private static String key() {
    byte[] key = new byte[32];
    new SecureRandom().nextBytes(key);
    return Base64.getEncoder().encodeToString(key);
  }

  private static final Optional<ResumptionHandles.Resumed> RESUMED =
      Optional.of(new ResumptionHandles.Resumed("of Google", "s-1"));

  private static ResumptionHandles at(Instant time, String... keys) {
    return new ResumptionHandles(Optional.of(List.of(keys)), Clock.fixed(time, ZoneOffset.UTC));
  }

  private static Grant grant(String subject, String rule) {
    return new Grant(
        subject,
        rule,
        MODEL,
        Mode.RELAY,
        1,
        Duration.ofMinutes(30),
        Duration.ofMinutes(1),
        Map.of(),
        List.of(),
        Optional.empty(),
        Limits.NONE,
        Login.of(subject, Map.of()));
  }

  @Test
  void anyReplicaWithTheKeyOpensAHandle() {
    String handle = at(NOON, OLD).seal("of Google", ADA, MODEL, "s-1");
    assertEquals(RESUMED, at(NOON, OLD).open(handle, ADA, MODEL));
    assertEquals(Optional.empty(), at(NOON, NEW).open(handle, ADA, MODEL));
  }

  @Test
  void nobodyReadsGooglesHandleOutOfIt() {
    String handle = at(NOON, OLD).seal("of Google", ADA, MODEL, "s-1");
    assertTrue(ResumptionHandles.isOurs(handle));
    byte[] bytes = Base64.getUrlDecoder().decode(handle.substring(4));
    assertFalse(new String(bytes, java.nio.charset.StandardCharsets.ISO_8859_1).contains("Google"));
    assertNotEquals(handle, at(NOON, OLD).seal("of Google", ADA, MODEL, "s-1"));
  }

  @Test
  void itIsGoodForOneSubjectRuleAndModel() {
    var handles = at(NOON, OLD);
    String handle = handles.seal("of Google", ADA, MODEL, "s-1");
    assertEquals(Optional.empty(), handles.open(handle, grant("main:eve", "staff"), MODEL));
    assertEquals(Optional.empty(), handles.open(handle, grant("other:ada", "staff"), MODEL));
    assertEquals(Optional.empty(), handles.open(handle, grant("main:ada", "pilots"), MODEL));
    assertEquals(Optional.empty(), handles.open(handle, ADA, "models/another"));
  }

  @Test
  void itIsGoodForTwoHours() {
    String handle = at(NOON, OLD).seal("of Google", ADA, MODEL, "s-1");
    assertTrue(at(NOON.plusSeconds(7199), OLD).open(handle, ADA, MODEL).isPresent());
    assertTrue(at(NOON.plusSeconds(7200), OLD).open(handle, ADA, MODEL).isEmpty());
  }

  @Test
  void noChangedCharacterGoesUnnoticed() {
    var handles = at(NOON, OLD);
    String handle = handles.seal("of Google", ADA, MODEL, "s-1");
    // All but the last, some of whose bits stand for nothing.
    for (int i = 0; i < handle.length() - 1; i++) {
      char other = handle.charAt(i) == 'x' ? 'y' : 'x';
      String changed = handle.substring(0, i) + other + handle.substring(i + 1);
      assertEquals(Optional.empty(), handles.open(changed, ADA, MODEL), changed);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "lg1.", "lg1.AAAA", "lg1.***", "of-google", "lg2.AAAA"})
  void whatIsNoHandleIsNotValid(String text) {
    assertEquals(Optional.empty(), at(NOON, OLD).open(text, ADA, MODEL));
  }

  @Test
  void keysAreRotated() {
    String handle = at(NOON, OLD).seal("of Google", ADA, MODEL, "s-1");
    var both = at(NOON, NEW, OLD);
    assertEquals(RESUMED, both.open(handle, ADA, MODEL));
    String next = both.seal("of Google", ADA, MODEL, "s-1");
    assertEquals(RESUMED, at(NOON, NEW).open(next, ADA, MODEL));
  }

  @ParameterizedTest
  @ValueSource(strings = {"c2hvcnQ=", "not base64 at all", ""})
  void aBadKeyIsRefusedWithoutBeingShown(String key) {
    var refusal = assertThrows(IllegalArgumentException.class, () -> at(NOON, key));
    assertTrue(refusal.getMessage().contains("base64 of 32 bytes"), refusal::getMessage);
    assertTrue(key.isEmpty() || !refusal.getMessage().contains(key), refusal::getMessage);
  }
}
