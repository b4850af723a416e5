package io.livegate.gemini;

import io.quarkus.tls.TlsConfiguration;
import io.quarkus.tls.TlsConfigurationRegistry;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Proxy;
import java.net.ProxySelector;
import java.net.SocketAddress;
import java.net.URI;
import java.security.KeyStore;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import okhttp3.ConnectionPool;
import okhttp3.Credentials;
import okhttp3.OkHttpClient;
import org.jboss.logging.Logger;

/** Builds the HTTP client that Google's SDK calls with: time limits, connections, proxy, trust. */
final class GeminiHttp {

  private static final Logger LOG = Logger.getLogger(GeminiHttp.class);

  private GeminiHttp() {}

  static OkHttpClient client(GeminiConfig config, TlsConfigurationRegistry registry) {
    var builder =
        new OkHttpClient.Builder()
            .connectionPool(new ConnectionPool(config.maxConcurrentMints(), 1, TimeUnit.MINUTES))
            .connectTimeout(config.timeout())
            .readTimeout(config.timeout())
            .writeTimeout(config.timeout())
            .callTimeout(config.timeout())
            .followRedirects(false);
    // Without an own proxy the JVM's settings (https.proxyHost) stay in force.
    config.proxy().host().ifPresent(host -> useProxy(builder, host, config.proxy()));
    config
        .tlsConfigurationName()
        .ifPresent(
            name ->
                trust(
                    builder,
                    registry
                        .get(name)
                        .orElseThrow(
                            () ->
                                new IllegalStateException(
                                    "livegate.gemini.tls-configuration-name: there is no"
                                        + " quarkus.tls."
                                        + name))));
    return builder.build();
  }

  private static void useProxy(
      OkHttpClient.Builder builder, String host, GeminiConfig.Proxy config) {
    var proxy = new Proxy(Proxy.Type.HTTP, InetSocketAddress.createUnresolved(host, config.port()));
    List<String> exempt = config.noProxy().orElse(List.of());
    builder.proxySelector(
        new ProxySelector() {
          @Override
          public List<Proxy> select(URI uri) {
            return List.of(isExempt(uri.getHost(), exempt) ? Proxy.NO_PROXY : proxy);
          }

          @Override
          public void connectFailed(URI uri, SocketAddress address, IOException e) {
            LOG.debugf("The proxy %s cannot be reached: %s", address, e);
          }
        });
    config
        .username()
        .ifPresent(
            user -> {
              String credential = Credentials.basic(user, config.password().orElse(""));
              builder.proxyAuthenticator(
                  (route, response) ->
                      response.request().header("Proxy-Authorization") != null
                          ? null
                          : response
                              .request()
                              .newBuilder()
                              .header("Proxy-Authorization", credential)
                              .build());
            });
  }

  /** Whether a host is on a no-proxy list, by its name or by a domain. */
  static boolean isExempt(String host, List<String> exempt) {
    String name = host.toLowerCase(Locale.ROOT);
    for (String entry : exempt) {
      String pattern = entry.strip().toLowerCase(Locale.ROOT).replaceFirst("^\\*\\.", ".");
      if (name.equals(pattern) || (pattern.startsWith(".") && name.endsWith(pattern))) {
        return true;
      }
    }
    return false;
  }

  private static void trust(OkHttpClient.Builder builder, TlsConfiguration tls) {
    try {
      KeyStore anchors = tls.getTrustStore();
      var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
      factory.init(anchors);
      builder.sslSocketFactory(
          tls.createSSLContext().getSocketFactory(),
          (X509TrustManager) factory.getTrustManagers()[0]);
    } catch (Exception e) { // createSSLContext declares no less
      throw new IllegalStateException("The TLS configuration for Gemini cannot be used", e);
    }
  }
}
