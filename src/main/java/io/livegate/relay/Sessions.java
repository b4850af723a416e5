package io.livegate.relay;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import jakarta.enterprise.context.ApplicationScoped;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** How much runs at this process, and whether there is room for more. */
@ApplicationScoped
class Sessions {

  private static final Duration RETRY_AFTER = Duration.ofSeconds(5);

  private final RelayConfig config;
  private final AtomicInteger open = new AtomicInteger();
  private final AtomicInteger pending = new AtomicInteger();
  private final AtomicLong buffered = new AtomicLong();

  Sessions(RelayConfig config) {
    this.config = config;
  }

  /**
   * Takes a place, to be released by {@link #closed}.
   *
   * @throws GatewayException {@code relay-full}
   */
  void open() {
    int sessions = open.incrementAndGet();
    int waiting = pending.incrementAndGet();
    boolean room =
        sessions <= config.maxSessions()
            && waiting <= config.maxPending()
            && buffered.get() <= config.maxBufferedBytes().asLongValue();
    if (!room) {
      closed(true);
      throw new GatewayException(ErrorCode.RELAY_FULL, "Too many sessions run at this gateway.")
          .retryAfter(RETRY_AFTER);
    }
  }

  /** A session has its setup. */
  void settled() {
    pending.decrementAndGet();
  }

  /** A session is over. */
  void closed(boolean wasPending) {
    open.decrementAndGet();
    if (wasPending) {
      pending.decrementAndGet();
    }
  }

  /** A session holds that much more, or less. */
  void buffered(long change) {
    buffered.addAndGet(change);
  }
}
