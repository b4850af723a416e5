package io.livegate.simulator;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/**
 * Something the service does to a connection out of turn. The JSON form of each is given with it.
 */
public sealed interface Action {
  /** {@code {"do":"close","code":1011,"reason":"..."}}: a close frame. */
  record Close(int code, String reason) implements Action {
    public Close {
      boolean reserved = code == 1004 || code == 1005 || code == 1006 || code == 1015;
      if (code < 1000 || code > 4999 || reserved) {
        throw new IllegalArgumentException(code + " cannot be sent in a close frame");
      }
    }
  }

  /** {@code {"do":"silence"}}: from now on nothing is answered and nothing sent. */
  record Silence() implements Action {}

  /** {@code {"do":"reset"}}: the TCP connection is reset; the client sees 1006 or an error. */
  record Reset() implements Action {}

  /**
   * {@code {"do":"goAway","timeLeftMs":5000,"close":{"code":1011,"reason":"..."}}}: the warning,
   * and when the time is over the close, if one is given.
   */
  record GoAway(Duration timeLeft, Optional<Close> close) implements Action {}

  /** {@code {"do":"pauseReading"}}: the client's bytes are left in the socket, its pings too. */
  record PauseReading() implements Action {}

  /** {@code {"do":"resumeReading"}}: ends {@link PauseReading}. */
  record ResumeReading() implements Action {}

  /**
   * {@code {"do":"burst","count":100,"bytes":40000}}: audio messages of that size, as fast as the
   * client takes them.
   */
  record Burst(int count, int bytes) implements Action {}

  /** {@code {"do":"send","messages":[{...}]}}: server messages, word for word. */
  record Send(List<JsonObject> messages) implements Action {
    public Send {
      messages = List.copyOf(messages);
    }
  }

  /**
   * {@code {"do":"bytes","base64":"..."}}: bytes on the connection as they are, below WebSocket;
   * for frames that the service does not send.
   */
  record Bytes(Buffer bytes) implements Action {}

  /** Reads an action's JSON form. */
  static Action fromJson(JsonObject json) {
    String name = json.getString("do", "");
    return switch (name) {
      case "close" -> close(json);
      case "silence" -> new Silence();
      case "reset" -> new Reset();
      case "goAway" ->
          new GoAway(
              Duration.ofMillis(json.getLong("timeLeftMs", 50_000L)),
              Optional.ofNullable(json.getJsonObject("close")).map(Action::close));
      case "pauseReading" -> new PauseReading();
      case "resumeReading" -> new ResumeReading();
      case "burst" -> new Burst(json.getInteger("count", 100), json.getInteger("bytes", 40_000));
      case "send" ->
          new Send(
              json.getJsonArray("messages").stream().map(message -> (JsonObject) message).toList());
      case "bytes" ->
          new Bytes(Buffer.buffer(Base64.getDecoder().decode(json.getString("base64"))));
      default -> throw new IllegalArgumentException("unknown action \"" + name + "\"");
    };
  }

  private static Close close(JsonObject json) {
    return new Close(json.getInteger("code", 1011), json.getString("reason", ""));
  }
}
