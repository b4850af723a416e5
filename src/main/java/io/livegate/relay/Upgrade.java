package io.livegate.relay;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.gemini.WebSocketKey;
import io.livegate.identity.Credentials;
import io.vertx.core.Future;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.NetSocket;
import java.util.stream.Stream;

/**
 * The server's part of a WebSocket's opening handshake (RFC 6455 section 4.2), which leaves the
 * bare connection. No extension is agreed on: media does not compress, and inflating it costs more
 * than the rest of the relay.
 */
record Upgrade(HttpServerRequest request, WebSocketKey key) {

  private static final String VERSION = "13";
  private static final String PROTOCOL = "Sec-WebSocket-Protocol";

  /**
   * What a request asks for.
   *
   * @throws GatewayException {@code invalid-request} that says what is wrong with it
   */
  static Upgrade of(HttpServerRequest request) {
    if (!request.method().equals(HttpMethod.GET)
        || values(request, HttpHeaders.UPGRADE).noneMatch("websocket"::equalsIgnoreCase)
        || values(request, HttpHeaders.CONNECTION).noneMatch("upgrade"::equalsIgnoreCase)) {
      throw refused("Only WebSocket connections are taken at this path.");
    }
    if (!VERSION.equals(request.getHeader("Sec-WebSocket-Version"))) {
      throw refused("The WebSocket version must be 13 (RFC 6455).");
    }
    String key = request.headers().get("Sec-WebSocket-Key");
    return WebSocketKey.of(key == null ? "" : key.strip())
        .map(found -> new Upgrade(request, found))
        .orElseThrow(() -> refused("Sec-WebSocket-Key must be 16 bytes in base64 (RFC 6455)."));
  }

  /** Accepts it. The connection is read from at once, so whoever takes it must do so at once. */
  Future<NetSocket> accept() {
    var answer = request.response().headers();
    answer.set(HttpHeaders.UPGRADE, "websocket");
    answer.set(HttpHeaders.CONNECTION, "Upgrade");
    answer.set("Sec-WebSocket-Accept", key.accept());
    // A browser that offers subprotocols wants one of them chosen.
    if (values(request, PROTOCOL).anyMatch(Credentials.SUBPROTOCOL::equals)) {
      answer.set(PROTOCOL, Credentials.SUBPROTOCOL);
    }
    return request.toNetSocket();
  }

  private static Stream<String> values(HttpServerRequest request, CharSequence header) {
    return request.headers().getAll(header).stream()
        .flatMap(line -> Stream.of(line.split(",", -1)))
        .map(String::strip);
  }

  private static GatewayException refused(String detail) {
    return new GatewayException(ErrorCode.INVALID_REQUEST, detail);
  }
}
