package io.livegate.relay;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * However the bytes come, the same is found in them, the same bytes are handed on, and no buffer is
 * kept.
 */
class FrameReaderTest {

  private static final int MAX = 1 << 20;
  private static final int FIN = 0x80;

  /** Every buffer that a reader was given. */
  private final List<ByteBuf> given = new ArrayList<>();

  /** What a reader found, as text that can be compared. */
  private static final class Found implements FrameReader.Sink {
    private final List<String> all = new ArrayList<>();
    private final ByteArrayOutputStream passed = new ByteArrayOutputStream();
    private int mostPieces;

    @Override
    public void message(Message message) {
      byte[] content = message.content();
      assertEquals(content.length, message.size());
      mostPieces = Math.max(mostPieces, message.pieces());
      all.add((message.isText() ? "text " : "binary ") + base64(content));
      message.handOver(
          bytes -> {
            byte[] copy = new byte[bytes.readableBytes()];
            bytes.readBytes(copy);
            passed.writeBytes(copy);
            bytes.release();
          });
    }

    @Override
    public void pinged(byte[] payload) {
      all.add("ping " + base64(payload));
    }

    @Override
    public void ponged(byte[] payload) {
      all.add("pong " + base64(payload));
    }

    @Override
    public void closing(int code, String reason) {
      all.add("close " + code + " " + reason);
    }

    @Override
    public void violation(int code, String reason) {
      all.add("violation " + code + " " + reason);
    }

    private static String base64(byte[] bytes) {
      return Base64.getEncoder().encodeToString(bytes);
    }
  }

  /** Frames as they stand on the wire, those of messages and all. */
  private static final class Frames {
    private final boolean masked;
    private final Random random;
    private final ByteArrayOutputStream all = new ByteArrayOutputStream();
    private final ByteArrayOutputStream messages = new ByteArrayOutputStream();
    private final List<String> expected = new ArrayList<>();

    Frames(boolean masked, long seed) {
      this.masked = masked;
      this.random = new Random(seed);
    }

    Frames frame(int first, byte[] payload) {
      byte[] mask = masked ? bytes(4) : new byte[0];
      byte[] frame = FrameReaderTest.frame(first, payload, mask);
      all.writeBytes(frame);
      if ((first & 0x0f) < FrameReader.CLOSE) {
        messages.writeBytes(frame);
      }
      return this;
    }

    /** A message in that many fragments, with pings and pongs between them. */
    Frames message(boolean text, int size, int fragments) {
      byte[] content = bytes(size);
      int at = 0;
      for (int i = 0; i < fragments; i++) {
        boolean last = i == fragments - 1;
        int end = last ? size : at + random.nextInt(size - at + 1);
        int opcode = i > 0 ? 0 : text ? FrameReader.TEXT : FrameReader.BINARY;
        frame((last ? FIN : 0) | opcode, Arrays.copyOfRange(content, at, end));
        at = end;
        if (!last && random.nextInt(3) == 0) {
          ping(random.nextInt(126));
          pong(random.nextInt(126));
        }
      }
      expected.add((text ? "text " : "binary ") + Found.base64(content));
      return this;
    }

    Frames ping(int size) {
      byte[] payload = bytes(size);
      expected.add("ping " + Found.base64(payload));
      return frame(FIN | FrameReader.PING, payload);
    }

    Frames pong(int size) {
      byte[] payload = bytes(size);
      expected.add("pong " + Found.base64(payload));
      return frame(FIN | FrameReader.PONG, payload);
    }

    Frames close(int code, String reason) {
      expected.add("close " + code + " " + reason);
      return frame(FIN | FrameReader.CLOSE, closing(code, reason));
    }

    private byte[] bytes(int size) {
      byte[] bytes = new byte[size];
      random.nextBytes(bytes);
      return bytes;
    }
  }

  private static byte[] closing(int code, String reason) {
    byte[] text = reason.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocate(2 + text.length).putShort((short) code).put(text).array();
  }

