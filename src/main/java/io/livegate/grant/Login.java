package io.livegate.grant;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/**
 * The login at an OpenID provider that a grant came from, so that a logout there can end what it
 * brought about (OpenID Connect Back-Channel Logout 1.0).
 *
 * @param tenant the provider, by the name of its tenant
 * @param sub the {@code sub} claim, whatever claim names the subject here
 * @param sid the {@code sid} claim
 * @param issuedAt the {@code iat} claim; the epoch where the token does not say
 */
public record Login(String tenant, String sub, Optional<String> sid, Instant issuedAt) {

  /**
   * The login that a token tells of.
   *
   * @param subject {@code <tenant>:<sub>}
   */
  public static Login of(String subject, Map<String, Object> claims) {
    return new Login(
        subject.substring(0, subject.indexOf(':')),
        String.valueOf(claims.getOrDefault("sub", "")),
        claims.get("sid") instanceof String sid ? Optional.of(sid) : Optional.empty(),
        claims.get("iat") instanceof Number iat
            ? Instant.ofEpochSecond(iat.longValue())
            : Instant.EPOCH);
  }
}
