package io.livegate.issue;

import io.livegate.grant.Grant;
import java.time.Instant;

/**
 * What was handed out. {@code toString} leaves out the secret.
 *
 * @param grantId names the grant in the audit; no secret
 * @param token {@code auth_tokens/...}; Google's in mode direct, ours in mode relay
 * @param expireTime when its sessions end
 * @param newSessionExpireTime until when sessions may start
 */
public record Issued(
    String grantId, Grant grant, String token, Instant expireTime, Instant newSessionExpireTime) {

  @Override
  public String toString() {
    return "Issued[grantId=" + grantId + ", expireTime=" + expireTime + "]";
  }
}
