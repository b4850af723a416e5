package io.livegate.session;

import io.livegate.ledger.Beat;
import io.livegate.ledger.Running;

/** A session that lives at this replica. Its methods may be called from any thread. */
public interface LiveSession {

  /** What it is, and what it used so far. */
  Running running();

  /** Has it end. */
  void end(Beat.End why);
}
