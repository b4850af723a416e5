package io.livegate.image;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/** Somebody who gets a token for the relay and talks with it, as every caller does. */
final class Caller {

  private static final String ASK =
      "{\"clientContent\":{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hello there\"}]}],"
          + "\"turnComplete\":true}}";
  private static final int SECONDS = 30;

  private final HttpClient http;
  private final URI gateway;
  private final String accessToken;

  Caller(HttpClient http, URI gateway, String accessToken) {
    this.http = http;
    this.gateway = gateway;
    this.accessToken = accessToken;
  }

  /** What {@code POST /v1/tokens} hands out for this mode. */
  JsonObject token(String mode) throws IOException, InterruptedException {
    HttpResponse<String> answer =
        http.send(
            HttpRequest.newBuilder(gateway.resolve("/v1/tokens"))
                .header("Authorization", "Bearer " + accessToken)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\"mode\":\"" + mode + "\"}"))
                .build(),
            HttpResponse.BodyHandlers.ofString());
    if (answer.statusCode() != 201) {
      throw new IOException(answer.statusCode() + " " + answer.body());
    }
    return new JsonObject(answer.body());
  }

  /** A session of one turn with such a token, from the handshake to a close that is answered. */
  void talk(JsonObject token) throws Exception {
    var turn = new Turn();
    WebSocket socket =
        http.newWebSocketBuilder()
            .buildAsync(
                URI.create(
                    token.getString("webSocketUrl") + "?access_token=" + token.getString("token")),
                turn)
            .get(SECONDS, TimeUnit.SECONDS);
    socket.sendText("{\"setup\":{}}", true).get(SECONDS, TimeUnit.SECONDS);
    turn.ready.get(SECONDS, TimeUnit.SECONDS);
    socket.sendText(ASK, true).get(SECONDS, TimeUnit.SECONDS);
    turn.complete.get(SECONDS, TimeUnit.SECONDS);
    socket.sendClose(WebSocket.NORMAL_CLOSURE, "").get(SECONDS, TimeUnit.SECONDS);
    turn.closed.get(SECONDS, TimeUnit.SECONDS);
  }

  private static final class Turn implements WebSocket.Listener {
    private final StringBuilder text = new StringBuilder();
    private final CompletableFuture<Void> ready = new CompletableFuture<>();
    private final CompletableFuture<Void> complete = new CompletableFuture<>();
    private final CompletableFuture<Void> closed = new CompletableFuture<>();

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      return came(socket, data, last);
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      return came(socket, StandardCharsets.UTF_8.decode(data), last);
    }

    private CompletionStage<?> came(WebSocket socket, CharSequence data, boolean last) {
      text.append(data);
      if (last) {
        var message = new JsonObject(text.toString());
        text.setLength(0);
        if (message.containsKey("setupComplete")) {
          ready.complete(null);
        } else if (message
            .getJsonObject("serverContent", new JsonObject())
            .containsKey("turnComplete")) {
          complete.complete(null);
        }
      }
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      end(new IOException("closed: " + code + " " + reason));
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      end(error);
    }

    private void end(Throwable how) {
      ready.completeExceptionally(how);
      complete.completeExceptionally(how);
      closed.complete(null);
    }
  }
}
