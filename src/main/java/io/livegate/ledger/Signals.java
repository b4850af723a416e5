package io.livegate.ledger;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.subscription.BackPressureStrategy;
import io.smallrye.mutiny.subscription.MultiEmitter;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Those in this process who are to be told that something happened; numbered, the latest counts.
 */
final class Signals {

  private final List<MultiEmitter<? super Integer>> listeners = new CopyOnWriteArrayList<>();
  private final AtomicInteger number = new AtomicInteger();

  void emit() {
    int next = number.incrementAndGet();
    listeners.forEach(listener -> listener.emit(next));
  }

  /** Starts with one, because who subscribes may have missed some. */
  Multi<Integer> signals() {
    return Multi.createFrom()
        .<Integer>emitter(
            listener -> {
              listeners.add(listener);
              listener.onTermination(() -> listeners.remove(listener));
              listener.emit(number.get());
            },
            BackPressureStrategy.LATEST);
  }
}
