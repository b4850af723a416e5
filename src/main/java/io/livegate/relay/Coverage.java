package io.livegate.relay;

import io.livegate.relay.ClientMessage.Kind;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Which messages the newest handle is known to cover, so that nothing is lost and as little as
 * possible is said twice when a conversation is resumed with it. Google acknowledges nothing; but
 * it sends a handle after it has read what the handle covers. A message is therefore taken as
 * covered if the answer to a ping behind it came before the handle, by a margin for what Google's
 * front may have read and the model not yet.
 */
final class Coverage {

  /** What is kept to be sent again; beyond, a conversation cannot be resumed. */
  private static final long MOST_KEPT = 8 << 20;

  /** How long a handle counts as having just come. */
  private static final long FRESH = TimeUnit.MILLISECONDS.toNanos(250);

  /** A message without which the conversation would miss something. */
  private record Kept(long number, ClientMessage message) {}

  /** Everything up to that number was read at that time at the latest. */
  private record Fence(long number, long at) {}

  private final long lag;
  private final Deque<Kept> kept = new ArrayDeque<>();
  private final Deque<Fence> fences = new ArrayDeque<>();
  private long keptBytes;
  private boolean overflowed;
  private long sent;
  private long covered;
  private long snapshotAt = System.nanoTime() - FRESH;

  /**
   * Nothing was sent yet.
   *
   * @param lag the margin
   */
  Coverage(Duration lag) {
    this.lag = lag.toNanos();
  }

  /** A message was sent. */
  void sent(ClientMessage message) {
    sent++;
    if (message.kind() == Kind.MEDIA || overflowed) {
      return;
    }
    keptBytes += message.content().length;
    if (keptBytes > MOST_KEPT) {
      overflowed = true;
      drop();
    } else {
      kept.add(new Kept(sent, message));
    }
  }

  /** The number of the last message that was sent, for a fence. */
  long last() {
    return sent;
  }

  /** Everything up to a number was read. */
  void read(long number, long now) {
    fences.add(new Fence(number, now));
  }

  /** A handle came. */
  void snapshot(long now) {
    snapshotAt = now;
    while (!fences.isEmpty() && now - fences.peek().at() >= lag) {
      covered = Math.max(covered, fences.remove().number());
    }
    while (!kept.isEmpty() && kept.peek().number() <= covered) {
      keptBytes -= kept.remove().message().content().length;
    }
    if (covered == sent) {
      overflowed = false;
    }
  }

  /** Whether the handle covers all that was sent, media included. */
  boolean isComplete() {
    return covered == sent;
  }

  /** Whether the handle has just come. */
  boolean isFresh(long now) {
    return now - snapshotAt < FRESH;
  }

  /** Whether the handle covers all but media, if that. */
  boolean lacksMediaOnly() {
    return kept.isEmpty() && !overflowed;
  }

  /** Whether nothing had to be sent again; media never is. */
  boolean isKeptEmpty() {
    return kept.isEmpty();
  }

  /** Whether what the handle does not cover could not all be kept. */
  boolean isOverflowed() {
    return overflowed;
  }

  long bytes() {
    return keptBytes;
  }

  /** The conversation goes on from the handle: what must be sent again, which is the caller's. */
  List<ClientMessage> restart() {
    List<ClientMessage> again = kept.stream().map(Kept::message).toList();
    drop();
    fences.clear();
    sent = 0;
    covered = 0;
    return again;
  }

  private void drop() {
    kept.clear();
    keptBytes = 0;
  }
}
