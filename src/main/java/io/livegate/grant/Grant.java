package io.livegate.grant;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What one subject was granted: everything that a token for them carries. Durations count from the
 * moment of minting.
 *
 * @param subject whom it was granted to, {@code <tenant>:<sub>}
 * @param rule the name of the rule that granted it
 * @param model Google's resource name, {@code models/...}
 * @param uses sessions the token may start; 0 for no limit
 * @param expiresIn how long the token's sessions may live; under 20 h, whole seconds
 * @param startWithin how long a new session may be started; at most {@code expiresIn}
 * @param setup the complete Live setup but model and sessionResumption, canonical
 * @param open the places of it that a session's client may still set; none in mode direct, where
 *     the token is locked as a whole
 * @param resumptionHandle the session to resume, when that was asked for
 * @param limits what bounds it beyond the token
 * @param login where it came from
 */
public record Grant(
    String subject,
    String rule,
    String model,
    Mode mode,
    int uses,
    Duration expiresIn,
    Duration startWithin,
    Map<String, Object> setup,
    List<SetupPath> open,
    Optional<String> resumptionHandle,
    Limits limits,
    Login login) {

  /** The longest life that Google gives a token is a little more. */
  private static final Duration LONGEST = Duration.ofHours(20).minusSeconds(1);

  private static final Duration START = Duration.ofSeconds(60);

  public Grant {
    open = List.copyOf(open);
  }

  /**
   * What one connection to Google is granted for a session under this grant: one use, nothing open.
   *
   * @param model one that the session may use
   * @param setup the session's complete setup
   * @param handle the session to resume, if any
   * @param life how long the connection may last
   */
  public Grant leg(
      String model, Map<String, Object> setup, Optional<String> handle, Duration life) {
    Duration expires = life.compareTo(LONGEST) < 0 ? life : LONGEST;
    Duration start = expires.compareTo(START) < 0 ? expires : START;
    return new Grant(
        subject,
        rule,
        model,
        Mode.DIRECT,
        1,
        expires,
        start,
        setup,
        List.of(),
        handle,
        Limits.NONE,
        login);
  }
}
