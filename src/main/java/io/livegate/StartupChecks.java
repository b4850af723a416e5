package io.livegate;

import io.livegate.audit.AuditConfig;
import io.livegate.gemini.GeminiConfig;
import io.livegate.identity.Issuers;
import io.livegate.ledger.LedgerConfig;
import io.livegate.policy.PolicyConfig;
import io.livegate.relay.RelayConfig;
import io.quarkus.runtime.LaunchMode;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.vertx.http.runtime.ProxyConfig;
import io.quarkus.vertx.http.runtime.VertxHttpConfig;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * Refuses to start in production with settings that would let the wrong people in, show secrets to
 * the network or keep replicas from understanding each other; names every property at once.
 */
@ApplicationScoped
class StartupChecks {

  private static final Logger LOG = Logger.getLogger(StartupChecks.class);

  private final Issuers issuers;
  private final GeminiConfig gemini;
  private final PolicyConfig policy;
  private final AuditConfig audit;
  private final LedgerConfig ledger;
  private final ProxyConfig proxy;
  private final RelayConfig relay;
  private final boolean pages;
  private final Optional<String> cookieSecret;

  StartupChecks(
      Issuers issuers,
      GeminiConfig gemini,
      PolicyConfig policy,
      AuditConfig audit,
      LedgerConfig ledger,
      VertxHttpConfig http,
      RelayConfig relay,
      @ConfigProperty(name = "quarkus.oidc.pages.tenant-enabled") boolean pages,
      @ConfigProperty(name = "quarkus.oidc.pages.token-state-manager.encryption-secret")
          Optional<String> cookieSecret) {
    this.issuers = issuers;
    this.gemini = gemini;
    this.policy = policy;
    this.audit = audit;
    this.ledger = ledger;
    this.proxy = http.proxy();
    this.relay = relay;
    this.pages = pages;
    this.cookieSecret = cookieSecret;
  }

  void check(@Observes @Priority(1) StartupEvent event) {
    if (LaunchMode.current() != LaunchMode.NORMAL) {
      return;
    }
    List<String> unsafe = unsafe();
    if (!unsafe.isEmpty()) {
      throw new IllegalStateException(
          "Livegate does not start with these settings:\n  " + String.join("\n  ", unsafe));
    }
  }

  private List<String> unsafe() {
    var unsafe = new ArrayList<>(issuers.unsafe());
    if (gemini.apiKey().orElse("").isBlank() && gemini.apiKeyFile().isEmpty()) {
      unsafe.add("livegate.gemini.api-key or livegate.gemini.api-key-file is missing");
    }
    if (policy.file().isEmpty()) {
      unsafe.add("livegate.policy.file is missing: name the policy file");
    }
    if (audit.required() && audit.sinks().stream().noneMatch(AuditConfig.Kind::durable)) {
      unsafe.add("livegate.audit.required needs file or redis in livegate.audit.sinks");
    }
    // An audit that is insisted on is there to be shown to somebody, who must be able to believe
    // it.
    if (audit.required() && !isAuditKeyed()) {
      unsafe.add("livegate.audit.required needs livegate.audit.key-file or livegate.audit.key");
    }
    if (proxy.proxyAddressForwarding() && proxy.trustedProxies().isEmpty()) {
      unsafe.add(
          "quarkus.http.proxy.trusted-proxies is missing: with"
              + " quarkus.http.proxy.proxy-address-forwarding anybody could claim any address");
    }
    unsafe.addAll(unshared());
    Map<String, String> addresses = new LinkedHashMap<>(issuers.addresses());
    addresses.put("livegate.gemini.base-url", gemini.baseUrl().toString());
    addresses.forEach(
        (property, address) -> {
          URI uri = URI.create(address);
          if (!"http".equalsIgnoreCase(uri.getScheme())) {
            return;
          }
          if (isLoopback(uri.getHost())) {
            LOG.warnf("%s=%s is plain HTTP; that is for trials on one machine", property, address);
          } else {
            unsafe.add(
                property
                    + "="
                    + address
                    + " is plain HTTP, where anybody on the way reads and"
                    + " changes credentials; use https");
          }
        });
    return unsafe;
  }

  /**
   * What is missing of the secrets that replicas share. A ledger in Redis is how a replica knows
   * that there may be others.
   */
  private List<String> unshared() {
    if (ledger.store() != LedgerConfig.Store.REDIS) {
      return List.of();
    }
    var missing = new ArrayList<String>();
    if (audit.sinks().contains(AuditConfig.Kind.REDIS) && !isAuditKeyed()) {
      missing.add(
          shared(
              "livegate.audit.key-file or livegate.audit.key",
              "who can write to the audit's stream could write in another's name"));
    }
    if (relay.enabled() && relay.handleKey().isEmpty()) {
      missing.add(
          shared("livegate.relay.handle-key", "clients could resume at one of the replicas only"));
    }
    if (pages && cookieSecret.isEmpty()) {
      missing.add(
          shared(
              "quarkus.oidc.pages.token-state-manager.encryption-secret",
              "people would be signed in at one of the replicas only"));
    }
    return missing;
  }

  private static String shared(String property, String otherwise) {
    return property
        + " is missing: with livegate.ledger.store=redis there may be several replicas, which need"
        + " the same one, or "
        + otherwise;
  }

  private boolean isAuditKeyed() {
    return audit.key().isPresent() || audit.keyFile().isPresent();
  }

  private static boolean isLoopback(String host) {
    return host != null
        && (host.equals("localhost")
            || host.matches("127(\\.[0-9]{1,3}){3}")
            || host.equals("[::1]"));
  }
}