  private static byte[] frame(int first, byte[] payload, byte... mask) {
    byte[] header = header(first, payload.length, mask);
    byte[] frame = Arrays.copyOf(header, header.length + payload.length);
    for (int i = 0; i < payload.length; i++) {
      int key = mask.length == 0 ? 0 : mask[i % 4];
      frame[header.length + i] = (byte) (payload[i] ^ key);
    }
    return frame;
  }

  private static byte[] header(int first, long size, byte... mask) {
    var header = new ByteArrayOutputStream();
    int masked = mask.length == 0 ? 0 : 0x80;
    header.write(first);
    if (size < 126) {
      header.write(masked | (int) size);
    } else if (size < 65536) {
      header.write(masked | 126);
      header.writeBytes(ByteBuffer.allocate(2).putShort((short) size).array());
    } else {
      header.write(masked | 127);
      header.writeBytes(ByteBuffer.allocate(8).putLong(size).array());
    }
    header.writeBytes(mask);
    return header.toByteArray();
  }

  /** Sizes around every limit of the format, and whatever may stand between messages. */
  private static Frames conversation(boolean masked) {
    var frames = new Frames(masked, 1);
    for (int size : List.of(0, 1, 2, 3, 4, 5, 7, 8, 9, 125, 126, 127, 1000, 65535, 65536, 70_001)) {
      frames.message(size % 2 == 0, size, 1).ping(Math.min(size, 125));
    }
    for (int fragments = 2; fragments < 20; fragments++) {
      frames.message(fragments % 2 == 0, 40 * fragments, fragments);
    }
    return frames.message(true, 0, 3).message(false, 200_000, 5).close(4000, "fr\u00fch genug");
  }

  private void read(FrameReader reader, byte[] bytes) {
    var buffer = Unpooled.buffer(bytes.length).writeBytes(bytes);
    given.add(buffer);
    reader.read(buffer);
    buffer.release();
  }

  private void read(FrameReader reader, byte[] bytes, int size) {
    for (int at = 0; at < bytes.length; at += size) {
      read(reader, Arrays.copyOfRange(bytes, at, Math.min(bytes.length, at + size)));
    }
  }

  @AfterEach
  void everyBufferIsReleased() {
    assertTrue(!given.isEmpty());
    for (ByteBuf buffer : given) {
      assertEquals(0, buffer.refCnt());
    }
  }

  private static void allFound(Frames frames, Found found) {
    assertEquals(frames.expected, found.all);
    assertArrayEquals(frames.messages.toByteArray(), found.passed.toByteArray());
  }

  // --- The same, however it comes

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void allAtOnce(boolean masked) {
    var frames = conversation(masked);
    var found = new Found();
    read(new FrameReader(masked, MAX, found), frames.all.toByteArray());
    allFound(frames, found);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void byteByByte(boolean masked) {
    var frames = new Frames(masked, 2);
    for (int size : List.of(0, 1, 3, 4, 5, 125, 126, 1000)) {
      frames.message(size % 2 == 1, size, 1).ping(size % 126).message(false, size, 4);
    }
    frames.close(1000, "");
    var found = new Found();
    read(new FrameReader(masked, MAX, found), frames.all.toByteArray(), 1);
    allFound(frames, found);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 3, 5, 13, 14, 15, 127, 4096, 65_536})
  void inPiecesOfOneSize(int size) {
    for (boolean masked : List.of(true, false)) {
      var frames = conversation(masked);
      var found = new Found();
      read(new FrameReader(masked, 16 * MAX, found), frames.all.toByteArray(), size);
      allFound(frames, found);
    }
  }

