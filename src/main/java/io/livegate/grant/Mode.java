package io.livegate.grant;

import java.util.Locale;
import java.util.Optional;

/**
 * How a granted session reaches Google. Written in lower case in the policy, requests and labels.
 */
public enum Mode {
  /** The client connects to Google itself, with Google's ephemeral token. */
  DIRECT,
  /** The client connects to this gateway, which bridges to Google. */
  RELAY;

  /** The name used in YAML, JSON and metrics. */
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** The mode of that label, if there is one. */
  public static Optional<Mode> of(String label) {
    for (Mode mode : values()) {
      if (mode.label().equals(label)) {
        return Optional.of(mode);
      }
    }
    return Optional.empty();
  }
}
