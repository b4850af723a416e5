package io.livegate.session;

import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;
import org.jboss.logging.Logger;

/**
 * What the ledger must be told: at once, or, while it does not answer, later and in order. What is
 * said twice counts once there, so that an operation whose answer was lost is just told again.
 */
final class Backlog {

  private static final Logger LOG = Logger.getLogger(Backlog.class);

  private final int most;
  private final Deque<Supplier<Uni<Void>>> late = new ArrayDeque<>();

  /**
   * An empty one.
   *
   * @param most how much is kept
   */
  Backlog(int most) {
    this.most = most;
  }

  /** Tells something now, or keeps it where that fails or other things wait. */
  void tell(Supplier<Uni<Void>> what) {
    synchronized (late) {
      if (!late.isEmpty()) {
        keep(what);
        return;
      }
    }
    what.get().subscribe().with(told -> {}, failure -> keep(what));
  }

  private void keep(Supplier<Uni<Void>> what) {
    synchronized (late) {
      if (late.size() < most) {
        late.add(what);
      } else {
        LOG.error("The ledger is away for too long: the end of a session will not be told to it");
      }
    }
  }

  /** How much is kept. */
  int size() {
    synchronized (late) {
      return late.size();
    }
  }

  /** Tells what was kept; fails with the first that cannot be told, which stays with the others. */
  Uni<Void> catchUp() {
    return Multi.createBy()
        .repeating()
        .uni(this::tellFirst)
        .whilst(any -> any)
        .collect()
        .last()
        .replaceWithVoid();
  }

  /** Whether there was anything to tell. */
  private Uni<Boolean> tellFirst() {
    Supplier<Uni<Void>> first;
    synchronized (late) {
      first = late.peek();
    }
    return first == null
        ? Uni.createFrom().item(false)
        : first
            .get()
            .map(
                told -> {
                  synchronized (late) {
                    late.remove();
                  }
                  return true;
                });
  }
}
