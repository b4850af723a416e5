package io.livegate.relay;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.netty.util.concurrent.Future;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.util.Comparator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jboss.logging.Logger;

/**
 * How much runs at this process, and whether there is room for more.
 *
 * <p>When sessions hold more memory than they may together, none of them reads any more; whoever is
 * slow to take what was sent to it has a second for that. As long as that is not enough, the one
 * that holds most is ended, second by second.
 */
@ApplicationScoped
class Sessions {

  private static final Logger LOG = Logger.getLogger(Sessions.class);
  private static final Duration RETRY_AFTER = Duration.ofSeconds(5);
  private static final Duration RELIEF = Duration.ofSeconds(1);

  private final RelayConfig config;
  private final Vertx vertx;
  private final long maxBuffered;
  private final AtomicInteger open = new AtomicInteger();
  private final AtomicInteger connections = new AtomicInteger();
  private final AtomicInteger pending = new AtomicInteger();
  private final AtomicLong buffered = new AtomicLong();
  private final AtomicBoolean relieving = new AtomicBoolean();
  private final Counter overruns;
  private final Counter mediaDropped;
  private final Set<Session> running = ConcurrentHashMap.newKeySet();
  private volatile boolean draining;

  /** When the time of the drain is over, as {@link System#nanoTime}. */
  private volatile long drainedAt;

  Sessions(RelayConfig config, Vertx vertx, MeterRegistry metrics) {
    this.config = config;
    this.vertx = vertx;
    this.maxBuffered = config.maxBufferedBytes().asLongValue();
    this.overruns =
        Counter.builder("livegate.drain.overruns")
            .description("Sessions that were ended in the middle of something by a shutdown")
            .register(metrics);
    this.mediaDropped =
        Counter.builder("livegate.media.dropped")
            .description("Messages of audio and video that waited too long for a connection")
            .register(metrics);
  }

  /** Makes it be there, with its counter, before the first session. */
  void start(@Observes StartupEvent event) {}

  /**
   * Takes a place, to be released by {@link #closed} or {@link #remove}.
   *
   * @throws GatewayException {@code relay-full}
   */
  void open() {
    if (draining) {
      throw new GatewayException(ErrorCode.RELAY_FULL, "This gateway shuts down; connect anew.")
          .retryAfter(Duration.ofSeconds(1));
    }
    int sessions = open.incrementAndGet();
    int waiting = pending.incrementAndGet();
    boolean room =
        sessions <= config.maxSessions()
            && waiting <= config.maxPending()
            && buffered.get() <= maxBuffered;
    if (!room) {
      closed(true);
      throw new GatewayException(ErrorCode.RELAY_FULL, "Too many sessions run at this gateway.")
          .retryAfter(RETRY_AFTER);
    }
  }

  /**
   * A place became a session.
   *
   * @param gone when its client's connection is closed, which can be later than its end
   */
  void add(Session session, Future<?> gone) {
    running.add(session);
    connections.incrementAndGet();
    gone.addListener(closed -> connections.decrementAndGet());
    if (relieving.get()) {
      session.halt(true);
    }
    if (draining) {
      // It was being admitted when the drain began.
      drain(session);
    }
  }

  /** A session has its setup. */
  void settled() {
    pending.decrementAndGet();
  }

  /** A session is over. */
  void remove(Session session, boolean wasPending) {
    running.remove(session);
    closed(wasPending);
  }

  /** A place is free again. */
  void closed(boolean wasPending) {
    open.decrementAndGet();
    if (wasPending) {
      pending.decrementAndGet();
    }
  }

  /**
   * Takes no more sessions, and has those that run end in some time, each at a moment of its own,
   * so that their clients do not come back all at once.
   *
   * @return how many there are
   */
  int drain(Duration time) {
    drainedAt = System.nanoTime() + time.toNanos();
    draining = true;
    running.forEach(this::drain);
    return open.get();
  }

  private void drain(Session session) {
    Duration left = Duration.ofNanos(Math.max(0, drainedAt - System.nanoTime()));
    long warned = ThreadLocalRandom.current().nextLong(left.toMillis() / 2 + 1);
    session.drain(Duration.ofMillis(warned), left);
  }

  /** A session could not end in order before the time of {@link #drain} was over. */
  void cutOff() {
    overruns.increment();
  }

  /** So many messages of audio or video had waited for too long. */
  void mediaDropped(int messages) {
    mediaDropped.increment(messages);
  }

  /** How many sessions could not end in order. */
  long overruns() {
    return (long) overruns.count();
  }

  boolean isDraining() {
    return draining;
  }

  boolean isAnyOpen() {
    return open.get() > 0;
  }

  /** Whether a client of a session, though that may be over, is still connected. */
  boolean isAnyConnected() {
    return connections.get() > 0;
  }

  /** Ends all sessions now. */
  void leave() {
    running.forEach(Session::leaveNow);
  }

  /** A session holds that many bytes more, or less. */
  void buffered(long change) {
    if (buffered.addAndGet(change) > maxBuffered && relieving.compareAndSet(false, true)) {
      LOG.warnf("Sessions hold more than %d bytes; none is read until they hold less", maxBuffered);
      running.forEach(session -> session.halt(true));
      vertx.setTimer(RELIEF.toMillis(), timer -> relieve());
    }
  }

  private void relieve() {
    if (buffered.get() > maxBuffered) {
      running.stream().max(Comparator.comparingLong(Session::buffered)).ifPresent(Session::shed);
      vertx.setTimer(RELIEF.toMillis(), timer -> relieve());
    } else {
      relieving.set(false);
      running.forEach(session -> session.halt(false));
    }
  }
}
