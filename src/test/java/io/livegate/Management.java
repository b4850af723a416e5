package io.livegate;

import org.eclipse.microprofile.config.ConfigProvider;

/** Where the management interface of the app under test listens. */
final class Management {

  private Management() {}

  static int port() {
    return ConfigProvider.getConfig()
        .getOptionalValue("quarkus.management.test-port", Integer.class)
        .filter(port -> port != 0)
        .orElseGet(
            () -> ConfigProvider.getConfig().getValue("quarkus.management.port", Integer.class));
  }
}
