package io.livegate.issue;

import io.livegate.grant.Grant;
import io.livegate.ledger.Closing;
import io.livegate.ledger.Issue;
import io.livegate.ledger.Lease;
import io.livegate.ledger.Use;
import java.util.Optional;

/**
 * The right to one session at the relay. Whoever has it closes it at {@link
 * io.livegate.session.Heart}, whatever becomes of the session. {@code toString} leaves out the
 * secret.
 *
 * @param directToken Google's token that the client came with; the session's first connection uses
 *     it
 */
public record Admission(Lease lease, Issue issue, Optional<String> directToken) {

  public Grant grant() {
    return issue.grant();
  }

  /** What to close it with when no session came of it, through no fault of the client. */
  public Closing cameToNothing() {
    return new Closing(lease.sessionId(), grant().model(), Use.NONE, true, directToken.isPresent());
  }

  @Override
  public String toString() {
    return "Admission[lease=" + lease + ", grantId=" + issue.grantId() + "]";
  }
}
