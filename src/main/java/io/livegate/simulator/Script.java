package io.livegate.simulator;

import io.vertx.core.json.JsonObject;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * What shall go wrong next. Faults are used up in the order they were added; without any the
 * simulator behaves. Thread-safe.
 *
 * <p>Over HTTP: {@code POST /_simulator/faults/mint} takes a {@link MintFault} as JSON with {@code
 * "times"}; {@code POST /_simulator/faults/session} takes {@code {"times":1,"steps":[{"at":
 * "MID_TURN","do":"close","code":1011,"reason":"..."}]}}; {@code DELETE /_simulator/faults} clears
 * both.
 */
public final class Script {
  private final Deque<MintFault> mints = new ArrayDeque<>();
  private final Deque<List<Step>> sessions = new ArrayDeque<>();

  Script() {}

  /** The points of a session where something can be done to it. */
  public enum At {
    /** The connection is open, and nothing was sent on it yet. */
    OPEN,
    /** The setup was accepted. A close, reset or silence here keeps setupComplete back. */
    BEFORE_SETUP_COMPLETE,
    /** Right after setupComplete. */
    AFTER_SETUP_COMPLETE,
    /** The first piece of an answer was sent, and more would follow. */
    MID_TURN,
    /** A tool call was sent. */
    TOOL_CALL,
    /** After turnComplete. */
    AFTER_TURN
  }

  /**
   * One thing to do at one point. It is done once, the first time the point is reached.
   *
   * @param at the point
   * @param action what to do
   */
  public record Step(At at, Action action) {
    static Step fromJson(JsonObject json) {
      return new Step(
          At.valueOf(json.getString("at", At.AFTER_SETUP_COMPLETE.name())), Action.fromJson(json));
    }
  }

  /** Makes the next {@code times} mints go wrong. */
  public synchronized void mints(int times, MintFault fault) {
    for (int i = 0; i < times; i++) {
      mints.add(fault);
    }
  }

  /** Gives the next {@code times} connections these steps. */
  public synchronized void sessions(int times, Step... steps) {
    for (int i = 0; i < times; i++) {
      sessions.add(List.of(steps));
    }
  }

  /** Short for one step on the next connection. */
  public void session(At at, Action action) {
    sessions(1, new Step(at, action));
  }

  /** Forgets what has not happened yet. */
  public synchronized void clear() {
    mints.clear();
    sessions.clear();
  }

  synchronized Optional<MintFault> nextMint() {
    return Optional.ofNullable(mints.poll());
  }

  synchronized List<Step> nextSession() {
    List<Step> steps = sessions.poll();
    return steps == null ? List.of() : steps;
  }
}
