package io.livegate.ledger;

import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * A session that runs.
 *
 * @param model {@code models/...}
 */
public record Running(Lease lease, Issue issue, String model, Instant startedAt, Use use) {

  /** Which sessions to list; what is absent does not matter. */
  public record Filter(
      Optional<String> subject,
      Optional<String> rule,
      Optional<String> model,
      Optional<String> replica) {

    public static final Filter ALL =
        new Filter(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());
  }

  /**
   * A part of a list.
   *
   * @param nextPageToken opaque; absent on the last page
   */
  public record Page(List<Running> sessions, Optional<String> nextPageToken) {}
}
