package io.livegate.audit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.audit.GatewayEvent.RefusalsSampled;
import io.livegate.audit.GatewayEvent.TokenRefused;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class SamplingTest {

  private static final Instant NOW = Instant.parse("2026-11-22T19:00:00Z");

  private final Sampling sampling = new Sampling();

  private static TokenRefused refusal(Instant time, Optional<String> subject, String code) {
    return new TokenRefused(time, subject, Optional.empty(), code, "203.0.113.7");
  }

  private long taken(int times, Instant time, Optional<String> subject, String code) {
    return IntStream.range(0, times)
        .filter(i -> sampling.takes(refusal(time, subject, code)))
        .count();
  }

  @Test
  void ofCallersWhomNobodyKnowsSixtyAMinuteOfEachCodeHaveALine() {
    assertEquals(60, taken(1000, NOW, Optional.empty(), "invalid-token"));
    assertEquals(5, taken(5, NOW, Optional.empty(), "unauthenticated"));
    Instant later = NOW.plus(Duration.ofMinutes(1));
    assertEquals(60, taken(100, later, Optional.empty(), "invalid-token"));
  }

  @Test
  void ofCallersWhoAreKnownAllHaveOne() {
    assertEquals(1000, taken(1000, NOW, Optional.of("default:ada"), "beyond-policy"));
    assertTrue(sampling.summary(NOW).isEmpty());
  }

  @Test
  void whatHasNoLineIsCountedOnce() {
    Instant first = NOW.plusSeconds(3);
    assertEquals(60, taken(100, first, Optional.empty(), "invalid-token"));
    Instant end = NOW.plusSeconds(9);
    assertEquals(
        Optional.of(new RefusalsSampled(end, first, Map.of("invalid-token", 40L))),
        sampling.summary(end));
    assertTrue(sampling.summary(end).isEmpty());
  }
}
