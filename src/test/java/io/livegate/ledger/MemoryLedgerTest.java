package io.livegate.ledger;

import io.livegate.simulator.MovableClock;
import java.time.Duration;
import java.time.Instant;

class MemoryLedgerTest extends LedgerContract {

  private final MovableClock clock = new MovableClock();
  private final MemoryLedger ledger = new MemoryLedger(clock);

  @Override
  Ledger ledger() {
    return ledger;
  }

  @Override
  Ledger elsewhere() {
    return ledger;
  }

  @Override
  Instant now() {
    return clock.instant();
  }

  @Override
  void advance(Duration by) {
    clock.advance(by);
  }
}
