package io.livegate.ledger;

import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.time.Clock;

/** Picks the store. */
class LedgerStore {

  @Produces
  @Singleton
  Ledger ledger(LedgerConfig config) {
    return switch (config.store()) {
      case MEMORY, REDIS -> new MemoryLedger(Clock.systemUTC());
    };
  }
}
