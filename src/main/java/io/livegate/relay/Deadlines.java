package io.livegate.relay;

import java.time.Duration;

/** What is due in a session, and when. Times are those of {@link System#nanoTime}. */
final class Deadlines {

  /** Something that is due. */
  enum Due {
    NOTHING,
    /** The client's setup did not come in time. */
    NO_SETUP,
    /** No message passed for too long. */
    IDLE,
    /** The session's time is over. */
    END,
    /** The session's time is over soon. */
    END_SOON,
    /** A side should show a sign of life. */
    PING
  }

  private final RelayConfig config;
  private final Duration idle;
  private final long endsAt;
  private long waitsUntil;
  private Due waitsFor;
  private long nextPing;
  private boolean warned;

  /**
   * Begins with waiting for the setup.
   *
   * @param longest how long the session may last
   * @param idle how long it may pass without a message
   */
  Deadlines(RelayConfig config, Duration longest, Duration idle, long now) {
    this.config = config;
    this.idle = idle;
    endsAt = now + longest.toNanos();
    nextPing = now + config.pingInterval().toNanos();
    waitsFor = Due.NO_SETUP;
    waitsUntil = now + config.setupTimeout().toNanos();
  }

  /** The setup came; Google is waited for, which somebody else limits. */
  void connecting() {
    waitsFor = Due.END;
    waitsUntil = endsAt;
  }

  /** A message passed; from now on the next one is waited for. */
  void passed(long now) {
    waitsFor = Due.IDLE;
    waitsUntil = now + idle.toNanos();
  }

  /** What is due now; asked again and again, until nothing is. */
  Due due(long now) {
    if (now - waitsUntil >= 0) {
      return waitsFor;
    }
    if (now - endsAt >= 0) {
      return Due.END;
    }
    if (now - nextPing >= 0) {
      nextPing = now + config.pingInterval().toNanos();
      return Due.PING;
    }
    if (!warned && waitsFor == Due.IDLE && now - warnAt() >= 0) {
      warned = true;
      return Due.END_SOON;
    }
    return Due.NOTHING;
  }

  /** How long until something may be due. */
  long nanosToNext(long now) {
    long next = Math.min(waitsUntil - now, nextPing - now);
    next = Math.min(next, (warned || waitsFor != Due.IDLE ? endsAt : warnAt()) - now);
    return Math.max(0, next);
  }

  Duration left(long now) {
    return Duration.ofNanos(Math.max(0, endsAt - now));
  }

  private long warnAt() {
    return endsAt - config.goAwayLead().toNanos();
  }
}
