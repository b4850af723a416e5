package io.livegate.relay;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Follows the frames of one direction of a WebSocket (RFC 6455 section 5) through the bytes that
 * come, and hands out whole messages without copying them. No extension is ever agreed on.
 */
final class FrameReader {

  static final int CONTINUATION = 0;
  static final int TEXT = 1;
  static final int BINARY = 2;
  static final int CLOSE = 8;
  static final int PING = 9;
  static final int PONG = 10;

  static final int PROTOCOL_ERROR = 1002;
  static final int INVALID_PAYLOAD = 1007;
  static final int TOO_BIG = 1009;

  /** The close code that stands for a close frame without one. */
  static final int NO_CODE = 1005;

  private static final int LONGEST_CONTROL = 125;

  /** About what it takes to remember one piece of a message, in bytes. */
  private static final int PIECE = 128;

  /** What is found; nothing more after a close or a violation. */
  interface Sink {
    /** A whole message, which is the sink's from now on. */
    void message(Message message);

    void pinged(byte[] payload);

    void ponged(byte[] payload);

    /** A close frame, with {@link #NO_CODE} where it names none. */
    void closing(int code, String reason);

    /** What came breaks the protocol or a limit. */
    void violation(int code, String reason);
  }

  private final boolean masked;
  private final long max;
  private final Sink sink;

  /** The header of the frame being read, in as far as it did not come at once. */
  private final byte[] header = new byte[14];

  private int headerSize;

  private @Nullable Message message;
  private boolean last;
  private long left;
  private int mask;
  private int read;

  private boolean discards;

  private int controlOpcode;
  private byte @Nullable [] control;
  private int controlSize;
  private boolean over;

  /**
   * Starts at the beginning of a frame.
   *
   * @param masked whether frames must be masked: those of clients are, those of servers are not
   * @param max the largest message, in bytes
   */
  FrameReader(boolean masked, long max, Sink sink) {
    this.masked = masked;
    this.max = max;
    this.sink = sink;
  }

  /** Bytes of the message that is not whole yet. */
  int collected() {
    return message == null ? 0 : message.size();
  }

  /** Reads what came; the buffer stays the caller's. */
  void read(ByteBuf in) {
    while (!over && in.isReadable()) {
      if (control != null) {
        readControl(in);
      } else if (left > 0) {
        readPayload(in);
      } else {
        readHeader(in);
      }
    }
  }

  /** Keeps nothing of messages from now on; what control frames say is told as before. */
  void discard() {
    discards = true;
    if (message != null) {
      message.release();
    }
  }

  /** Forgets what is not whole yet, and reads no more. */
  void stop() {
    over = true;
    if (message != null) {
      message.release();
      message = null;
    }
  }

  private void readPayload(ByteBuf in) {
    int n = (int) Math.min(left, in.readableBytes());
    add(in.readRetainedSlice(n), 0);
  }

  private void readHeader(ByteBuf in) {
    int start = in.readerIndex();
    if (headerSize == 0 && in.readableBytes() >= 2) {
      int length = headerLength(in.getByte(start + 1));
      if (in.readableBytes() >= length) {
        in.getBytes(start, header, 0, length);
        begin(length, in, start);
        return;
      }
    }
    header[headerSize++] = in.readByte();
    if (headerSize >= 2 && headerSize == headerLength(header[1])) {
      int length = headerSize;
      headerSize = 0;
      begin(length, Unpooled.copiedBuffer(header, 0, length), -1);
    }
  }

  private static int headerLength(byte second) {
    int length = (second & 0x7f) == 126 ? 4 : (second & 0x7f) == 127 ? 10 : 2;
    return (second & 0x80) == 0 ? length : length + 4;
  }