  @Test
  void inPiecesOfAnySize() {
    for (int seed = 0; seed < 300; seed++) {
      var random = new Random(seed);
      boolean masked = random.nextBoolean();
      var frames = new Frames(masked, seed);
      for (int i = random.nextInt(12); i >= 0; i--) {
        int size = random.nextInt(1 << random.nextInt(15));
        frames.message(random.nextBoolean(), size, 1 + random.nextInt(6));
        if (random.nextBoolean()) {
          frames.ping(random.nextInt(126));
        }
      }
      frames.close(1000 + random.nextInt(4), "seed " + seed);
      var found = new Found();
      var reader = new FrameReader(masked, MAX, found);
      byte[] bytes = frames.all.toByteArray();
      int most = 1 << (3 + random.nextInt(12));
      for (int at = 0; at < bytes.length; ) {
        int end = Math.min(bytes.length, at + random.nextInt(most));
        read(reader, Arrays.copyOfRange(bytes, at, end));
        at = end;
      }
      allFound(frames, found);
    }
  }

  /**
   * The buffers of TLS and of a socket are of many kinds, and need not begin at their beginning.
   */
  @Test
  void outOfAnyKindOfBuffer() {
    var frames = new Frames(true, 3).message(true, 300, 1).message(false, 5000, 3).close(1001, "");
    byte[] bytes = frames.all.toByteArray();
    var direct = Unpooled.directBuffer(bytes.length + 5).writeBytes(new byte[5]).writeBytes(bytes);
    direct.skipBytes(5);
    CompositeByteBuf composite = Unpooled.compositeBuffer();
    for (int at = 0; at < bytes.length; at += 700) {
      int n = Math.min(700, bytes.length - at);
      composite.addComponent(true, Unpooled.copiedBuffer(bytes, at, n));
    }
    for (ByteBuf buffer : List.of(direct, composite)) {
      given.add(buffer);
      var found = new Found();
      new FrameReader(true, MAX, found).read(buffer);
      buffer.release();
      allFound(frames, found);
    }
  }

  @Test
  void aMaskGoesOnFromPieceToPiece() {
    byte[] content = "all that is gold does not glitter".getBytes(StandardCharsets.UTF_8);
    byte[] frame = frame(FIN | FrameReader.TEXT, content, (byte) 1, (byte) 0, (byte) -1, (byte) 77);
    for (int first = 6; first < frame.length; first++) {
      for (int second = first; second < frame.length; second++) {
        var found = new Found();
        var reader = new FrameReader(true, MAX, found);
        read(reader, Arrays.copyOfRange(frame, 0, first));
        read(reader, Arrays.copyOfRange(frame, first, second));
        read(reader, Arrays.copyOfRange(frame, second, frame.length));
        assertEquals(List.of("text " + Found.base64(content)), found.all);
      }
    }
  }

  // --- The limits

  @Test
  void aMessageMayBeAsLargeAsTheLimitAndNoLarger() {
    var frames = new Frames(true, 4).message(true, MAX, 1).message(false, MAX, 6);
    var found = new Found();
    read(new FrameReader(true, MAX, found), frames.all.toByteArray(), 50_000);
    allFound(frames, found);

    for (long size : new long[] {MAX + 1, 1L << 40, Long.MAX_VALUE}) {
      var refused = new Found();
      read(new FrameReader(false, MAX, refused), header(FIN | FrameReader.BINARY, size));
      assertEquals(List.of("violation 1009 the message is too large"), refused.all);
    }
  }

  @Test
  void fragmentsAreCountedTogether() {
    var found = new Found();
    var reader = new FrameReader(false, MAX, found);
    read(reader, frame(FrameReader.BINARY, new byte[MAX / 2]));
    read(reader, frame(0, new byte[MAX / 2]));
    assertEquals(MAX, reader.collected());
    read(reader, header(0, 1));
    assertEquals(List.of("violation 1009 the message is too large"), found.all);
    assertEquals(0, reader.collected());
  }

