package io.livegate.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** A client of the simulator, as simple as can be: the JDK's own, and a queue of what arrived. */
final class Client implements WebSocket.Listener {
  static final HttpClient HTTP = HttpClient.newHttpClient();
  static final String AUDIO_SETUP =
      """
      {"setup":{"model":"models/gemini-3.8-live","generationConfig":{"responseModalities":["AUDIO"]},
       "outputAudioTranscription":{},"inputAudioTranscription":{},"sessionResumption":{},
       "tools":[{"functionDeclarations":[{"name":"get_weather"}]}]}}""";
  private static final int SECONDS = 20;

  private final BlockingQueue<JsonObject> arrived = new LinkedBlockingQueue<>();
  private final CompletableFuture<JsonObject> closed = new CompletableFuture<>();
  private final ByteArrayOutputStream partial = new ByteArrayOutputStream();
  private final List<JsonObject> seen = new ArrayList<>();
  private WebSocket socket;
  private boolean reading = true;

  private Client() {}

  /** Mints with a body and expects a token. */
  static String mint(LiveSimulator simulator, String body) throws Exception {
    HttpResponse<String> response = post(simulator, "/v1beta/auth_tokens", "k", body);
    assertEquals(200, response.statusCode(), response.body());
    return new JsonObject(response.body()).getString("name");
  }

  static HttpResponse<String> post(LiveSimulator simulator, String path, String key, String body)
      throws Exception {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(simulator.baseUrl() + path))
            .POST(HttpRequest.BodyPublishers.ofString(body));
    if (!key.isEmpty()) {
      request.header("x-goog-api-key", key);
    }
    return HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
  }

  static String keyPath(String version, String key) {
    return "/ws/google.ai.generativelanguage."
        + version
        + ".GenerativeService.BidiGenerateContent?key="
        + key;
  }

  static String tokenPath(String version, String token) {
    return "/ws/google.ai.generativelanguage."
        + version
        + ".GenerativeService.BidiGenerateContentConstrained?access_token="
        + token;
  }

  /** Opens a connection without saying anything. */
  static Client open(LiveSimulator simulator, String path, String... headers) throws Exception {
    return open(simulator, path, true, headers);
  }

  /** Opens a connection that does not read until {@link #read}. */
  static Client openDeaf(LiveSimulator simulator, String path) throws Exception {
    return open(simulator, path, false);
  }

  private static Client open(
      LiveSimulator simulator, String path, boolean reading, String... headers) throws Exception {
    Client client = new Client();
    client.reading = reading;
    WebSocket.Builder builder = HTTP.newWebSocketBuilder();
    for (int i = 0; i + 1 < headers.length; i += 2) {
      builder.header(headers[i], headers[i + 1]);
    }
    URI uri = URI.create(simulator.baseUrl().toString().replaceFirst("http", "ws") + path);
    client.socket = builder.buildAsync(uri, client).get(SECONDS, TimeUnit.SECONDS);
    return client;
  }

  /** Opens a session with a plain key and waits until it is ready. */
  static Client ready(LiveSimulator simulator, String setup) throws Exception {
    Client client = open(simulator, keyPath("v1beta", "k"));
    client.send(setup);
    client.await("setupComplete");
    return client;
  }

  Client send(String json) throws Exception {
    socket.sendText(json, true).get(SECONDS, TimeUnit.SECONDS);
    return this;
  }

  Client sendBinary(String json) throws Exception {
    socket
        .sendBinary(ByteBuffer.wrap(json.getBytes(StandardCharsets.UTF_8)), true)
        .get(SECONDS, TimeUnit.SECONDS);
    return this;
  }

  Client ask(String text) throws Exception {
    JsonObject turn =
        new JsonObject()
            .put("role", "user")
            .put("parts", new JsonArray().add(new JsonObject().put("text", text)));
    return send(
        new JsonObject()
            .put(
                "clientContent",
                new JsonObject().put("turns", new JsonArray().add(turn)).put("turnComplete", true))
            .encode());
  }

  void close() throws Exception {
    socket.sendClose(WebSocket.NORMAL_CLOSURE, "").get(SECONDS, TimeUnit.SECONDS);
    closed.get(SECONDS, TimeUnit.SECONDS);
  }

  void read() {
    reading = true;
    socket.request(Long.MAX_VALUE);
  }

  /** The next message with this top-level key, or this key in serverContent. */
  JsonObject await(String key) throws Exception {
    return await(
        m ->
            m.containsKey(key)
                || m.getJsonObject("serverContent", new JsonObject()).containsKey(key));
  }

  JsonObject await(Predicate<JsonObject> wanted) throws Exception {
    while (true) {
      JsonObject message = arrived.poll(SECONDS, TimeUnit.SECONDS);
      if (message == null) {
        throw new AssertionError("nothing more came after " + seen);
      }
      seen.add(message);
      if (wanted.test(message)) {
        return message;
      }
    }
  }

  String awaitHandle() throws Exception {
    return await(m -> update(m).getBoolean("resumable", false))
        .getJsonObject("sessionResumptionUpdate")
        .getString("newHandle");
  }

  static JsonObject update(JsonObject message) {
    return message.getJsonObject("sessionResumptionUpdate", new JsonObject());
  }

  /** What was taken from the queue so far. */
  List<JsonObject> seen() {
    return seen;
  }

  String transcript() {
    StringBuilder text = new StringBuilder();
    for (JsonObject message : seen) {
      text.append(
          message
              .getJsonObject("serverContent", new JsonObject())
              .getJsonObject("outputTranscription", new JsonObject())
              .getString("text", ""));
    }
    return text.toString();
  }

  int audioBytes() {
    int sum = 0;
    for (JsonObject message : seen) {
      JsonObject turn =
          message.getJsonObject("serverContent", new JsonObject()).getJsonObject("modelTurn");
      if (turn != null) {
        JsonObject part = turn.getJsonArray("parts").getJsonObject(0);
        sum +=
            Base64.getDecoder().decode(part.getJsonObject("inlineData").getString("data")).length;
      }
    }
    return sum;
  }

  /** Waits for the end, as {@code code reason}. */
  String awaitClose() throws Exception {
    JsonObject end = closed.get(SECONDS, TimeUnit.SECONDS);
    return (end.getInteger("code") + " " + end.getString("reason")).strip();
  }

  @Override
  public void onOpen(WebSocket opened) {
    if (reading) {
      opened.request(Long.MAX_VALUE);
    }
  }

  @Override
  public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
    closed.completeExceptionally(new IOException("the service sends binary frames, not text"));
    return null;
  }

  @Override
  public CompletionStage<?> onBinary(WebSocket from, ByteBuffer data, boolean last) {
    byte[] bytes = new byte[data.remaining()];
    data.get(bytes);
    partial.writeBytes(bytes);
    if (last) {
      arrived.add(new JsonObject(partial.toString(StandardCharsets.UTF_8)));
      partial.reset();
    }
    return null;
  }

  @Override
  public CompletionStage<?> onClose(WebSocket from, int code, String reason) {
    closed.complete(new JsonObject().put("code", code).put("reason", reason));
    return null;
  }

  @Override
  public void onError(WebSocket from, Throwable error) {
    closed.complete(new JsonObject().put("code", 1006).put("reason", ""));
  }
}
