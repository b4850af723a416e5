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
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;

/** A WebSocket client that sends whatever frames it is told to. */
final class RawSocket implements AutoCloseable {

  static final int TEXT = 1;
  static final int BINARY = 2;
  static final int CLOSE = 8;
  static final int PING = 9;
  static final int PONG = 10;

  /** A whole frame as it came, or a message in one. */
  record Frame(int opcode, boolean last, Buffer payload) {
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

  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final byte[] MASK = {1, 2, 3, 4};
  private static final Pattern CONTENT_LENGTH = Pattern.compile("(?i)content-length: *([0-9]+)");

  private final Socket socket;
  private final DataInputStream in;
  private final OutputStream out;
  private final String status;
  private final String head;
  private boolean mute;

  /** Connects; whether that is accepted is in {@link #status}. */
  RawSocket(int port, String path, String... headers) throws IOException {
    socket = new Socket("localhost", port);
    socket.setSoTimeout((int) PATIENCE.toMillis());
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

  /** What came with a refusal. */
  JsonObject problem() throws IOException {
    var length = CONTENT_LENGTH.matcher(head);
    if (!length.find()) {
      throw new AssertionError("no body: " + head);
    }
    byte[] body = new byte[Integer.parseInt(length.group(1))];
    in.readFully(body);
    return new JsonObject(Buffer.buffer(body));
  }

  RawSocket send(String text) throws IOException {
    return frame(TEXT, true, text.getBytes(StandardCharsets.UTF_8));
  }

  RawSocket frame(int opcode, boolean last, byte[] payload) throws IOException {
    return bytes(frame((last ? 0x80 : 0) | opcode, payload, MASK));
  }

  /** Sends bytes as they are. */
  RawSocket bytes(byte... bytes) throws IOException {
    out.write(bytes);
    return this;
  }

  /**
   * A frame.
   *
   * @param first the byte with the bits and the opcode
   * @param mask four bytes, or none
   */
  static byte[] frame(int first, byte[] payload, byte... mask) {
    byte[] header = header(first, payload.length, mask);
    byte[] frame = Arrays.copyOf(header, header.length + payload.length);
    for (int i = 0; i < payload.length; i++) {
      int key = mask.length == 0 ? 0 : mask[i % mask.length];
      frame[header.length + i] = (byte) (payload[i] ^ key);
    }
    return frame;
  }

  /** The beginning of a frame that says how long it will be. */
  static byte[] header(int first, long length, byte... mask) {
    var header = new ByteArrayOutputStream();
    int masked = mask.length == 0 ? 0 : 0x80;
    header.write(first);
    if (length >= 0 && length < 126) {
      header.write(masked | (int) length);
    } else if (length >= 0 && length < 65536) {
      header.write(masked | 126);
      header.write((int) (length >> 8));
      header.write((int) length);
    } else {
      header.write(masked | 127);
      header.writeBytes(ByteBuffer.allocate(8).putLong(length).array());
    }
    header.writeBytes(mask);
    return header.toByteArray();
  }

  RawSocket close(int code, String reason) throws IOException {
    return frame(CLOSE, true, closing(code, reason));
  }

  /** What a close frame holds. */
  static byte[] closing(int code, String reason) {
    return Buffer.buffer().appendShort((short) code).appendString(reason).getBytes();
  }

  /** From now on pings are not answered. */
  RawSocket mute() {
    mute = true;
    return this;
  }

  /** The next frame. */
  Frame read() throws IOException {
    int first = in.readUnsignedByte();
    long length = in.readUnsignedByte();
    length = length == 126 ? in.readUnsignedShort() : length == 127 ? in.readLong() : length;
    byte[] payload = new byte[(int) length];
    in.readFully(payload);
    return new Frame(first & 0x0f, first >= 0x80, Buffer.buffer(payload));
  }

  /** The next message, in however many frames it comes, or close; pings before it are answered. */
  Frame message() throws IOException {
    Buffer content = Buffer.buffer();
    int opcode = 0;
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      if (System.nanoTime() > deadline) {
        throw new SocketTimeoutException("nothing but pings");
      }
      Frame frame = read();
      switch (frame.opcode()) {
        case PING -> {
          if (!mute) {
            frame(PONG, true, frame.payload().getBytes());
          }
        }
        case PONG -> {}
        case CLOSE -> {
          return frame;
        }
        default -> {
          opcode = frame.opcode() == 0 ? opcode : frame.opcode();
          content.appendBuffer(frame.payload());
          if (frame.last()) {
            return new Frame(opcode, true, content);
          }
        }
      }
    }
  }

  /** The next message with that text in it; others before it are passed over. */
  Frame await(String part) throws IOException {
    var seen = new ArrayList<String>();
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (true) {
      Frame frame = message();
      if (frame.opcode() == CLOSE) {
        throw new AssertionError("closed: " + frame.close() + " after " + seen);
      }
      if (System.nanoTime() > deadline) {
        throw new AssertionError(part + " does not come, but " + seen);
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
        Frame frame = message();
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
