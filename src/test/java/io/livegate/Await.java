package io.livegate;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.locks.LockSupport;

/** Waits for a condition, for at most half a minute. */
public final class Await {

  private static final Duration LIMIT = Duration.ofSeconds(30);

  private Await() {}

  public static void until(Callable<Boolean> condition) {
    long deadline = System.nanoTime() + LIMIT.toNanos();
    try {
      while (!condition.call()) {
        if (System.nanoTime() > deadline) {
          throw new AssertionError("did not come true within " + LIMIT);
        }
        LockSupport.parkNanos(Duration.ofMillis(20).toNanos());
      }
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }
}
