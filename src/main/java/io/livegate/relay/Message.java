package io.livegate.relay;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.WebSocketFrame;

/** One whole WebSocket message, ready to be sent on as it came. */
final class Message {

  private final WebSocketFrame frame;
  private final byte[] content;

  /**
   * @param frame text or binary, and final
   */
  Message(WebSocketFrame frame) {
    this.frame = frame;
    this.content = frame.binaryData().getBytes();
  }

  static Message binary(byte[] content) {
    return new Message(WebSocketFrame.binaryFrame(Buffer.buffer(content), true));
  }

  WebSocketFrame frame() {
    return frame;
  }

  /** Not to be changed. */
  byte[] content() {
    return content;
  }

  int size() {
    return content.length;
  }
}
