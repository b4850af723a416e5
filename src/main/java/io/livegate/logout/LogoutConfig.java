package io.livegate.logout;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** Logouts that OpenID providers tell of. */
@ConfigMapping(prefix = "livegate.logout")
public interface LogoutConfig {

  /**
   * The clients whose logouts are heeded, as the audience of logout tokens names them: the apps by
   * which users log in. Without it, the audience that access tokens must have, and the client ids
   * of the tenant and of the pages.
   */
  Optional<List<String>> audience();

  /** How long an ended login is remembered; as long as access tokens live, at least. */
  @WithDefault("24h")
  Duration remember();
}
