package io.livegate.audit;

import io.livegate.audit.Sink.Batch;
import io.livegate.audit.Sink.Opening;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jboss.logging.Logger;

/**
 * Writes the chain of one sink, on a thread of its own: whatever waits at a time is one batch, so
 * that many events share what it costs to make them durable.
 *
 * <p>While the sink fails, events for which somebody waits fail with it at once; the others are
 * kept and tried again, as far as the queue has room. What found none is counted, and told by a
 * line of its own when the sink can write again.
 */
final class SinkWriter {

  static final int CAPACITY = 10_000;

  private static final Logger LOG = Logger.getLogger(SinkWriter.class);
  private static final int BATCH = 500;

  /** What a line has besides its event, roughly. */
  private static final int ENVELOPE = 200;

  private static final long RETRY_MILLIS = 250;
  private static final long COMPLAINT_NANOS = Duration.ofMinutes(1).toNanos();

  private final String name;
  private final int bit;
  private final Sink sink;
  private final Chain chain;
  private final Thread thread;
  private final LinkedBlockingQueue<Entry> queue = new LinkedBlockingQueue<>(CAPACITY);
  private final AtomicLong lost = new AtomicLong();
  private final AtomicLong complained = new AtomicLong(System.nanoTime() - COMPLAINT_NANOS);
  private final AtomicInteger failing;
  private final Counter written;
  private final Counter refused;
  private final Counter dropped;
  private volatile boolean closing;
  private volatile long deadline;

  // Of the thread alone.
  private final List<Entry> pending = new ArrayList<>();
  private boolean started;

  /**
   * A writer that {@link #start} starts.
   *
   * @param name of the sink, in metrics and the log
   * @param bit by which entries know it; 0 for one that is not durable
   */
  SinkWriter(String name, int bit, Sink sink, Chain chain, MeterRegistry metrics) {
    this.name = name;
    this.bit = bit;
    this.sink = sink;
    this.chain = chain;
    this.written = counter(metrics, "written");
    this.refused = counter(metrics, "refused");
    this.dropped = counter(metrics, "dropped");
    this.failing = new AtomicInteger();
    metrics.gauge("livegate.audit.failing", Tags.of("sink", name), failing);
    this.thread = new Thread(this::run, "audit-" + name);
    thread.setDaemon(true);
  }

  private Counter counter(MeterRegistry metrics, String outcome) {
    return metrics.counter("livegate.audit.events", "sink", name, "outcome", outcome);
  }

  void start() {
    thread.start();
  }

  /** Takes an event, if there is room for it. Never blocks. */
  void offer(Entry entry) {
    if (!closing && queue.offer(entry)) {
      return;
    }
    entry.failed(bit);
    if (entry.withdrawn()) {
      refused.increment();
      return;
    }
    dropped.increment();
    lost.incrementAndGet();
    if (mayComplain()) {
      LOG.errorf("The audit's sink %s has no room: %d events are lost so far", name, lost.get());
    }
  }

