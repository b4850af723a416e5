package io.livegate.simulator;

import io.vertx.core.json.JsonObject;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Resumption handles, and the conversations they lead back to. */
final class Handles {
  private static final Duration LIFE = Duration.ofHours(2);

  /** More are of no use to a client that keeps the newest, and each holds on to some audio. */
  private static final int MOST_PER_CONVERSATION = 16;

  private final Clock clock;
  private final SecureRandom random = new SecureRandom();
  private final Map<String, Snapshot> snapshots = new HashMap<>();
  private final Deque<Line> ended = new ArrayDeque<>();

  Handles(Clock clock) {
    this.clock = clock;
  }

  /** A conversation over all its connections. At most one of them is open. */
  static final class Line {
    private final String key;
    private final String model;
    private final Deque<String> handles = new ArrayDeque<>();
    private boolean open = true;
    private Instant closedAt = Instant.MAX;

    Line(String key, String model) {
      this.key = key;
      this.model = model;
    }
  }

  /** What a conversation remembers between turns. */
  static final class Memory {
    final List<JsonObject> history = new ArrayList<>();
    Tally context = Tally.NONE;
    StringBuilder asked = new StringBuilder();
    Pcm.Heard heard = new Pcm.Heard();
    boolean awaitsHistory;
  }

  /** A memory at one moment. History and audio only grow, so their length is enough. */
  private record Snapshot(
      Line line,
      List<JsonObject> history,
      int historySize,
      Tally context,
      String asked,
      Pcm.Heard heard,
      int heardBytes,
      boolean awaitsHistory) {
    Memory restore() {
      Memory memory = new Memory();
      memory.history.addAll(history.subList(0, historySize));
      memory.context = context;
      memory.asked.append(asked);
      memory.heard = Pcm.Heard.startingWith(heard, heardBytes);
      memory.awaitsHistory = awaitsHistory;
      return memory;
    }
  }

  /** A conversation that was found again. */
  record Resumed(Line line, Memory memory) {}

  /** Makes a handle that leads back to this moment. */
  String issue(Line line, Memory memory) {
    byte[] bytes = new byte[24];
    random.nextBytes(bytes);
    String handle = Base64.getUrlEncoder().withoutPadding().encodeToString(bytes);
    snapshots.put(
        handle,
        new Snapshot(
            line,
            memory.history,
            memory.history.size(),
            memory.context,
            memory.asked.toString(),
            memory.heard,
            memory.heard.length(),
            memory.awaitsHistory));
    line.handles.add(handle);
    if (line.handles.size() > MOST_PER_CONVERSATION) {
      snapshots.remove(line.handles.remove());
    }
    return handle;
  }

  /** Continues a conversation, whose earlier connection must be over. */
  Resumed resume(@Nullable String handle, String key, String model) {
    sweep();
    Snapshot snapshot = handle == null ? null : snapshots.get(handle);
    if (snapshot == null || !snapshot.line().key.equals(key)) {
      throw Refusal.closing(1008, Refusal.NOT_FOUND);
    }
    Line line = snapshot.line();
    if (line.open) {
      throw Refusal.closing(1011, "Internal error occurred.");
    }
    if (!line.model.equals(model)) {
      throw Refusal.invalid(Refusal.INVALID);
    }
    line.open = true;
    ended.remove(line);
    return new Resumed(line, snapshot.restore());
  }

  /** The connection is over; from now on the conversation can be resumed, for a while. */
  void release(Line line) {
    line.open = false;
    line.closedAt = clock.instant();
    if (!line.handles.isEmpty()) {
      ended.add(line);
    }
    sweep();
  }

  private void sweep() {
    Instant limit = clock.instant().minus(LIFE);
    while (!ended.isEmpty() && !ended.peek().closedAt.isAfter(limit)) {
      ended.remove().handles.forEach(snapshots::remove);
    }
  }
}
