package io.livegate.grant;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Google's body for {@code POST /{version}/auth_tokens} (Gemini API, ephemeral tokens).
 *
 * <p>The token is locked as a whole: with a setup and without a {@code fieldMask} Google ignores
 * the client's own setup. A mask would leave every field that it does not name to the client. As
 * the client's setup is ignored, a handle to resume with must be in the token's.
 *
 * @param expireTime when sessions of the token end; whole seconds
 * @param newSessionExpireTime until when sessions may start; whole seconds
 * @param json the body as sent
 */
public record MintBody(Instant expireTime, Instant newSessionExpireTime, Map<String, Object> json) {

  /** The body for a grant at that moment. */
  public static MintBody of(Grant grant, Instant now) {
    Instant second = now.truncatedTo(ChronoUnit.SECONDS);
    Instant expireTime = second.plus(grant.expiresIn());
    Instant newSessionExpireTime = second.plus(grant.startWithin());
    var json = new LinkedHashMap<String, Object>();
    json.put("uses", grant.uses());
    json.put("expireTime", expireTime.toString());
    json.put("newSessionExpireTime", newSessionExpireTime.toString());
    json.put("bidiGenerateContentSetup", setup(grant));
    return new MintBody(expireTime, newSessionExpireTime, Collections.unmodifiableMap(json));
  }

  /** The whole setup of a grant, as it is in the token and on the wire. */
  public static Map<String, Object> setup(Grant grant) {
    var setup = new LinkedHashMap<String, Object>();
    setup.put("model", grant.model());
    setup.putAll(grant.setup());
    setup.put(
        "sessionResumption",
        grant
            .resumptionHandle()
            .<Map<String, Object>>map(h -> Map.of("handle", h))
            .orElse(Map.of()));
    return Collections.unmodifiableMap(setup);
  }
}
