package io.livegate;

import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.Options;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.net.NetSocket;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * A proxy that asks for a password and tunnels to the simulator, whatever host is named; the
 * simulator shows a certificate for {@code google.test} of an authority that nobody else knows.
 */
public final class CorporateProxy implements QuarkusTestResourceLifecycleManager {

  private static final String UNAUTHORIZED =
      """
      HTTP/1.1 407 Proxy Authentication Required
      Proxy-Authenticate: Basic realm="office"
      Content-Length: 0
      Connection: close

      """;

  private static final List<String> TUNNELS = new CopyOnWriteArrayList<>();
  private static LiveSimulator simulator;

  private Vertx vertx;

  static List<String> tunnels() {
    return TUNNELS;
  }

  static LiveSimulator simulator() {
    return simulator;
  }

  @Override
  public Map<String, String> start() {
    Certificates certificates;
    try {
      Path directory = Files.createTempDirectory("livegate-tls");
      certificates = Certificates.create(directory, "google.test");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    simulator =
        LiveSimulator.start(
            Options.builder()
                .apiKey(Surroundings.API_KEY)
                .tls(certificates.certificate(), certificates.key())
                .build());
    vertx = Vertx.vertx();
    int port =
        vertx
            .createNetServer()
            .connectHandler(this::greet)
            .listen(0, "127.0.0.1")
            .toCompletionStage()
            .toCompletableFuture()
            .join()
            .actualPort();
    return Map.of(
        "livegate.gemini.base-url", "https://google.test",
        "livegate.gemini.proxy.host", "127.0.0.1",
        "livegate.gemini.proxy.port", Integer.toString(port),
        "livegate.gemini.proxy.username", "gateway",
        "livegate.gemini.proxy.password", "open sesame",
        "livegate.gemini.proxy.no-proxy", "localhost,.internal.test",
        "livegate.gemini.tls-configuration-name", "google",
        "quarkus.tls.google.trust-store.pem.certs", certificates.authority().toString());
  }

  private void greet(NetSocket client) {
    client.handler(
        head -> {
          String request = head.toString();
          boolean authorized =
              request.contains("Proxy-Authorization: Basic Z2F0ZXdheTpvcGVuIHNlc2FtZQ==");
          if (!authorized) {
            client.end(Buffer.buffer(UNAUTHORIZED.replace("\n", "\r\n")));
            return;
          }
          TUNNELS.add(
              request.lines().findFirst().orElse("").replace(" HTTP/1.1", "") + ", authorized");
          client.pause();
          vertx
              .createNetClient()
              .connect(simulator.port(), "127.0.0.1")
              .onSuccess(
                  upstream -> {
                    client.write("HTTP/1.1 200 OK\r\n\r\n");
                    client.handler(upstream::write);
                    upstream.handler(client::write);
                    client.closeHandler(v -> upstream.close());
                    upstream.closeHandler(v -> client.close());
                    client.resume();
                  });
        });
  }

  @Override
  public void stop() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
    simulator.close();
  }
}
