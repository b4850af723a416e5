package io.livegate.grant;

import java.time.Duration;
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
 * @param resumptionHandle the session to resume, when that was asked for
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
    Optional<String> resumptionHandle) {}