  /** What a piece costs is more than its bytes. */
  @Test
  void aFloodOfPiecesIsBounded() {
    byte[] empty = frame(0, new byte[0]);
    byte[] single = frame(0, new byte[1]);
    for (byte[] piece : List.of(empty, single)) {
      var found = new Found();
      var reader = new FrameReader(false, MAX, found);
      read(reader, frame(FrameReader.BINARY, new byte[1]));
      int pieces = 1;
      while (found.all.isEmpty() && pieces < 100_000) {
        read(reader, piece);
        pieces++;
      }
      assertEquals(List.of("violation 1009 the message comes in too many pieces"), found.all);
      assertTrue(pieces * 100 < MAX, "pieces " + pieces);
    }

    // One frame whose bytes trickle in is no different.
    var found = new Found();
    var reader = new FrameReader(false, MAX, found);
    read(reader, header(FIN | FrameReader.TEXT, 100_000));
    for (int i = 0; i < 100_000 && found.all.isEmpty(); i++) {
      read(reader, new byte[1]);
    }
    assertEquals(List.of("violation 1009 the message comes in too many pieces"), found.all);
  }

  // --- The end

  /** After a violation nothing is found any more, whatever comes. */
  @Test
  void nothingIsFoundAfterAViolation() {
    var frames = new Frames(true, 5).message(true, 10, 1).ping(3);
    for (int first : new int[] {FIN | 3, FIN | 0x40 | FrameReader.TEXT, FIN}) {
      var found = new Found();
      var reader = new FrameReader(true, MAX, found);
      read(reader, frame(first, new byte[2], new byte[4]));
      assertEquals(1, found.all.size());
      assertTrue(found.all.get(0).startsWith("violation 1002 "), found.all::toString);
      read(reader, frames.all.toByteArray());
      read(reader, frames.all.toByteArray(), 1);
      assertEquals(1, found.all.size());
    }
  }

  @Test
  void nothingIsFoundAfterAClose() {
    var frames = new Frames(false, 6).close(1000, "done").ping(3).message(true, 5, 1);
    var found = new Found();
    read(new FrameReader(false, MAX, found), frames.all.toByteArray());
    assertEquals(List.of("close 1000 done"), found.all);
  }

  @Test
  void whatIsNotWholeIsForgottenAtTheEnd() {
    byte[] frame = frame(FIN | FrameReader.TEXT, new byte[300]);
    for (int size : IntStream.range(1, frame.length).toArray()) {
      var found = new Found();
      var reader = new FrameReader(false, MAX, found);
      read(reader, frame(FrameReader.BINARY, new byte[7]));
      read(reader, frame(FIN | FrameReader.PING, new byte[0]));
      read(reader, frame(0, new byte[9]));
      read(reader, Arrays.copyOfRange(frame(0, new byte[300]), 0, size));
      reader.stop();
      reader.stop();
      read(reader, frame);
      assertEquals(List.of("ping "), found.all);
      assertEquals(0, reader.collected());
    }
  }

  /** Who closed still waits for the answer, behind whatever else comes, and keeps none of that. */
  @Test
  void messagesCanBeDiscardedUntilTheClose() {
    var rest = new Frames(false, 7).message(true, 5000, 1).message(false, 100_000, 7).ping(4);
    var found = new Found();
    var reader = new FrameReader(false, MAX, found);
    read(reader, frame(FrameReader.BINARY, new byte[900]));
    ByteBuf kept = given.get(0);
    assertEquals(1, kept.refCnt());
    reader.discard();
    assertEquals(0, kept.refCnt());

    read(reader, frame(FIN, new byte[1000]));
    read(reader, rest.all.toByteArray(), 333);
    read(reader, frame(FIN | FrameReader.CLOSE, closing(1001, "at last")));
    var expected = new ArrayList<String>();
    rest.expected.stream().filter(event -> event.startsWith("ping")).forEach(expected::add);
    expected.add("close 1001 at last");
    assertEquals(expected, found.all);
    assertEquals(0, found.passed.size());
  }

  /** It is the cheap case, and the usual one. */
  @Test
  void aWholeFrameIsNotTakenApart() {
    var found = new Found();
    read(
        new FrameReader(true, MAX, found),
        frame(FIN | FrameReader.BINARY, new byte[70_000], (byte) 1, (byte) 2, (byte) 3, (byte) 4));
    assertEquals(1, found.mostPieces);
  }
}
