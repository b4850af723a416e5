package io.livegate.simulator;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelOption;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.impl.ConnectionBase;

/** The TCP connection below a request or WebSocket, for what Vert.x has no word for. */
record Wire(Channel channel) {

  static Wire of(HttpServerRequest request) {
    return new Wire(((ConnectionBase) request.connection()).channel());
  }

  /** Writes bytes as they are: the encoder of WebSocket frames leaves alone what is none. */
  void write(Buffer bytes) {
    var unused =
        channel.writeAndFlush(Unpooled.wrappedBuffer(bytes.getBytes()), channel.voidPromise());
  }

  /** Whether to take what comes, or leave it in the socket. */
  void read(boolean on) {
    channel.config().setAutoRead(on);
  }

  /** Ends it with a reset. Vert.x' handlers are passed by; they would send a close frame first. */
  void cut() {
    channel.config().setOption(ChannelOption.SO_LINGER, 0);
    channel.unsafe().close(channel.voidPromise());
  }
}
