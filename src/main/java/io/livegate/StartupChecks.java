package io.livegate;

import io.livegate.audit.AuditConfig;
import io.livegate.gemini.GeminiConfig;
import io.livegate.identity.Issuers;
import io.livegate.policy.PolicyConfig;
import io.quarkus.runtime.LaunchMode;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.net.URI;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jboss.logging.Logger;

/**
 * Refuses to start in production with settings that would let the wrong people in or show secrets
 * to the network; names every property at once.
 */
@ApplicationScoped
class StartupChecks {

  private static final Logger LOG = Logger.getLogger(StartupChecks.class);

  private final Issuers issuers;
  private final GeminiConfig gemini;
  private final PolicyConfig policy;
  private final AuditConfig audit;

  StartupChecks(Issuers issuers, GeminiConfig gemini, PolicyConfig policy, AuditConfig audit) {
    this.issuers = issuers;
    this.gemini = gemini;
    this.policy = policy;
    this.audit = audit;
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
    if (audit.required() && audit.key().isEmpty() && audit.keyFile().isEmpty()) {
      unsafe.add("livegate.audit.required needs livegate.audit.key-file or livegate.audit.key");
    }
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

  private static boolean isLoopback(String host) {
    return host != null
        && (host.equals("localhost")
            || host.matches("127(\\.[0-9]{1,3}){3}")
            || host.equals("[::1]"));
  }
}
