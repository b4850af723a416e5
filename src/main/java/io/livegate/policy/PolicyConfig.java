package io.livegate.policy;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;

/** Where the policy comes from. */
@ConfigMapping(prefix = "livegate.policy")
public interface PolicyConfig {

  /** The policy file. Required in production; without it dev and test use the sample. */
  Optional<Path> file();

  /** How often to look whether the file has changed. */
  @WithDefault("5s")
  Duration reloadInterval();
}
