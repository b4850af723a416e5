package io.livegate.gemini;

import java.time.Instant;

/**
 * A token that Google minted. The name is the secret itself; {@code toString} leaves it out.
 *
 * @param name {@code auth_tokens/...}
 * @param expireTime when its sessions end
 * @param newSessionExpireTime until when sessions may start
 */
public record EphemeralToken(String name, Instant expireTime, Instant newSessionExpireTime) {

  @Override
  public String toString() {
    return "EphemeralToken[expireTime=" + expireTime + "]";
  }
}
