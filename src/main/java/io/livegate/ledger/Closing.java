package io.livegate.ledger;

/**
 * The end of a session.
 *
 * @param model {@code models/...}, as the session chose it
 * @param use all of it
 * @param giveBack whether the token's use, or the grant, counts as not taken, because the session
 *     could not start through no fault of the client
 * @param tokenLeft whether Google has not seen the direct token that the session came with, which
 *     can still be used there: its reserve is booked again
 */
public record Closing(
    String sessionId, String model, Use use, boolean giveBack, boolean tokenLeft) {}
