package io.livegate.ledger;

import java.time.Duration;
import java.util.Map;

/**
 * What a session used so far.
 *
 * @param tokens Gemini tokens by direction and modality
 * @param total Gemini tokens as they count against budgets
 * @param time since it was admitted
 * @param turns turns that the model completed
 * @param legs connections to Google, one after the other
 */
public record Use(
    Map<String, Map<String, Long>> tokens, long total, Duration time, int turns, int legs) {

  public static final Use NONE = new Use(Map.of(), 0, Duration.ZERO, 0, 0);
}
