package io.livegate.relay;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.EventLoop;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.Future;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.NetSocket;
import io.vertx.core.net.impl.ConnectionBase;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * One side of a session: whole messages in and out of a WebSocket, with back-pressure. To be used
 * on the socket's event loop only.
 *
 * <p>It speaks frames itself, on the channel below Vert.x' socket, and is with {@link FrameReader}
 * the only class that does. What passes is written as the very buffers that were read: a frame is
 * not decoded, copied to the heap, masked again and encoded, which is a third of the work of a
 * relay of large messages on Vert.x' own WebSockets. {@code quarkus-websockets-next} can neither
 * pause a connection nor tell that one is full, so that a relay on it would hold in memory whatever
 * the slower side has not taken. Frames of clients go on masked with the keys that the clients
 * drew, as through any tunnel.
 */
// A write or close that fails ends the connection, which is told by channelInactive.
@SuppressWarnings("FutureReturnValueIgnored")
final class Leg extends ChannelInboundHandlerAdapter implements FrameReader.Sink {

  /** What happens on a leg. */
  interface Listener {
    /** A whole message came, which is the listener's from now on. */
    void received(Message message);

    /** Nothing more has come for now; what was sent elsewhere may be flushed. */
    void pausing();

    /** There is room again after {@link Leg#isFull}. */
    void drained();

    /** The other end has read what was sent before {@link Leg#fence}. */
    default void read(long number) {}

    /** The other end closed, with 1005 for no code and 1006 for no close at all. Once, and last. */
    void closed(int code, String reason);

    /** What came breaks the protocol or a limit; nothing more will be received. */
    void violated(int code, String reason);
  }

  /** How long the other end may take to answer a close. */
  private static final int CLOSING_SECONDS = 5;

  private static final Logger LOG = Logger.getLogger(Leg.class);
  private static final SecureRandom RANDOM = new SecureRandom();

  private final boolean server;
  private final Listener listener;
  private final FrameReader reader;
  private ChannelHandlerContext context;
  private boolean unflushed;
  private long heard = System.nanoTime();
  private boolean paused;

  /** The listener hears no more. */
  private boolean ended;

  /** Closed from this side, and what the other end still sends is heard. */
  private boolean finishing;

  /** What comes cannot be understood any more. */
  private boolean deaf;

  private Leg(ChannelHandlerContext context, boolean server, long maxMessage, Listener listener) {
    this.context = context;
    this.server = server;
    this.listener = listener;
    this.reader = new FrameReader(server, maxMessage, this);
  }

  /** The side on which this gateway is the server. */
  static Leg ofClient(NetSocket socket, long maxMessage, Listener listener) {
    return attached((ConnectionBase) socket, true, maxMessage, listener);
  }

  /** The side on which this gateway is the client. */
  static Leg ofServer(HttpConnection connection, long maxMessage, Listener listener) {
    return attached((ConnectionBase) connection, false, maxMessage, listener);
  }

  private static Leg attached(
      ConnectionBase connection, boolean server, long maxMessage, Listener listener) {
    ChannelHandlerContext vertx = connection.channelHandlerContext();
    if (!vertx.channel().eventLoop().inEventLoop()) {
      throw new IllegalStateException("both legs of a session live on one event loop");
    }
    var leg = new Leg(vertx, server, maxMessage, listener);
    vertx.pipeline().addBefore(vertx.name(), "livegate", leg);
    return leg;
  }

  /** The end of the connection. */
  Future<?> whenGone() {
    return context.channel().closeFuture();
  }

  /** The event loop that it lives on. */
  EventLoop loop() {
    return context.channel().eventLoop();
  }

  // --- What comes

  @Override
  public void handlerAdded(ChannelHandlerContext added) {
    context = added;
  }

  @Override
  public void channelRead(ChannelHandlerContext ctx, Object read) {
    heard = System.nanoTime();
    try {
      // The end of the request that opened it passes here, too.
      if (!deaf && read instanceof ByteBuf bytes) {
        reader.read(bytes);
      }
    } finally {
      ReferenceCountUtil.release(read);
    }
  }

