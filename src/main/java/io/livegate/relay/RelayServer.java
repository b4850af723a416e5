package io.livegate.relay;

import io.livegate.identity.Credentials;
import io.quarkus.vertx.http.HttpServerOptionsCustomizer;
import io.vertx.core.http.HttpServerOptions;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.List;

/** Prepares the HTTP server for the relay's clients. */
@ApplicationScoped
class RelayServer implements HttpServerOptionsCustomizer {

  private final RelayConfig config;

  RelayServer(RelayConfig config) {
    this.config = config;
  }

  @Override
  public void customizeHttpServer(HttpServerOptions options) {
    prepare(options);
  }

  @Override
  public void customizeHttpsServer(HttpServerOptions options) {
    prepare(options);
  }

  private void prepare(HttpServerOptions options) {
    int largest = Math.toIntExact(config.maxClientMessageSize().asLongValue());
    options
        .setMaxWebSocketFrameSize(largest)
        .setMaxWebSocketMessageSize(largest)
        // Media does not compress, and inflating costs more than the rest of the relay.
        .setPerMessageWebSocketCompressionSupported(false)
        .setPerFrameWebSocketCompressionSupported(false)
        // A browser that offers subprotocols wants one of them chosen.
        .setWebSocketSubProtocols(List.of(Credentials.SUBPROTOCOL));
  }
}
