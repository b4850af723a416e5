package io.livegate.relay;

import io.netty.buffer.ByteBuf;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * One whole WebSocket message in the frames that it came in, ready to be sent on as they are. Its
 * buffers are the ones that were read from the network; whoever has the message last either passes
 * them on ({@link #handOver}) or releases them.
 */
final class Message {

  private static final byte QUOTE = '"';

  private static final VarHandle LONGS =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

  /**
   * A stretch of one frame.
   *
   * @param bytes as on the wire
   * @param payload where in them the payload begins, behind the frame's header
   * @param mask what each four bytes of the payload are masked with, from its first byte here on
   */
  private record Piece(ByteBuf bytes, int payload, int mask) {}

  private final boolean text;
  private final List<Piece> pieces = new ArrayList<>(1);
  private int size;

  /**
   * A message without content yet.
   *
   * @param text whether it is a text message, rather than a binary one
   */
  Message(boolean text) {
    this.text = text;
  }

  /** Adds what came of a frame. */
  void add(ByteBuf bytes, int payload, int mask) {
    pieces.add(new Piece(bytes, payload, mask));
    size += bytes.readableBytes() - payload;
  }

  boolean isText() {
    return text;
  }

  /** Bytes of content. */
  int size() {
    return size;
  }

  /** How many stretches of bytes it came in. */
  int pieces() {
    return pieces.size();
  }

  /** The content, unmasked, at the start of an array that is large enough. */
  void copyTo(byte[] array) {
    int at = 0;
    for (Piece piece : pieces) {
      int length = piece.bytes.readableBytes() - piece.payload;
      piece.bytes.getBytes(piece.bytes.readerIndex() + piece.payload, array, at, length);
      if (piece.mask != 0) {
        unmask(array, at, length, piece.mask);
      }
      at += length;
    }
  }

  byte[] content() {
    byte[] content = new byte[size];
    copyTo(content);
    return content;
  }

  private static void unmask(byte[] array, int start, int length, int mask) {
    long twice = (long) mask << 32 | (mask & 0xffffffffL);
    int at = start;
    int end = start + length;
    for (; at + 8 <= end; at += 8) {
      LONGS.set(array, at, (long) LONGS.get(array, at) ^ twice);
    }
    for (int i = 0; at < end; at++, i++) {
      array[at] ^= (byte) (mask >> (24 - 8 * (i & 3)));
    }
  }

  /** A name as it stands in JSON, with its quotes. */
  static byte[] quoted(String name) {
    return ("\"" + name + "\"").getBytes(StandardCharsets.US_ASCII);
  }

  /**
   * Which of some {@link #quoted} names stand anywhere in the content of an unmasked message, a bit
   * for each in their order. Goes from quote to quote: media, which is most of what passes, has
   * none.
   */
  int mentioned(List<byte[]> names) {
    int found = 0;
    for (int p = 0; p < pieces.size(); p++) {
      ByteBuf bytes = pieces.get(p).bytes;
      int end = bytes.writerIndex();
      int at = bytes.indexOf(bytes.readerIndex() + pieces.get(p).payload, end, QUOTE);
      while (at >= 0) {
        for (int name = 0; name < names.size(); name++) {
          if (stands(names.get(name), p, at)) {
            found |= 1 << name;
          }
        }
        at = bytes.indexOf(at + 1, end, QUOTE);
      }
    }
    return found;
  }

  private boolean stands(byte[] name, int piece, int start) {
    int p = piece;
    ByteBuf bytes = pieces.get(p).bytes;
    int at = start;
    for (byte expected : name) {
      while (at == bytes.writerIndex()) {
        if (++p == pieces.size()) {
          return false;
        }
        bytes = pieces.get(p).bytes;
        at = bytes.readerIndex() + pieces.get(p).payload;
      }
      if (bytes.getByte(at++) != expected) {
        return false;
      }
    }
    return true;
  }

  /** Hands its buffers over, in order. */
  void handOver(Consumer<ByteBuf> receiver) {
    for (Piece piece : pieces) {
      receiver.accept(piece.bytes);
    }
    pieces.clear();
  }

  void release() {
    handOver(ByteBuf::release);
  }
}