  @Override
  public void channelReadComplete(ChannelHandlerContext ctx) {
    flush();
    if (!ended) {
      listener.pausing();
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext ctx) {
    if (!ended && ctx.channel().isWritable()) {
      // Who takes what was sent is there, even if the answer to a ping waits behind all of it.
      heard = System.nanoTime();
      listener.drained();
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext ctx) {
    over(1006, "");
    reader.stop();
    ctx.fireChannelInactive();
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
    // A connection that was reset, for one; its end is told by channelInactive.
    LOG.debug("A connection of a session failed", cause);
    ctx.close();
  }

  @Override
  public void message(Message message) {
    if (ended) {
      message.release();
    } else {
      listener.received(message);
    }
  }

  @Override
  public void pinged(byte[] payload) {
    // Who sends more pings than it reads pongs gets none: RFC 6455 asks for the latest only.
    if (!ended && context.channel().isWritable()) {
      write(FrameReader.PONG, payload);
    }
  }

  @Override
  public void ponged(byte[] payload) {
    if (!ended && payload.length == Long.BYTES) {
      listener.read(ByteBuffer.wrap(payload).getLong());
    }
  }

  @Override
  public void closing(int code, String reason) {
    if (ended || finishing) {
      over(code, reason);
      context.close();
      return;
    }
    over(code, reason);
    ChannelFuture answer =
        write(
            FrameReader.CLOSE,
            code == FrameReader.NO_CODE ? new byte[0] : closePayload(code, reason));
    if (server) {
      answer.addListener(ChannelFutureListener.CLOSE);
    }
    hangUp();
  }

  @Override
  public void violation(int code, String reason) {
    deaf = true;
    if (!ended) {
      listener.violated(code, reason);
    }
  }

  private void over(int code, String reason) {
    if (!ended) {
      ended = true;
      listener.closed(code, reason);
    }
  }

  // --- What goes

  /** Sends a message that came on the other leg, as it came; {@link #flush} has it leave. */
  void send(Message message) {
    if (ended) {
      message.release();
      return;
    }
    message.handOver(bytes -> context.write(bytes, context.voidPromise()));
    unflushed = true;
  }

  /** Sends a text message of our own. */
  void sendText(String text) {
    send(true, text.getBytes(StandardCharsets.UTF_8));
    flush();
  }

  /** Sends a binary message of our own, as Google sends its JSON. */
  void sendBinary(String text) {
    send(false, text.getBytes(StandardCharsets.UTF_8));
    flush();
  }

  /** Sends a message in one frame; {@link #flush} has it leave. */
  void send(boolean text, byte[] content) {
    if (!ended) {
      write(text ? FrameReader.TEXT : FrameReader.BINARY, server ? content : content.clone());
    }
  }

  void ping() {
    if (!ended) {
      write(FrameReader.PING, new byte[0]);
      flush();
    }
  }

  /** Has the other end tell when it has read all that was sent so far: by the answer to a ping. */
  void fence(long number) {
    if (!ended) {
      write(FrameReader.PING, ByteBuffer.allocate(Long.BYTES).putLong(number).array());
    }
  }

  void flush() {
    if (unflushed) {
      unflushed = false;
      context.flush();
    }
  }

  private ChannelFuture write(int opcode, byte[] payload) {
    int size = payload.length;
    int masked = server ? 0 : 0x80;
    ByteBuf frame = context.alloc().buffer(size + 14);
    frame.writeByte(0x80 | opcode);
    if (size < 126) {
      frame.writeByte(masked | size);
    } else if (size < 65536) {
      frame.writeByte(masked | 126).writeShort(size);
    } else {
      frame.writeByte(masked | 127).writeLong(size);
    }
    if (!server) {
      byte[] mask = new byte[4];
      RANDOM.nextBytes(mask);
      frame.writeBytes(mask);
      for (int i = 0; i < size; i++) {
        payload[i] ^= mask[i & 3];
      }
    }
    unflushed = true;
    return context.write(frame.writeBytes(payload));
  }

  private static byte[] closePayload(int code, String reason) {
    byte[] text = reason.getBytes(StandardCharsets.UTF_8);
    byte[] payload = new byte[2 + text.length];
    payload[0] = (byte) (code >> 8);
    payload[1] = (byte) code;
    System.arraycopy(text, 0, payload, 2, text.length);
    return payload;
  }

  /** Whether to stop sending until {@link Listener#drained}. */
  boolean isFull() {
    return !ended && !context.channel().isWritable();
  }

  /** Whether to read what comes, or leave it in the network. */
  void read(boolean on) {
    if (on == paused && !(ended && !on)) {
      paused = !on;
      // Nothing could be heard meanwhile.
      heard = System.nanoTime();
      context.channel().config().setAutoRead(on);
    }
  }

  /** When the last sign of life came, as {@link System#nanoTime}; now, while none can come. */
  long lastHeard() {
    return paused ? System.nanoTime() : heard;
  }

  /**
   * Bytes in memory: of a message that is not whole yet, and of what the other end has not taken.
   */
  long buffered() {
    ChannelOutboundBuffer out = context.channel().unsafe().outboundBuffer();
    return reader.collected() + (out == null ? 0 : out.totalPendingWriteBytes());
  }

  /**
   * Closes it from this side; the listener hears no more.
   *
   * @param code one that may be sent
   * @param reason at most 123 bytes
   */
  void close(int code, String reason) {
    if (ended) {
      return;
    }
    ended = true;
    reader.discard();
    if (finishing) {
      return;
    }
    write(FrameReader.CLOSE, closePayload(code, reason));
    // The answer is behind whatever else has not been read.
    read(true);
    hangUp();
  }

  /**
   * Closes it from this side, and goes on to hear what the other end sent before it learned of
   * that.
   */
  void finish(int code) {
    if (ended || finishing) {
      return;
    }
    finishing = true;
    write(FrameReader.CLOSE, closePayload(code, ""));
    read(true);
    hangUp();
  }

  /**
   * Ends the connection when the other end does, which it has some seconds for: ending it at once
   * could have the network throw away the close frame.
   */
  private void hangUp() {
    flush();
    var channel = context.channel();
    var timeout =
        channel
            .eventLoop()
            .schedule(
                () -> {
                  context.close();
                },
                CLOSING_SECONDS,
                TimeUnit.SECONDS);
    channel.closeFuture().addListener(closed -> timeout.cancel(false));
  }
}
