package io.livegate.relay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.relay.ClientMessage.Kind;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class CoverageTest {

  private static final long SECOND = TimeUnit.SECONDS.toNanos(1);
  private static final ClientMessage MEDIA = new ClientMessage(Kind.MEDIA, true, new byte[0]);

  private final Coverage coverage = new Coverage(Duration.ofMillis(500));
  private final long start = System.nanoTime();

  private static ClientMessage text(int bytes) {
    return new ClientMessage(Kind.CONTENT, true, new byte[bytes]);
  }

  @Test
  void aHandleCoversWhatWasReadWellBeforeIt() {
    ClientMessage message = text(10);
    coverage.sent(message);
    coverage.read(coverage.last(), start);
    coverage.snapshot(start + SECOND / 4);
    assertFalse(coverage.isComplete(), "within the margin");
    coverage.snapshot(start + SECOND / 2);
    assertTrue(coverage.isComplete());
    coverage.sent(message);
    assertEquals(List.of(message), coverage.restart());
    assertTrue(coverage.isComplete());
  }

  @Test
  void ofMediaThatNeverPausesAFreshHandleLacksTheLastMomentOnly() {
    assertFalse(coverage.isFresh(start + SECOND), "no handle yet");
    coverage.sent(text(10));
    coverage.sent(MEDIA);
    coverage.read(coverage.last(), start);
    coverage.sent(MEDIA);
    assertFalse(coverage.lacksMediaOnly());
    coverage.snapshot(start + SECOND);
    assertFalse(coverage.isComplete());
    assertTrue(coverage.lacksMediaOnly());
    assertTrue(coverage.isFresh(start + SECOND + SECOND / 10));
    assertFalse(coverage.isFresh(start + 2 * SECOND));

    coverage.sent(text(10));
    coverage.snapshot(start + 3 * SECOND);
    assertFalse(coverage.lacksMediaOnly(), "a text is not covered");
  }

  @Test
  void whatIsTooMuchToKeepIsKnownUntilAHandleCoversAll() {
    for (int i = 0; i < 9; i++) {
      coverage.sent(text(1 << 20));
    }
    assertTrue(coverage.isOverflowed());
    assertFalse(coverage.lacksMediaOnly());
    coverage.read(coverage.last(), start);
    coverage.snapshot(start + SECOND);
    assertFalse(coverage.isOverflowed());
    assertEquals(List.of(), coverage.restart());
  }
}
