package io.livegate.ledger;

/**
 * The end of a session.
 *
 * @param model {@code models/...}, as the session chose it
 * @param use all of it
 * @param giveBack whether the token's use, or the grant, counts as not taken, because the session
 *     could not start through no fault of the client
 */
public record Closing(String sessionId, String model, Use use, boolean giveBack) {}
