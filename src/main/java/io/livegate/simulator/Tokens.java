package io.livegate.simulator;

import io.vertx.core.json.JsonObject;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The ephemeral tokens that were minted: what they allow, and how often they were used. */
final class Tokens {
  private static final Duration LONGEST = Duration.ofHours(20);
  private static final Duration DEFAULT_LIFE = Duration.ofMinutes(30);
  private static final Duration DEFAULT_START = Duration.ofSeconds(60);
  private static final int MOST = 100_000;

  private final Clock clock;
  private final SecureRandom random = new SecureRandom();
  private final Map<String, Token> tokens =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<String, Token> eldest) {
          return size() > MOST;
        }
      };

  Tokens(Clock clock) {
    this.clock = clock;
  }

  /** One token. Counting its uses is the only thing that changes. */
  static final class Token {
    private final String key;
    private final Instant expires;
    private final Instant startsUntil;
    private final int uses;
    private final @Nullable JsonObject setup;
    private final List<String> mask;
    private int used;

    private Token(
        String key,
        Instant expires,
        Instant startsUntil,
        int uses,
        @Nullable JsonObject setup,
        List<String> mask) {
      this.key = key;
      this.expires = expires;
      this.startsUntil = startsUntil;
      this.uses = uses;
      this.setup = setup;
      this.mask = mask;
    }

    /** The API key that paid for it. */
    String key() {
      return key;
    }

    boolean expired(Instant now) {
      return !now.isBefore(expires);
    }

    /** Counts a new session, or refuses it. A resumed session is not counted. */
    void startSession(Instant now) {
      if (!now.isBefore(startsUntil)) {
        throw Refusal.closing(1011, "Token has expired");
      }
      if (uses > 0 && used >= uses) {
        throw Refusal.closing(1011, "Token has been used too many times");
      }
      used++;
    }

    /** What the session runs with: the client's setup under this token's lock. */
    JsonObject effective(JsonObject client) {
      if (mask.isEmpty()) {
        return setup == null ? client : setup.copy();
      }
      JsonObject out = client.copy();
      JsonObject locked = setup == null ? new JsonObject() : setup.copy();
      for (String path : mask) {
        int dot = path.indexOf('.');
        if (dot < 0) {
          overwrite(out, locked, path);
        } else {
          String parent = path.substring(0, dot);
          JsonObject target = out.getJsonObject(parent, new JsonObject());
          overwrite(
              target, locked.getJsonObject(parent, new JsonObject()), path.substring(dot + 1));
          out.put(parent, target);
        }
      }
      return out;
    }

    private static void overwrite(JsonObject target, JsonObject source, String name) {
      if (source.containsKey(name)) {
        target.put(name, source.getValue(name));
      } else {
        target.remove(name);
      }
    }
  }

  /**
   * Mints a token from a request body.
   *
   * @return its name, which is the secret
   */
  String mint(String version, String key, JsonObject body) {
    Schema schema = Schema.of(version);
    JsonObject request = schema.read("AuthToken", body, "auth_token");
    Instant now = clock.instant();
    Instant expires = time(request, "expireTime", "expire_time", now, DEFAULT_LIFE);
    Instant startsUntil =
        time(request, "newSessionExpireTime", "new_session_expire_time", now, DEFAULT_START);
    int uses = request.getInteger("uses", 1);
    if (uses < 0) {
      throw Refusal.invalid("uses must not be negative");
    }
    JsonObject setup = request.getJsonObject("bidiGenerateContentSetup");
    List<String> mask = mask(schema, request.getString("fieldMask", ""));
    byte[] secret = new byte[32];
    random.nextBytes(secret);
    String name = "auth_tokens/" + Base64.getUrlEncoder().withoutPadding().encodeToString(secret);
    tokens.put(name, new Token(key, expires, startsUntil, uses, setup, mask));
    return name;
  }

  Optional<Token> find(String name) {
    return Optional.ofNullable(tokens.get(name));
  }

  private static Instant time(
      JsonObject request, String name, String shown, Instant now, Duration ahead) {
    Instant time = Schema.instant(request, name);
    if (time == null) {
      return now.plus(ahead);
    }
    if (!time.isAfter(now)) {
      throw Refusal.invalid(shown + " must be in the future");
    }
    if (!time.isBefore(now.plus(LONGEST))) {
      throw Refusal.invalid(shown + " is too far in the future. Maximum lifetime is 20h");
    }
    return time;
  }

  /** Only the paths known to be accepted: a field of the setup, or a leaf of generationConfig. */
  private static List<String> mask(Schema schema, String mask) {
    if (mask.isEmpty()) {
      return List.of();
    }
    List<String> paths = List.of(mask.split(",", -1));
    String generation = "generationConfig.";
    for (String path : paths) {
      boolean known =
          path.startsWith(generation)
              ? schema.has("GenerationConfig", path.substring(generation.length()))
              : schema.has("Setup", path);
      if (!known) {
        throw Refusal.invalid("field_mask is invalid for BidiGenerateContentSetup");
      }
    }
    return paths;
  }
}
