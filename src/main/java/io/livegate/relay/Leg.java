package io.livegate.relay;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.WebSocketBase;
import io.vertx.core.http.WebSocketFrame;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/**
 * One side of a session: whole messages in and out of a WebSocket, with back-pressure. To be used
 * on the socket's event loop only.
 *
 * <p>It works on Vert.x' own sockets, because {@code quarkus-websockets-next} can neither pause a
 * connection nor tell that one is full: a relay on it holds in memory whatever the slower side has
 * not taken. Pings are answered by Vert.x.
 */
final class Leg {

  /** What happens on a leg. */
  interface Listener {
    /** A whole message came. */
    void received(Message message);

    /** There is room again after {@link Leg#isFull}. */
    void drained();

    /** The other end closed, with 1005 for no code and 1006 for no close at all. Once, and last. */
    void closed(int code, String reason);

    /** A message exceeds the limit; nothing more will be received. */
    void tooLarge();
  }

  private final WebSocketBase socket;
  private final long maxMessage;
  private final LongConsumer buffered;
  private final Listener listener;
  private @Nullable WebSocketFrame first;
  private Buffer fragments = Buffer.buffer();
  private long outstanding;
  private long heard = System.nanoTime();
  private boolean paused;
  private boolean ended;

  /**
   * @param buffered is told each change of the bytes that this leg holds
   */
  Leg(WebSocketBase socket, long maxMessage, LongConsumer buffered, Listener listener) {
    this.socket = socket;
    this.maxMessage = maxMessage;
    this.buffered = buffered;
    this.listener = listener;
    socket.frameHandler(this::frame);
    socket.pongHandler(pong -> heard = System.nanoTime());
    socket.drainHandler(
        drained -> {
          if (!ended) {
            listener.drained();
          }
        });
    // What breaks a connection also closes it.
    socket.exceptionHandler(broken -> {});
    socket.closeHandler(
        closed -> {
          // With a close frame this comes at once, but the frame in its turn.
          if (socket.closeStatusCode() == null) {
            over(1006, "");
          }
        });
  }

  private void frame(WebSocketFrame frame) {
    if (ended) {
      return;
    }
    heard = System.nanoTime();
    switch (frame.type()) {
      case TEXT, BINARY -> {
        if (frame.isFinal()) {
          whole(frame);
        } else {
          first = frame;
          fragment(frame);
        }
      }
      case CONTINUATION -> fragment(frame);
      case CLOSE -> over(frame.closeStatusCode(), frame.closeReason());
      case PING, PONG -> {}
    }
  }

  private void whole(WebSocketFrame frame) {
    var message = new Message(frame);
    if (message.size() > maxMessage) {
      listener.tooLarge();
    } else {
      listener.received(message);
    }
  }

  private void fragment(WebSocketFrame frame) {
    Buffer part = frame.binaryData();
    if (fragments.length() + part.length() > maxMessage) {
      listener.tooLarge();
      return;
    }
    buffered.accept(part.length());
    fragments.appendBuffer(part);
    if (frame.isFinal() && first != null) {
      Buffer content = fragments;
      boolean text = first.isText();
      first = null;
      fragments = Buffer.buffer();
      buffered.accept(-content.length());
      listener.received(
          new Message(
              text
                  ? WebSocketFrame.textFrame(content.toString(), true)
                  : WebSocketFrame.binaryFrame(content, true)));
    }
  }

  private void over(int code, @Nullable String reason) {
    if (!ended) {
      release();
      listener.closed(code, reason == null ? "" : reason);
    }
  }

  private void release() {
    ended = true;
    buffered.accept(-outstanding - fragments.length());
    fragments = Buffer.buffer();
  }

  void send(Message message) {
    if (ended) {
      return;
    }
    int size = message.size();
    outstanding += size;
    buffered.accept(size);
    socket
        .writeFrame(message.frame())
        .onComplete(
            written -> {
              if (!ended) {
                outstanding -= size;
                buffered.accept(-size);
              }
            });
  }

  /** Whether to stop sending until {@link Listener#drained}. */
  boolean isFull() {
    return !ended && !socket.isClosed() && socket.writeQueueFull();
  }

  void pause() {
    if (!paused) {
      paused = true;
      socket.pause();
    }
  }

  void resume() {
    if (paused) {
      paused = false;
      // Nothing could be heard meanwhile.
      heard = System.nanoTime();
      socket.resume();
    }
  }

  void ping() {
    if (!ended && !socket.isClosed()) {
      socket.writePing(Buffer.buffer());
    }
  }

  /** When the last sign of life came, as {@link System#nanoTime}; now, while none can come. */
  long lastHeard() {
    return paused ? System.nanoTime() : heard;
  }

  /**
   * Closes it from this side; the listener hears no more.
   *
   * @param code one that may be sent
   * @param reason at most 123 bytes
   */
  void close(int code, String reason) {
    if (!ended) {
      release();
      socket.close((short) code, reason);
      // The answer is behind whatever else has not been read.
      resume();
    }
  }
}
