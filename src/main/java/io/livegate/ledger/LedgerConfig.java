package io.livegate.ledger;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Where the ledger is kept. How Redis is reached is said by {@code quarkus.redis.*}. */
@ConfigMapping(prefix = "livegate.ledger")
public interface LedgerConfig {

  /** Where the ledger can be kept. */
  enum Store {
    MEMORY,
    REDIS
  }

  /** What becomes of requests while the store does not answer. */
  enum OnFailure {
    REFUSE,
    ALLOW
  }

  /** In this process's memory, or in Redis for several replicas. */
  @WithDefault("memory")
  Store store();

  /** How long one operation may take. */
  @WithDefault("1s")
  Duration timeout();

  /** Whether tokens and sessions are refused, or handed out uncounted, while the store is away. */
  @WithDefault("refuse")
  OnFailure onFailure();
}
