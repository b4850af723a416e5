package io.livegate.e2e;

import io.livegate.Await;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** One session; completes what it waits for by what comes. */
final class Talk implements WebSocket.Listener {
  private static final String PATH =
      "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  private static final Pattern HANDLE = Pattern.compile("\"newHandle\":\"(lg1[^\"]+)\"");

  private final StringBuilder text = new StringBuilder();
  final CompletableFuture<String> closed = new CompletableFuture<>();
  final CompletableFuture<Void> ready = new CompletableFuture<>();
  final AtomicInteger turns = new AtomicInteger();
  final AtomicInteger tokens = new AtomicInteger();
  volatile long closedAt;
  volatile String handle = "";
  volatile int handleTurn;
  volatile long warnedAt;
  private WebSocket socket;

  /** Connects, or tells the status that refused it; 0 if there was none. */
  static Talk connect(HttpClient http, URI gateway, String credential) throws Refused {
    var talk = new Talk();
    URI uri =
        URI.create(
            gateway.toString().replaceFirst("^http", "ws") + PATH + "?access_token=" + credential);
    try {
      talk.socket = http.newWebSocketBuilder().buildAsync(uri, talk).join();
    } catch (CompletionException e) {
      throw new Refused(
          e.getCause() instanceof WebSocketHandshakeException refused
              ? refused.getResponse().statusCode()
              : 0);
    }
    return talk;
  }

  /** A setup that goes on from that handle, or asks for handles if it is empty. */
  static String resuming(String handle) {
    return "{\"setup\":{\"model\":\"models/gemini-3.8-live\",\"sessionResumption\":"
        + (handle.isEmpty() ? "{}" : "{\"handle\":\"" + handle + "\"}")
        + "}}";
  }

  @Override
  public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
    return came(socket, data.toString(), last);
  }

  @Override
  public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
    return came(socket, StandardCharsets.UTF_8.decode(data).toString(), last);
  }

  private CompletionStage<?> came(WebSocket socket, String data, boolean last) {
    text.append(data);
    if (last) {
      String message = text.toString();
      text.setLength(0);
      if (message.contains("usageMetadata")) {
        tokens.addAndGet(
            new JsonObject(message).getJsonObject("usageMetadata").getInteger("totalTokenCount"));
      }
      Matcher update = HANDLE.matcher(message);
      if (update.find()) {
        handle = update.group(1);
        handleTurn = turns.get();
      }
      if (message.contains("goAway")) {
        warnedAt = System.nanoTime();
      }
      if (message.contains("setupComplete")) {
        ready.complete(null);
      } else if (message.contains("turnComplete")) {
        turns.incrementAndGet();
      }
    }
    socket.request(1);
    return null;
  }

  @Override
  public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
    end(code + " " + reason);
    return null;
  }

  @Override
  public void onError(WebSocket socket, Throwable error) {
    end("1006 " + error);
  }

  private void end(String how) {
    closedAt = System.nanoTime();
    closed.complete(how);
    ready.completeExceptionally(new IOException(how));
  }

  void say(String message) {
    socket.sendText(message, true).join();
  }

  static String ask(String text) {
    return "{\"clientContent\":{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\""
        + text
        + "\"}]}],\"turnComplete\":true}}";
  }

  void turn() {
    int before = turns.get();
    say(ask("hello there"));
    Await.until(() -> turns.get() > before);
  }

  /** The handle came after the last turn. */
  boolean settled() {
    return handleTurn == turns.get();
  }

  void hangUp() {
    socket.sendClose(1000, "").exceptionally(gone -> null).join();
  }

  /** An upgrade that was refused. */
  static final class Refused extends Exception {
    private static final long serialVersionUID = 1;
    final int status;

    Refused(int status) {
      super("HTTP " + status);
      this.status = status;
    }
  }
}
