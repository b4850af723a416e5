package io.livegate.ledger;

import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * A replica's heartbeat.
 *
 * @param cutOffsSeen the version of the cut-offs that the replica knows, from the last answer; 0 at
 *     first
 * @param pulses its sessions; those it leaves out keep their leases until they run out
 */
public record Beat(String replica, long cutOffsSeen, List<Pulse> pulses) {

  public Beat {
    pulses = List.copyOf(pulses);
  }

  /**
   * One session.
   *
   * @param model {@code models/...}, as the session chose it
   */
  public record Pulse(String sessionId, String model, Use use) {}

  /** Why a session must end. */
  public sealed interface End {
    /** An administrator ended it. */
    record Terminated() implements End {}

    /** Another session has resumed its conversation. */
    record Superseded() implements End {}

    record Blocked() implements End {}

    record LoggedOut() implements End {}

    /** A budget is reached; the limit's name. */
    record LimitReached(String limit) implements End {}
  }

  /**
   * What the ledger answers.
   *
   * @param epoch changes when the store lost its data
   * @param unknown sessions that the store does not know, to be restored
   * @param ends sessions that must end; repeated on every beat
   * @param cutOffs those that are new since {@code cutOffsSeen}, lifted ones with an end in the
   *     past
   * @param cutOffsVersion to be sent with the next beat
   */
  public record Answer(
      String epoch,
      Set<String> unknown,
      Map<String, End> ends,
      List<CutOff> cutOffs,
      long cutOffsVersion) {
    public Answer {
      unknown = Set.copyOf(unknown);
      ends = Map.copyOf(ends);
      cutOffs = List.copyOf(cutOffs);
    }
  }
}
