package io.livegate.dev;

import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.Options;
import io.quarkus.arc.profile.IfBuildProfile;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/** Starts the simulator when it stands in for Google, and says how to begin. */
@IfBuildProfile("dev")
@ApplicationScoped
class DevMode {

  private static final Logger LOG = Logger.getLogger("livegate");

  private final String issuer;
  private final String clientId;
  private final String secret;
  private final String upstream;
  private final int port;
  private final int simulatorPort;
  private @Nullable LiveSimulator simulator;

  DevMode(
      @ConfigProperty(name = "quarkus.oidc.auth-server-url") Optional<String> issuer,
      @ConfigProperty(name = "quarkus.oidc.client-id") String clientId,
      @ConfigProperty(name = "quarkus.oidc.credentials.secret") String secret,
      @ConfigProperty(name = "livegate.gemini.base-url") Optional<String> upstream,
      @ConfigProperty(name = "quarkus.http.port") int port,
      @ConfigProperty(name = "livegate.simulator.port") int simulatorPort) {
    this.issuer = issuer.orElse("");
    this.clientId = clientId;
    this.secret = secret;
    this.upstream = upstream.orElse("");
    this.port = port;
    this.simulatorPort = simulatorPort;
  }

  /** Last, so that nothing buries what it prints. */
  void start(@Observes @Priority(Integer.MAX_VALUE) StartupEvent event) {
    boolean simulated = upstream.endsWith("//localhost:" + simulatorPort);
    if (simulated) {
      simulator = LiveSimulator.start(Options.builder().port(simulatorPort).build());
    }
    LOG.infof(
        """
        Livegate is ready, in front of %s.

          Talk to it: http://localhost:%d/
          bob is an ordinary user and alice an administrator, who also sees /console. A token for bob:

          ACCESS_TOKEN=$(curl -s %s/token -d grant_type=password -d client_id=%s \\
            -d client_secret=%s -d username=bob -d password=bob \\
            | sed -n 's/.*"access_token": *"\\([^"]*\\)".*/\\1/p')
          curl -s -X POST http://localhost:%d/v1/tokens -H "Authorization: Bearer $ACCESS_TOKEN"
        """,
        simulated ? "the simulator (set GEMINI_API_KEY for Google)" : "Google",
        port,
        issuer,
        clientId,
        secret,
        port);
  }

  void stop(@Observes ShutdownEvent event) {
    if (simulator != null) {
      simulator.close();
    }
  }
}
