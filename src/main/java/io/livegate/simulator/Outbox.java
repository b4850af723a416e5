package io.livegate.simulator;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.ServerWebSocket;
import io.vertx.core.json.JsonObject;
import java.util.ArrayDeque;
import java.util.Deque;

/** The sending side of a connection: JSON in binary frames, no faster than the client reads. */
final class Outbox {
  private final ServerWebSocket socket;
  private final Journal.Entry page;
  private final Deque<Runnable> waiting = new ArrayDeque<>();
  private boolean silent;

  Outbox(ServerWebSocket socket, Journal.Entry page) {
    this.socket = socket;
    this.page = page;
    socket.drainHandler(drained -> drain());
  }

  /** Sends at once. For what is small or rare; anything else waits with {@link #whenWritable}. */
  void send(JsonObject message) {
    send(message.toBuffer());
  }

  private void send(Buffer message) {
    if (!silent && !socket.isClosed()) {
      page.sent(message);
      socket.writeBinaryMessage(message);
    }
  }

  /** Runs now, or as soon as the client has read enough. Never, if the connection ends before. */
  void whenWritable(Runnable task) {
    if (socket.isClosed()) {
      return;
    }
    if (waiting.isEmpty() && !socket.writeQueueFull()) {
      task.run();
    } else {
      waiting.add(task);
    }
  }

  /** Sends a message so often. */
  void burst(Buffer message, int count) {
    if (count > 0 && !socket.isClosed()) {
      whenWritable(
          () -> {
            int left = count;
            while (left > 0 && !socket.writeQueueFull() && !socket.isClosed()) {
              send(message);
              left--;
            }
            burst(message, left);
          });
    }
  }

  /** From now on nothing is sent. */
  void silence() {
    silent = true;
    waiting.clear();
  }

  boolean silent() {
    return silent;
  }

  private void drain() {
    // A task may queue the next one; only those that were waiting get their turn now.
    for (int i = waiting.size(); i > 0 && !socket.isClosed() && !socket.writeQueueFull(); i--) {
      Runnable task = waiting.poll();
      if (task != null) {
        task.run();
      }
    }
  }
}
