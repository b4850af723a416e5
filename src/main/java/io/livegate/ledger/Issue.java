package io.livegate.ledger;

import io.livegate.grant.Grant;
import java.time.Instant;
import java.util.List;

/**
 * A grant as it is handed out.
 *
 * @param grantId names it in the audit; no secret
 * @param models what its session may choose from; empty where the grant's model is fixed
 * @param expireTime when its sessions end at the latest
 * @param newSessionExpireTime until when sessions may start
 */
public record Issue(
    String grantId,
    Grant grant,
    List<String> models,
    Instant expireTime,
    Instant newSessionExpireTime) {

  public Issue {
    models = List.copyOf(models);
  }
}
