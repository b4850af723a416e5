package io.livegate.issue;

import io.livegate.grant.Grant;
import io.livegate.ledger.Issue;
import io.livegate.ledger.Standing;
import java.util.List;

/**
 * What was handed out. {@code toString} leaves out the secret.
 *
 * @param token {@code auth_tokens/...}; Google's in mode direct, ours in mode relay
 * @param standings how the grant's limits stand
 */
public record Issued(Issue issue, String token, List<Standing> standings) {

  public Issued {
    standings = List.copyOf(standings);
  }

  public Grant grant() {
    return issue.grant();
  }

  @Override
  public String toString() {
    return "Issued[grantId=" + issue.grantId() + "]";
  }
}
