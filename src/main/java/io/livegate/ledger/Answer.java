package io.livegate.ledger;

import java.time.Instant;
import java.util.List;

/** What the ledger says to an issue or a session. */
public sealed interface Answer {

  /**
   * It is counted.
   *
   * @param issue what it was issued as
   * @param standings how each limit of the grant stands now
   */
  record Admitted(Issue issue, List<Standing> standings) implements Answer {
    public Admitted {
      standings = List.copyOf(standings);
    }
  }

  /** A limit is reached; nothing is counted. */
  record Limited(Issue issue, Standing standing) implements Answer {}

  /** The subject is blocked. */
  record Blocked(Instant until) implements Answer {}

  /** The login that it came from was ended at the provider. */
  record LoggedOut() implements Answer {}

  /** No such token, or one that was taken back. */
  record Unknown() implements Answer {}

  /** The token's sessions had to start before. */
  record Expired() implements Answer {}

  /** The token was used as often as it may. */
  record Spent() implements Answer {}
}
