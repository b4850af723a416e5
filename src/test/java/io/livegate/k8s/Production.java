package io.livegate.k8s;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Await;
import io.livegate.Secrets;
import io.livegate.TestIssuer;
import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.Options;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;

/**
 * The overlay {@code production} in processes: its gateway and its Redis, with an OpenID provider
 * and the simulator where its addresses would lead.
 */
final class Production implements AutoCloseable {

  static final Path OVERLAY = Manifests.ROOT.resolve("overlays/production");
  private static final String API_KEY = "AIzaSyTestKeyOfTheManifests00000000001";
  private static final String LIVE =
      "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

  final Manifests manifests = Manifests.rendered(OVERLAY);
  final TestIssuer issuer = new TestIssuer();
  final LiveSimulator simulator =
      LiveSimulator.start(
          Options.builder().apiKey(API_KEY).chunkInterval(Duration.ofMillis(1)).build());
  final Map<String, String> secrets = new HashMap<>();
  final RedisPod redis;

  Production() {
    secrets.put("livegate.gemini.api-key", Secrets.remember(API_KEY));
    for (String key :
        new String[] {
          "livegate.relay.handle-key",
          "livegate.audit.key",
          "quarkus.oidc.pages.token-state-manager.encryption-secret",
          "quarkus.redis.password"
        }) {
      secrets.put(key, Secrets.remember(random()));
    }
    redis = new RedisPod(manifests, secrets.get("quarkus.redis.password"));
  }

  /** As {@code openssl rand -base64 32} prints it. */
  private static String random() {
    byte[] bytes = new byte[32];
    new SecureRandom().nextBytes(bytes);
    return Base64.getEncoder().encodeToString(bytes);
  }

  /** A replica. */
  Pod pod() {
    return pod(Map.of());
  }

  Pod pod(Map<String, String> more) {
    Map<String, String> instead = new HashMap<>(elsewhere());
    instead.putAll(more);
    return new Pod(manifests, Map.of("livegate-secrets", secrets), instead);
  }

  /** Where the neighbours are. */
  Map<String, String> elsewhere() {
    return Map.of(
        "QUARKUS_OIDC_AUTH_SERVER_URL", issuer.url(),
        "LIVEGATE_GEMINI_BASE_URL", simulator.baseUrl().toString(),
        "QUARKUS_REDIS_HOSTS", redis.url());
  }

  String accessToken(String sub, String... groups) {
    return issuer
        .token(sub)
        .groups(groups)
        .claim("exp", Instant.now().getEpochSecond() + 3600)
        .sign();
  }

  /** One session of one turn, from its upgrade to its end. */
  static void talk(Pod pod, String accessToken) {
    var talk = new Talk();
    WebSocket socket = talk.open(pod, accessToken);
    Await.until(talk.ready::isDone);
    talk.ready.join();
    socket
        .sendText(
            "{\"clientContent\":{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\"hello\"}]}],"
                + "\"turnComplete\":true}}",
            true)
        .join();
    Await.until(talk.heard::isDone);
    talk.heard.join();
    socket.sendClose(1000, "").join();
  }

  /** A session that ends before it is set up. */
  static void fails(Pod pod, String accessToken) {
    var talk = new Talk();
    talk.open(pod, accessToken);
    Await.until(talk.ready::isDone);
    assertTrue(talk.ready.isCompletedExceptionally());
  }

  /** The status by which an upgrade is refused. */
  static int refused(Pod pod, String accessToken) {
    var refused = assertThrows(CompletionException.class, () -> new Talk().open(pod, accessToken));
    return ((WebSocketHandshakeException) refused.getCause()).getResponse().statusCode();
  }

  /** A client of the relay. */
  private static final class Talk implements WebSocket.Listener {
    private final CompletableFuture<Void> ready = new CompletableFuture<>();
    private final CompletableFuture<Void> heard = new CompletableFuture<>();
    private final StringBuilder text = new StringBuilder();

    WebSocket open(Pod pod, String accessToken) {
      URI uri =
          URI.create(
              pod.url().toString().replaceFirst("^http", "ws")
                  + LIVE
                  + "?access_token="
                  + accessToken);
      WebSocket socket =
          HttpClient.newHttpClient().newWebSocketBuilder().buildAsync(uri, this).join();
      socket.sendText("{\"setup\":{\"model\":\"models/gemini-3.8-live\"}}", true).join();
      return socket;
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      return came(socket, data.toString());
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer data, boolean last) {
      return came(socket, StandardCharsets.UTF_8.decode(data).toString());
    }

    private CompletionStage<?> came(WebSocket socket, String data) {
      text.append(data);
      if (text.indexOf("setupComplete") >= 0) {
        ready.complete(null);
      }
      if (text.indexOf("turnComplete") >= 0) {
        heard.complete(null);
      }
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      ready.completeExceptionally(new IOException(code + " " + reason));
      heard.completeExceptionally(new IOException(code + " " + reason));
      return null;
    }
  }

  static void ready(Pod pod) {
    assertEquals(200, Pod.get(pod.management("/q/health/ready")).statusCode());
  }

  @Override
  public void close() {
    redis.close();
    simulator.close();
    issuer.close();
  }
}
