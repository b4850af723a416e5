package io.livegate.ledger;

import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.redis.datasource.ReactiveRedisDataSource;
import jakarta.enterprise.inject.Instance;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Clock;
import java.time.Duration;

/** Makes the ledger that the configuration names. */
final class LedgerProducer {

  /**
   * @param redis not asked for unless it is wanted
   */
  @Produces
  @Singleton
  Ledger ledger(
      LedgerConfig config, Instance<ReactiveRedisDataSource> redis, MeterRegistry metrics) {
    return switch (config.store()) {
      case MEMORY -> new MemoryLedger(Clock.systemUTC());
      case REDIS ->
          new RedisLedger(
              redis.get(), config.redis().prefix(), config.timeout(), metrics, () -> Duration.ZERO);
    };
  }
}
