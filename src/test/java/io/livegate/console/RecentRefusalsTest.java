package io.livegate.console;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.livegate.audit.GatewayEvent.SessionRefused;
import io.livegate.audit.GatewayEvent.TokenRefused;
import io.livegate.console.RecentRefusals.Refusal;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RecentRefusalsTest {

  private static final Instant NOON = Instant.parse("2026-11-22T12:00:00Z");

  private final RecentRefusals refusals = new RecentRefusals();

  private void token(Instant at, String cause) {
    refusals.refused(new TokenRefused(at, Optional.empty(), Optional.empty(), cause, "peer"));
  }

  @Test
  void theyAreCountedByCauseForAnHour() {
    token(NOON, "limit-reached");
    token(NOON.plusSeconds(1800), "limit-reached");
    token(NOON.plusSeconds(1801), "invalid-token");

    assertEquals(
        Map.of("limit-reached", 2L, "invalid-token", 1L),
        refusals.summary(NOON.plusSeconds(1802)).lastHour());
    assertEquals(
        Map.of("limit-reached", 1L, "invalid-token", 1L),
        refusals.summary(NOON.plusSeconds(3601)).lastHour());
    assertEquals(Map.of(), refusals.summary(NOON.plusSeconds(9000)).lastHour());
  }

  @Test
  void theLastAreKeptTheNewestFirst() {
    for (int i = 0; i < 1000; i++) {
      token(NOON.plusSeconds(i), "invalid-token");
    }
    refusals.refused(
        new SessionRefused(
            NOON.plusSeconds(1000),
            Optional.of("default:ada"),
            Optional.of("pilots"),
            "limit-reached",
            "peer"));

    var summary = refusals.summary(NOON.plusSeconds(1000));
    assertEquals(20, summary.last().size());
    assertEquals(
        new Refusal(
            "2026-11-22T12:16:40Z", "session", "limit-reached", "default:ada", "pilots", "peer"),
        summary.last().get(0));
    assertEquals(1000L, summary.lastHour().get("invalid-token"));
  }
}
