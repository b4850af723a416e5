package io.livegate.ledger;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Where the ledger is kept, and what its failure means. */
@ConfigMapping(prefix = "livegate.ledger")
public interface LedgerConfig {

  /** {@code memory} for one replica, {@code redis} for any number of them. */
  @WithDefault("memory")
  Store store();

  /** The most that an operation may take. */
  @WithDefault("1s")
  Duration timeout();

  /** What becomes of grants and sessions while the store does not answer. */
  @WithDefault("refuse")
  OnFailure onFailure();

  Redis redis();

  /** What the ledger is kept in. */
  enum Store {
    MEMORY,
    REDIS
  }

  /** Whether limits or people come first. */
  enum OnFailure {
    /** No limit is ever exceeded. */
    REFUSE,
    /** Limits do not hold meanwhile. */
    ALLOW
  }

  /** The ledger in Redis; the server itself is {@code quarkus.redis.*}. */
  interface Redis {
    /**
     * What the name of every key begins with: a hash tag, so that all are in one slot of a Redis
     * Cluster. Installations that share a server differ in it.
     */
    @WithDefault("{livegate}:")
    String prefix();
  }
}
