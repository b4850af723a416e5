package io.livegate.ledger;

/**
 * A slot for one session.
 *
 * @param sessionId names the session in the audit and the admin API; no secret
 * @param replica the process that runs it
 */
public record Lease(String sessionId, String replica) {}
