package io.livegate;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** A WebSocket client that sends whatever frames it is told to. */
final class RawSocket implements AutoCloseable {

  static final int TEXT = 1;
  static final int BINARY = 2;
  static final int CLOSE = 8;
  static final int PING = 9;
  static final int PONG = 10;

  /** A whole frame as it came. */
  record Frame(int opcode, Buffer payload) {
    String text() {
      return payload.toString();
    }

    /** Code and reason of a close frame. */
    String close() {
      return payload.length() < 2
          ? "1005"
          : (payload.getShort(0) + " " + payload.getString(2, payload.length())).strip();
    }
  }

  private final Socket socket;
  private final DataInputStream in;
  private final OutputStream out;
  private final String status;
  private final String head;

  /** Connects; whether that is accepted is in {@link #status}. */
  RawSocket(int port, String path, String... headers) throws IOException {
    socket = new Socket("localhost", port);
    socket.setSoTimeout(20_000);
    in = new DataInputStream(socket.getInputStream());
    out = socket.getOutputStream();
    var request = new StringBuilder("GET " + path + " HTTP/1.1\r\nHost: localhost:" + port);
    request.append("\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13");
    request.append("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
    for (String header : headers) {
      request.append("\r\n").append(header);
    }
    out.write(request.append("\r\n\r\n").toString().getBytes(StandardCharsets.UTF_8));
    var lines = new ByteArrayOutputStream();
    while (!lines.toString(StandardCharsets.US_ASCII).endsWith("\r\n\r\n")) {
      lines.write(in.readByte());
    }
    head = lines.toString(StandardCharsets.US_ASCII);
    status = head.substring(9, 12);
  }

  String status() {
    return status;
  }

  String head() {
    return head;
  }

  RawSocket send(String text) throws IOException {
    return frame(TEXT, true, text.getBytes(StandardCharsets.UTF_8));
  }

  RawSocket frame(int opcode, boolean last, byte[] payload) throws IOException {
    var frame = new ByteArrayOutputStream();
    frame.write((last ? 0x80 : 0) | opcode);
    if (payload.length < 126) {
      frame.write(0x80 | payload.length);
    } else if (payload.length < 65536) {
      frame.write(0x80 | 126);
      frame.write(payload.length >> 8);
      frame.write(payload.length);
    } else {
      frame.write(0x80 | 127);
      frame.writeBytes(ByteBuffer.allocate(8).putLong(payload.length).array());
    }
    byte[] mask = {1, 2, 3, 4};
    frame.writeBytes(mask);
    for (int i = 0; i < payload.length; i++) {
      frame.write(payload[i] ^ mask[i % 4]);
    }
    out.write(frame.toByteArray());
    return this;
  }

  RawSocket close(int code, String reason) throws IOException {
    var payload = new ByteArrayOutputStream();
    payload.write(code >> 8);
    payload.write(code);
    payload.writeBytes(reason.getBytes(StandardCharsets.UTF_8));
    return frame(CLOSE, true, payload.toByteArray());
  }

  Frame read() throws IOException {
    int opcode = in.readUnsignedByte() & 0x0f;
    long length = in.readUnsignedByte();
    length = length == 126 ? in.readUnsignedShort() : length == 127 ? in.readLong() : length;
    byte[] payload = new byte[(int) length];
    in.readFully(payload);
    return new Frame(opcode, Buffer.buffer(payload));
  }

  /** The next message with that text in it; others before it are passed over. */
  Frame await(String part) throws IOException {
    var seen = new ArrayList<String>();
    while (true) {
      Frame frame = read();
      if (frame.opcode() == CLOSE) {
        throw new AssertionError("closed: " + frame.close() + " after " + seen);
      }
      if (frame.text().contains(part)) {
        return frame;
      }
      seen.add(frame.text());
    }
  }

  /** Waits for the end: code and reason, or 1006. */
  String awaitClose() throws IOException {
    try {
      while (true) {
        Frame frame = read();
        if (frame.opcode() == CLOSE) {
          return frame.close();
        }
      }
    } catch (EOFException | SocketException e) {
      return "1006";
    }
  }

  /** Ends the connection without a close frame, by a reset. */
  void reset() throws IOException {
    socket.setSoLinger(true, 0);
    socket.close();
  }

  static String ask(String text) {
    return new JsonObject()
        .put(
            "clientContent",
            new JsonObject()
                .put(
                    "turns",
                    List.of(
                        new JsonObject()
                            .put("role", "user")
                            .put("parts", List.of(new JsonObject().put("text", text)))))
                .put("turnComplete", true))
        .encode();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