  /**
   * A frame begins.
   *
   * @param in where its header stands at the reader's index
   * @param start negative if only the header is in there
   */
  private void begin(int length, ByteBuf in, int start) {
    int opcode = header[0] & 0x0f;
    boolean fin = (header[0] & 0x80) != 0;
    long size = header[1] & 0x7f;
    if (size == 126) {
      size = ByteBuffer.wrap(header, 2, 2).getShort() & 0xffff;
    } else if (size == 127) {
      size = ByteBuffer.wrap(header, 2, 8).getLong();
    }
    String objection = objection(opcode, fin, size, length - (masked ? 4 : 0));
    if (objection != null) {
      violation(PROTOCOL_ERROR, objection);
      return;
    }
    mask = masked ? ByteBuffer.wrap(header, length - 4, 4).getInt() : 0;
    if (opcode >= CLOSE) {
      in.skipBytes(length);
      controlOpcode = opcode;
      control = new byte[(int) size];
      controlSize = 0;
      if (size == 0) {
        control();
      }
      return;
    }
    if (collected() + size > max) {
      violation(TOO_BIG, "the message is too large");
      return;
    }
    if (message == null) {
      message = new Message(opcode == TEXT);
    }
    last = fin;
    left = size;
    read = 0;
    int n = start < 0 ? 0 : (int) Math.min(size, in.readableBytes() - length);
    add(in.readRetainedSlice(length + n), length);
  }

  private @Nullable String objection(int opcode, boolean fin, long size, int lengthEnd) {
    if ((header[0] & 0x70) != 0) {
      return "reserved bits are set";
    }
    if ((opcode > BINARY && opcode < CLOSE) || opcode > PONG) {
      return "unknown opcode " + opcode;
    }
    if (((header[1] & 0x80) != 0) != masked) {
      return masked ? "frames of clients must be masked" : "frames of servers must not be masked";
    }
    if (opcode >= CLOSE) {
      return !fin
          ? "control frames must not be fragmented"
          : size > LONGEST_CONTROL ? "a control frame has at most 125 bytes" : null;
    }
    if (size < 0 || (lengthEnd == 4 && size < 126) || (lengthEnd == 10 && size < 65536)) {
      return "the length of a frame is not written as it must be";
    }
    if (opcode == CONTINUATION && message == null) {
      return "nothing to be continued";
    }
    return opcode != CONTINUATION && message != null ? "a message within another" : null;
  }

  private void add(ByteBuf bytes, int payload) {
    int n = bytes.readableBytes() - payload;
    if (message == null) {
      throw new IllegalStateException("a payload outside of a message");
    }
    if (discards) {
      bytes.release();
    } else {
      message.add(bytes, payload, Integer.rotateLeft(mask, 8 * (read & 3)));
    }
    read += n;
    left -= n;
    if ((long) message.pieces() * PIECE > max) {
      violation(TOO_BIG, "the message comes in too many pieces");
    } else if (left == 0 && last) {
      Message whole = message;
      message = null;
      if (!discards) {
        sink.message(whole);
      }
    }
  }

  private void readControl(ByteBuf in) {
    byte[] payload = control == null ? new byte[0] : control;
    int n = Math.min(payload.length - controlSize, in.readableBytes());
    in.readBytes(payload, controlSize, n);
    controlSize += n;
    if (controlSize == payload.length) {
      control();
    }
  }

  private void control() {
    byte[] payload = control == null ? new byte[0] : control;
    control = null;
    for (int i = 0; mask != 0 && i < payload.length; i++) {
      payload[i] ^= (byte) (mask >> (24 - 8 * (i & 3)));
    }
    switch (controlOpcode) {
      case PING -> sink.pinged(payload);
      case CLOSE -> close(payload);
      default -> sink.ponged(payload);
    }
  }

  private void close(byte[] payload) {
    if (payload.length == 0) {
      stop();
      sink.closing(NO_CODE, "");
      return;
    }
    int code = payload.length == 1 ? 0 : (payload[0] & 0xff) << 8 | (payload[1] & 0xff);
    if (!maySend(code)) {
      violation(PROTOCOL_ERROR, "a close frame without a valid code");
      return;
    }
    try {
      String reason =
          StandardCharsets.UTF_8
              .newDecoder()
              .decode(ByteBuffer.wrap(Arrays.copyOfRange(payload, 2, payload.length)))
              .toString();
      stop();
      sink.closing(code, reason);
    } catch (CharacterCodingException e) {
      violation(INVALID_PAYLOAD, "the reason of a close frame is not UTF-8");
    }
  }

  /** Which codes stand in close frames: RFC 6455 section 7.4 and the registry it founded. */
  private static boolean maySend(int code) {
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006)
        || (code >= 3000 && code <= 4999);
  }

  private void violation(int code, String reason) {
    stop();
    sink.violation(code, reason);
  }
}
