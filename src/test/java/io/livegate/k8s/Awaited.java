package io.livegate.k8s;

import java.util.Set;

/**
 * What the manifests name and the app does not have yet. {@link ManifestsTest} and {@link
 * MonitoringE2E} fail as soon as it has it, and the name is to go from here.
 */
final class Awaited {

  static final Set<String> KEYS =
      Set.of(
          "livegate.relay.handle-key",
          "livegate.relay.drain-time",
          "quarkus.oidc.pages.token-state-manager.encryption-secret");

  static final Set<String> METRICS =
      Set.of(
          "livegate_breaker_open", "livegate_gemini_key_refused", "livegate_drain_overruns_total");

  private Awaited() {}

  static boolean isKey(String name) {
    return KEYS.stream().anyMatch(key -> key.equals(name) || variable(key).equals(name));
  }

  /** A setting as an environment variable. */
  static String variable(String key) {
    return key.replaceAll("[^A-Za-z0-9]", "_").toUpperCase(java.util.Locale.ROOT);
  }
}
