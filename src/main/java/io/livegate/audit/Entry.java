package io.livegate.audit;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

/** An event on its way to the sinks. */
final class Entry {

  private final String event;
  private final CompletableFuture<Void> recorded = new CompletableFuture<>();
  private final AtomicInteger open;
  private final boolean awaited;

  private Entry(String event, int sinks, boolean awaited) {
    this.event = event;
    this.open = new AtomicInteger(sinks);
    this.awaited = awaited;
  }

  /** An event for which nobody waits: it is written when it can be. */
  static Entry of(String event) {
    return new Entry(event, 0, false);
  }

  /**
   * An event that is written now or not at all.
   *
   * @param sinks one bit for each sink that would do
   */
  static Entry awaited(String event, int sinks) {
    return new Entry(event, sinks, true);
  }

  /** Its JSON. */
  String event() {
    return event;
  }

  /** Completes with the first sink that has it; of an awaited one, fails when none can. */
  CompletableFuture<Void> recorded() {
    return recorded;
  }

  /** Whether it must not be written any more, because its caller was refused. */
  boolean withdrawn() {
    return recorded.isCompletedExceptionally();
  }

  void written() {
    recorded.complete(null);
  }

  /** This sink cannot write it now. */
  void failed(int sink) {
    if (awaited && open.updateAndGet(bits -> bits & ~sink) == 0) {
      recorded.completeExceptionally(new IllegalStateException("no sink could write it"));
    }
  }
}