  /** Writes what is still to be written, as far as that is possible within the time; then ends. */
  void close(Duration within) {
    deadline = System.nanoTime() + within.toNanos();
    closing = true;
    try {
      thread.join(within.plusSeconds(1).toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void run() {
    while (!over()) {
      try {
        gather();
        if (owes() && !write()) {
          TimeUnit.MILLISECONDS.sleep(RETRY_MILLIS);
        }
      } catch (InterruptedException e) {
        // Nobody interrupts this thread; and giving up would leave callers waiting.
        LOG.warn("The audit goes on in spite of an interrupt", e);
      }
    }
    finish();
  }

  private boolean over() {
    return closing
        && (System.nanoTime() - deadline > 0 || (pending.isEmpty() && queue.isEmpty() && !owes()));
  }

  private boolean owes() {
    return !started || !pending.isEmpty() || lost.get() > 0;
  }

  private void gather() throws InterruptedException {
    if (!owes()) {
      // Wakes up now and then to see whether it shall end.
      Entry first = queue.poll(RETRY_MILLIS, TimeUnit.MILLISECONDS);
      if (first != null) {
        pending.add(first);
      }
    }
    queue.drainTo(pending, BATCH - pending.size());
  }

  private boolean write() {
    forgetWithdrawn(pending);
    Chain.Tip before = chain.tip();
    try {
      Optional<Opening> opening = sink.prepare(size());
      Batch made = batch(opening);
      Batch there = sink.append(made);
      chain.tip(there.end());
      there.entries().forEach(Entry::written);
      written.increment(there.entries().size());
      if (there.entries().equals(made.entries())) {
        pending.clear();
      } else {
        pending.removeAll(there.entries());
      }
      lost.addAndGet(-there.lost());
      started = true;
      if (failing.getAndSet(0) == 1) {
        LOG.infof("The audit's sink %s can be written again", name);
      }
      opening.ifPresent(first -> tellEnd("begins a file, which continues at"));
      return true;
    } catch (IOException | RuntimeException e) {
      chain.tip(before);
      failed(e);
      return false;
    }
  }

  private long size() {
    return pending.stream().mapToLong(entry -> entry.event().length() + ENVELOPE).sum();
  }

  private Batch batch(Optional<Opening> opening) {
    var lines = new ArrayList<String>();
    if (!started || opening.isPresent()) {
      lines.add(open(opening.orElse(Opening.FRESH)));
    }
    long missed = lost.get();
    if (missed > 0) {
      lines.add(chain.add(event(AuditLine.LOST, "no-room", ",\"count\":" + missed)));
    }
    pending.forEach(entry -> lines.add(chain.add(entry.event())));
    return new Batch(List.copyOf(pending), lines, missed, chain.tip());
  }

  private String open(Opening opening) {
    Optional<Chain.Tip> previous = started ? Optional.of(chain.tip()) : opening.last();
    var more = new StringBuilder();
    more.append(",\"sink\":\"").append(name).append('"');
    previous.ifPresent(
        tip -> {
          more.append(",\"previousRun\":\"").append(tip.run());
          more.append("\",\"previousSequence\":").append(tip.sequence());
          if (!tip.mac().isEmpty()) {
            more.append(",\"previousMac\":\"").append(tip.mac()).append('"');
          }
        });
    opening
        .torn()
        .ifPresent(
            torn -> {
              more.append(",\"tornBytes\":").append(torn.bytes());
              more.append(",\"tornSha256\":\"").append(torn.sha256()).append('"');
            });
    if (!started) {
      chain.continues(previous.map(Chain.Tip::mac).orElse(""));
    }
    return chain.add(event(started ? AuditLine.CONTINUED : AuditLine.STARTED, "ok", more));
  }

  private static String event(String event, String outcome, CharSequence more) {
    return "{\"time\":\"%s\",\"event\":\"%s\",\"outcome\":\"%s\"%s}"
        .formatted(Instant.now(), event, outcome, more);
  }

  private void failed(Exception e) {
    failing.set(1);
    pending.forEach(entry -> entry.failed(bit));
    queue.forEach(entry -> entry.failed(bit));
    forgetWithdrawn(pending);
    forgetWithdrawn(queue);
    if (mayComplain()) {
      LOG.errorf(
          "The audit's sink %s cannot be written, %d events wait for it: %s",
          name, pending.size() + queue.size(), e);
    }
  }

  private void forgetWithdrawn(Collection<Entry> entries) {
    entries.removeIf(
        entry -> {
          boolean withdrawn = entry.withdrawn();
          if (withdrawn) {
            refused.increment();
          }
          return withdrawn;
        });
  }

  private boolean mayComplain() {
    long last = complained.get();
    long now = System.nanoTime();
    return now - last >= COMPLAINT_NANOS && complained.compareAndSet(last, now);
  }

  private void finish() {
    Chain.Tip before = chain.tip();
    try (sink) {
      if (started && failing.get() == 0) {
        Optional<Opening> opening = sink.prepare(ENVELOPE);
        var lines = new ArrayList<String>();
        opening.ifPresent(first -> lines.add(open(first)));
        lines.add(chain.add(event(AuditLine.STOPPED, "ok", "")));
        sink.append(new Batch(List.of(), lines, 0, chain.tip()));
      }
    } catch (IOException | RuntimeException e) {
      chain.tip(before);
      LOG.errorf("The audit's sink %s could not be closed: %s", name, e);
    }
    long left = pending.size() + queue.size() + lost.get();
    if (left > 0) {
      LOG.errorf("The audit's sink %s ends without %d events", name, left);
    }
    tellEnd("ends at");
  }

  /** Kept apart from the lines themselves, this shows whether the newest are still there. */
  private void tellEnd(String what) {
    Chain.Tip tip = chain.tip();
    LOG.infof(
        "The audit's sink %s %s run %s, sequence %d, mac %s",
        name, what, tip.run(), tip.sequence(), tip.mac().isEmpty() ? "none" : tip.mac());
  }
}
