package io.livegate.gemini;

import io.netty.handler.ssl.OpenSsl;
import io.quarkus.tls.TlsConfigurationRegistry;
import io.quarkus.tls.runtime.config.TlsConfigUtils;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.OpenSSLEngineOptions;
import io.vertx.core.net.ProxyOptions;
import io.vertx.core.net.ProxyType;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Connects to Google's Live API with an ephemeral token; by the same proxy and trust as minting.
 * TLS is BoringSSL's where the platform has it, which takes a tenth to a quarter off the cost of a
 * relayed message, and the JDK's elsewhere.
 */
@ApplicationScoped
public class LiveUpstream {

  private final GeminiConfig config;
  private final GeminiTokens tokens;
  private final HttpClient client;

  LiveUpstream(
      GeminiConfig config,
      GeminiTokens tokens,
      TlsConfigurationRegistry registry,
      Vertx vertx,
      @ConfigProperty(name = "livegate.relay.max-sessions") int maxSessions) {
    this.config = config;
    this.tokens = tokens;
    var options =
        new HttpClientOptions()
            .setMaxPoolSize(maxSessions)
            .setConnectTimeout(Math.toIntExact(config.timeout().toMillis()));
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
    if (OpenSsl.isAvailable()) {
      options.setSslEngineOptions(new OpenSSLEngineOptions());
    }
    client = vertx.createHttpClient(options);
  }

  private static ProxyOptions proxy(String host, GeminiConfig.Proxy proxy) {
    var options = new ProxyOptions().setType(ProxyType.HTTP).setHost(host).setPort(proxy.port());
    proxy.username().ifPresent(options::setUsername);
    proxy.password().ifPresent(options::setPassword);
    return options;
  }

  /**
   * Opens a WebSocket, on the caller's event loop, and leaves the bare connection after its opening
   * handshake (RFC 6455 section 4.1). Google judges the token by the setup only.
   */
  public Future<HttpConnection> connect(String token) {
    var key = WebSocketKey.random();
    var options =
        new RequestOptions()
            .setMethod(HttpMethod.GET)
            .setAbsoluteURI(
                // The scheme of a WebSocket's address is that of HTTP to this client.
                tokens.address().webSocketUrl().replaceFirst("^ws", "http")
                    + "?access_token="
                    + URLEncoder.encode(token, StandardCharsets.UTF_8))
            .setTimeout(config.timeout().toMillis())
            .putHeader(HttpHeaders.UPGRADE, "websocket")
            .putHeader(HttpHeaders.CONNECTION, "Upgrade")
            .putHeader("Sec-WebSocket-Version", "13")
            .putHeader("Sec-WebSocket-Key", key.value());
    return client
        .request(options)
        // Who has the connection hears of its end; nobody needs to hear it twice.
        .compose(request -> request.exceptionHandler(closed -> {}).connect())
        .compose(response -> accepted(response, key));
  }

  private static Future<HttpConnection> accepted(HttpClientResponse response, WebSocketKey key) {
    response.exceptionHandler(closed -> {});
    if (response.statusCode() != 101) {
      response.request().reset();
      return Future.failedFuture(new IOException("HTTP status " + response.statusCode()));
    }
    if (!key.accept().equals(response.getHeader("Sec-WebSocket-Accept"))) {
      response.request().connection().close();
      return Future.failedFuture(new IOException("the answer is not to this handshake"));
    }
    return Future.succeededFuture(response.request().connection());
  }
}
