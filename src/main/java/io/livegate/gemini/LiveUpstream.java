package io.livegate.gemini;

import io.quarkus.runtime.configuration.MemorySize;
import io.quarkus.tls.TlsConfigurationRegistry;
import io.quarkus.tls.runtime.config.TlsConfigUtils;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.WebSocket;
import io.vertx.core.http.WebSocketClient;
import io.vertx.core.http.WebSocketClientOptions;
import io.vertx.core.http.WebSocketConnectOptions;
import io.vertx.core.net.ProxyOptions;
import io.vertx.core.net.ProxyType;
import jakarta.enterprise.context.ApplicationScoped;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Connects to Google's Live API with an ephemeral token; by the same proxy and trust as minting.
 */
@ApplicationScoped
public class LiveUpstream {

  private final GeminiConfig config;
  private final GeminiTokens tokens;
  private final WebSocketClient client;

  LiveUpstream(
      GeminiConfig config,
      GeminiTokens tokens,
      TlsConfigurationRegistry registry,
      Vertx vertx,
      @ConfigProperty(name = "livegate.relay.max-message-size") MemorySize maxMessageSize) {
    this.config = config;
    this.tokens = tokens;
    int largest = Math.toIntExact(maxMessageSize.asLongValue());
    var options =
        new WebSocketClientOptions()
            .setMaxConnections(Integer.MAX_VALUE)
            .setMaxFrameSize(largest)
            .setMaxMessageSize(largest)
            .setTryUsePerMessageCompression(false);
    config
        .proxy()
        .host()
        .filter(
            host ->
                !GeminiHttp.isExempt(
                    config.baseUrl().getHost(), config.proxy().noProxy().orElse(List.of())))
        .ifPresent(host -> options.setProxyOptions(proxy(host, config.proxy())));
    config
        .tlsConfigurationName()
        .flatMap(registry::get)
        .ifPresent(tls -> TlsConfigUtils.configure(options, tls));
    client = vertx.createWebSocketClient(options);
  }

  private static ProxyOptions proxy(String host, GeminiConfig.Proxy proxy) {
    var options = new ProxyOptions().setType(ProxyType.HTTP).setHost(host).setPort(proxy.port());
    proxy.username().ifPresent(options::setUsername);
    proxy.password().ifPresent(options::setPassword);
    return options;
  }

  /** Opens a connection, on the caller's event loop. Google judges the token by the setup only. */
  public Future<WebSocket> connect(String token) {
    return client.connect(
        new WebSocketConnectOptions()
            .setAbsoluteURI(
                tokens.address().webSocketUrl()
                    + "?access_token="
                    + URLEncoder.encode(token, StandardCharsets.UTF_8))
            .setTimeout(config.timeout().toMillis()));
  }
}
