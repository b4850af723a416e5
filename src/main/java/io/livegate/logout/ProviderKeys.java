package io.livegate.logout;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.quarkus.oidc.runtime.TenantConfigContext;
import io.quarkus.tls.TlsConfigurationRegistry;
import io.quarkus.tls.runtime.config.TlsConfigUtils;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.vertx.UniHelper;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.net.ProxyOptions;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;
import org.jose4j.jwk.JsonWebKey;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.lang.JoseException;

/** The keys that providers sign with, by the trust and proxy of their tenants. */
@ApplicationScoped
class ProviderKeys {

  private static final Logger LOG = Logger.getLogger(ProviderKeys.class);
  private static final Duration TIMEOUT = Duration.ofSeconds(5);

  /** Nobody can have keys fetched more often than that. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final Duration LIFE = Duration.ofHours(1);

  private record Fetched(List<JsonWebKey> keys, Instant at) {}

  private final Vertx vertx;
  private final TlsConfigurationRegistry registry;
  private final Map<String, Fetched> fetched = new ConcurrentHashMap<>();
  private final Map<String, HttpClient> clients = new ConcurrentHashMap<>();

  ProviderKeys(Vertx vertx, TlsConfigurationRegistry registry) {
    this.vertx = vertx;
    this.registry = registry;
  }

  /** A tenant's keys, fetched anew when that one is not among them. */
  Uni<List<JsonWebKey>> of(TenantConfigContext tenant, Optional<String> keyId) {
    String address = tenant.getOidcMetadata().getJsonWebKeySetUri();
    Fetched last = fetched.get(address);
    Instant now = Instant.now();
    if (last != null) {
      boolean known =
          keyId
              .map(id -> last.keys.stream().anyMatch(key -> id.equals(key.getKeyId())))
              .orElse(true);
      Duration fresh = known ? LIFE : PATIENCE;
      if (last.at.plus(fresh).isAfter(now)) {
        return Uni.createFrom().item(last.keys);
      }
    }
    return fetch(tenant, address)
        .invoke(keys -> fetched.put(address, new Fetched(keys, now)))
        .onFailure()
        .transform(
            failure -> {
              LOG.warnf("The keys at %s cannot be fetched: %s", address, failure);
              return new GatewayException(
                      ErrorCode.ISSUER_UNAVAILABLE, "The provider's keys cannot be fetched.")
                  .retryAfter(PATIENCE);
            });
  }

  private Uni<List<JsonWebKey>> fetch(TenantConfigContext tenant, String address) {
    HttpClient client = clients.computeIfAbsent(address, none -> client(tenant));
    var options =
        new RequestOptions()
            .setMethod(HttpMethod.GET)
            .setAbsoluteURI(address)
            .setTimeout(TIMEOUT.toMillis());
    return UniHelper.toUni(
            client
                .request(options)
                .compose(HttpClientRequest::send)
                .compose(HttpClientResponse::body))
        .map(
            body -> {
              try {
                return new JsonWebKeySet(body.toString()).getJsonWebKeys();
              } catch (JoseException e) {
                throw new IllegalStateException(new IOException("no key set", e));
              }
            });
  }

  private HttpClient client(TenantConfigContext tenant) {
    var config = tenant.oidcConfig();
    var options = new HttpClientOptions();
    config
        .tls()
        .tlsConfigurationName()
        .flatMap(registry::get)
        .or(registry::getDefault)
        .ifPresent(tls -> TlsConfigUtils.configure(options, tls));
    config
        .proxy()
        .host()
        .ifPresent(
            host ->
                options.setProxyOptions(
                    new ProxyOptions().setHost(host).setPort(config.proxy().port())));
    return vertx.createHttpClient(options);
  }
}
