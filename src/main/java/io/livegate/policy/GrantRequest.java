package io.livegate.policy;

import io.livegate.grant.Mode;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;

/**
 * What a client asks for; absent parts take the rule's values.
 *
 * @param model with or without {@code models/}
 * @param uses 0 asks for no limit
 * @param setup canonical Live setup ({@link io.livegate.grant.SetupSchema}), without model and
 *     sessionResumption
 * @param resumptionHandle a session to resume
 * @param tolerance how far a time may lie beyond its maximum and be cut to it instead of refused;
 *     for callers that name moments and whose clock is not ours
 */
public record GrantRequest(
    Optional<String> model,
    Optional<Mode> mode,
    Optional<Integer> uses,
    Optional<Duration> expiresIn,
    Optional<Duration> startWithin,
    Map<String, Object> setup,
    Optional<String> resumptionHandle,
    Duration tolerance) {

  /** Everything as the rule has it. */
  public static final GrantRequest EMPTY =
      new GrantRequest(
          Optional.empty(),
          Optional.empty(),
          Optional.empty(),
          Optional.empty(),
          Optional.empty(),
          Map.of(),
          Optional.empty(),
          Duration.ZERO);

  /** One session through this gateway, everything else as the rule has it. */
  public static final GrantRequest ONE_RELAYED_SESSION =
      new GrantRequest(
          Optional.empty(),
          Optional.of(Mode.RELAY),
          Optional.of(1),
          Optional.empty(),
          Optional.empty(),
          Map.of(),
          Optional.empty(),
          Duration.ZERO);
}
