package io.livegate.ledger;

import io.livegate.grant.Grant;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What was issued, what is running and what was used. Every operation is atomic, one round trip,
 * and safe to repeat when its answer was lost; all limits of a grant are checked together.
 *
 * <p>Time is the store's. An operation fails with a {@link io.livegate.error.GatewayException}
 * {@code ledger-unavailable} when the store does not answer in time; whether it took effect is then
 * unknown, and {@link #cancel} or {@link #close} makes sure that it did not, or no more.
 *
 * <p>A session's slot is a lease: it lasts {@link #LEASE_SECONDS} from its last {@link #beat}. What
 * a replica reports of a session is its use so far, not the difference to the last report.
 */
public interface Ledger {

  /** How long a session keeps its slot without a heartbeat. */
  int LEASE_SECONDS = 15;

  /**
   * Counts a grant, and books the reserve of a direct one.
   *
   * @param token accepted at the relay from now on; for a grant whose token is ours
   */
  Uni<Answer> issue(Issue issue, Optional<TokenHash> token);

  /** Accepts a token for a grant that was counted before: one that Google minted. */
  Uni<Void> accept(Issue issue, TokenHash token);

  /**
   * Takes back an issue, whether or not it took effect; also one that is still under way. Its token
   * is no longer accepted.
   */
  Uni<Void> cancel(String grantId);

  /** Spends one use of a token and takes a slot for its session. */
  Uni<Answer> redeem(TokenHash token, Lease lease);

  /** Counts a grant and takes a slot for its one session, without a token in between. */
  Uni<Answer> open(Issue issue, Lease lease);

  /**
   * Renews the leases of a replica's sessions, charges what they used since, and answers what must
   * become of them. A lease that had run out is taken again, whatever the limits say meanwhile.
   */
  Uni<Beat.Answer> beat(Beat beat);

  /**
   * Puts back what a store that lost its data no longer knows.
   *
   * @param sessions sessions that run, whose use so far is not charged again
   */
  Uni<Void> restore(List<Running> sessions, List<CutOff> cutOffs);

  /** Frees a session's slot and charges the rest of its use. */
  Uni<Void> close(Closing closing);

  /** How the limits of a grant stand, in their order. */
  Uni<List<Standing>> standings(Grant grant);

  /** Running sessions in the order of their ids, of all replicas. */
  Uni<Running.Page> sessions(Running.Filter filter, int pageSize, Optional<String> pageToken);

  Uni<Optional<Running>> session(String id);

  /**
   * Has sessions end.
   *
   * @return how many run that will
   */
  Uni<Integer> end(EndOf which);

  /** Cuts somebody off, until then; replaces one of the same kind and key. */
  Uni<Void> cutOff(CutOff cutOff);

  /** Lifts a block; whether there was one. */
  Uni<Boolean> unblock(String subject);

  /** Until when a subject is blocked. */
  Uni<Optional<Instant>> blockedUntil(String subject);

  /** What was used, by day, subject, rule and model. */
  Uni<List<UsageRow>> usage(UsageRow.Filter filter);

  /** Today's counts under shared limits: of each kind, the {@link Share#MOST} largest. */
  Uni<List<Share>> shares();

  /**
   * Puts up what a replica has to say, for a minute, in place of what it put up before.
   *
   * @return what all of them have put up, by the names of the replicas
   */
  Uni<Map<String, String>> post(String replica, String notice);

  /**
   * Emits when running sessions should {@link #beat} at once, because something was cut off or a
   * budget was reached; also when such a signal may have been missed. Never completes.
   */
  Multi<Integer> signals();
}
