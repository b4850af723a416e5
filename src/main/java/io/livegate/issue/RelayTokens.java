package io.livegate.issue;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.grant.Grant;
import io.livegate.grant.Mode;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The tokens that this process accepts at the relay: its own, and Google's that it minted under a
 * rule that also allows the relay. Of a token only its SHA-256 is kept.
 */
@ApplicationScoped
public class RelayTokens {

  static final String PREFIX = "auth_tokens/";
  private static final int SECRET_BYTES = 32;
  private static final int MOST = 100_000;
  private static final Duration RETRY_AFTER = Duration.ofSeconds(30);

  private static final class Entry {
    private final Issued issued;
    private int used;

    Entry(Issued issued) {
      this.issued = issued;
    }

    boolean isOver(Instant now) {
      return !now.isBefore(issued.newSessionExpireTime());
    }
  }

  private final SecureRandom random = new SecureRandom();
  private final Map<ByteBuffer, Entry> entries = new HashMap<>();

  /** A new name for a token: 256 random bits, in the form by which Google's SDKs know tokens. */
  String name() {
    byte[] secret = new byte[SECRET_BYTES];
    random.nextBytes(secret);
    return PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(secret);
  }

  /**
   * Accepts a token from now on.
   *
   * @throws GatewayException {@code relay-full} when too many tokens are outstanding
   */
  synchronized void add(Issued issued) {
    if (entries.size() >= MOST) {
      Instant now = Instant.now();
      entries.values().removeIf(entry -> entry.isOver(now));
      if (entries.size() >= MOST) {
        throw new GatewayException(ErrorCode.RELAY_FULL, "Too many tokens are outstanding.")
            .retryAfter(RETRY_AFTER);
      }
    }
    // The name itself is not kept.
    var kept =
        new Issued(
            issued.grantId(),
            issued.grant(),
            "",
            issued.expireTime(),
            issued.newSessionExpireTime());
    entries.put(digest(issued.token()), new Entry(kept));
  }

  /**
   * Spends one use of a token.
   *
   * @throws GatewayException {@code invalid-token}
   */
  public synchronized Admission redeem(String token) {
    Entry entry = entries.get(digest(token));
    if (entry == null) {
      throw refused(
          "The token was not issued by this gateway for use at the relay, or has expired.");
    }
    Issued issued = entry.issued;
    if (entry.isOver(Instant.now())) {
      throw refused("The token has expired: its sessions had to start before.");
    }
    int uses = issued.grant().uses();
    if (uses > 0 && entry.used >= uses) {
      throw refused("The token has been used as often as it may.");
    }
    entry.used++;
    return new Admission(
        issued.grantId(),
        issued.grant(),
        List.of(),
        issued.expireTime(),
        issued.grant().mode() == Mode.DIRECT ? Optional.of(token) : Optional.empty(),
        () -> giveBack(entry));
  }

  /** An admission by a grant that no token stands for. */
  static Admission admission(String grantId, Grant grant, List<String> models, Instant expireTime) {
    return new Admission(grantId, grant, models, expireTime, Optional.empty(), () -> {});
  }

  private synchronized void giveBack(Entry entry) {
    entry.used--;
  }

  private static GatewayException refused(String detail) {
    return new GatewayException(ErrorCode.INVALID_TOKEN, detail);
  }

  private static ByteBuffer digest(String token) {
    try {
      return ByteBuffer.wrap(
          MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
