package io.livegate.session;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.livegate.grant.Grant;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.inject.Inject;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import javax.crypto.Cipher;
import javax.crypto.Mac;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * The handles by which clients of the relay resume their conversations, at any replica that has the
 * same key: Google's handle, sealed for one subject, rule and model until a time. Nobody else can
 * use one, or read Google's out of it, which any user's token would resume with.
 *
 * <p>A handle is {@code lg1.} and base64url of salt, nonce and AES-256-GCM ciphertext (NIST SP
 * 800-38D). Each has a key of its own, derived by HMAC-SHA-256 from a configured one and the salt:
 * a key would otherwise be worn out after some billions of random nonces, and handles come every
 * second.
 */
@ApplicationScoped
public class ResumptionHandles {

  /** Google's handles are good for two hours after the last connection (Live API guide). */
  private static final Duration LIFE = Duration.ofHours(2);

  private static final Logger LOG = Logger.getLogger(ResumptionHandles.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String PREFIX = "lg1.";
  private static final int KEY_BYTES = 32;
  private static final int SALT_BYTES = 32;
  private static final int NONCE_BYTES = 12;
  private static final int TAG_BITS = 128;

  /**
   * What is sealed. The issuer of the subject is its tenant, which the subject begins with.
   *
   * @param expires seconds since the epoch
   * @param handle Google's
   * @param session that it was given to
   */
  private record Content(
      String subject, String rule, String model, long expires, String handle, String session) {}

  /**
   * What a valid handle resumes.
   *
   * @param handle Google's
   * @param session the id of the session that it was given to
   */
  public record Resumed(String handle, String session) {}

  private final List<byte[]> keys = new ArrayList<>();
  private final SecureRandom random = new SecureRandom();
  private final Clock clock;

  /**
   * Reads the keys; without one, handles are good at this process alone.
   *
   * @throws IllegalArgumentException if a key is not base64 of 32 bytes
   */
  @Inject
  ResumptionHandles(
      @ConfigProperty(name = "livegate.relay.handle-key") Optional<List<String>> configured) {
    this(configured, Clock.systemUTC());
  }

  ResumptionHandles(Optional<List<String>> configured, Clock clock) {
    this.clock = clock;
    configured.orElse(List.of()).forEach(key -> keys.add(key(key)));
    if (keys.isEmpty()) {
      LOG.warn(
          "livegate.relay.handle-key is not set: clients can resume their sessions at this process"
              + " only, and not after a restart");
      keys.add(randomBytes(KEY_BYTES));
    }
  }

  private static byte[] key(String text) {
    try {
      byte[] key = Base64.getDecoder().decode(text.strip());
      if (key.length == KEY_BYTES) {
        return key;
      }
    } catch (IllegalArgumentException e) {
      // Said below, without the text.
    }
    throw new IllegalArgumentException(
        "livegate.relay.handle-key must be base64 of 32 bytes, or several of these separated by"
            + " commas; make one with: openssl rand -base64 32");
  }

  /** Whether it is a handle of a relay, valid or not. */
  public static boolean isOurs(String handle) {
    return handle.startsWith(PREFIX);
  }

  /**
   * Seals Google's handle for whom a grant was given to.
   *
   * @param model that the session runs with, {@code models/...}
   * @param session the id of the session
   */
  public String seal(String googleHandle, Grant grant, String model, String session) {
    var content =
        new Content(
            grant.subject(),
            grant.rule(),
            model,
            clock.instant().plus(LIFE).getEpochSecond(),
            googleHandle,
            session);
    byte[] salt = randomBytes(SALT_BYTES);
    byte[] nonce = randomBytes(NONCE_BYTES);
    try {
      byte[] sealed =
          cipher(Cipher.ENCRYPT_MODE, keys.get(0), salt, nonce)
              .doFinal(JSON.writeValueAsBytes(content));
      byte[] all =
          ByteBuffer.allocate(SALT_BYTES + NONCE_BYTES + sealed.length)
              .put(salt)
              .put(nonce)
              .put(sealed)
              .array();
      return PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(all);
    } catch (GeneralSecurityException | IOException e) {
      throw new IllegalStateException("AES-GCM is a part of every JDK", e);
    }
  }

  /**
   * Opens a handle that a client came with.
   *
   * @param model that the session shall run with
   * @return what it resumes; empty if it is not one of ours, was altered, has expired, or was
   *     sealed for another subject, rule or model
   */
  public Optional<Resumed> open(String handle, Grant grant, String model) {
    if (!isOurs(handle)) {
      return Optional.empty();
    }
    byte[] all;
    try {
      all = Base64.getUrlDecoder().decode(handle.substring(PREFIX.length()));
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
    if (all.length <= SALT_BYTES + NONCE_BYTES) {
      return Optional.empty();
    }
    ByteBuffer in = ByteBuffer.wrap(all);
    byte[] salt = new byte[SALT_BYTES];
    byte[] nonce = new byte[NONCE_BYTES];
    in.get(salt).get(nonce);
    byte[] sealed = new byte[in.remaining()];
    in.get(sealed);
    for (byte[] key : keys) {
      try {
        byte[] opened = cipher(Cipher.DECRYPT_MODE, key, salt, nonce).doFinal(sealed);
        Content content = JSON.readValue(opened, Content.class);
        return Optional.of(content)
            .filter(one -> one.subject().equals(grant.subject()))
            .filter(one -> one.rule().equals(grant.rule()))
            .filter(one -> one.model().equals(model))
            .filter(one -> clock.instant().isBefore(Instant.ofEpochSecond(one.expires())))
            .map(one -> new Resumed(one.handle(), one.session()));
      } catch (GeneralSecurityException e) {
        // Sealed with another key, or altered.
      } catch (IOException e) {
        throw new IllegalStateException("what was sealed here is JSON", e);
      }
    }
    return Optional.empty();
  }

  private static Cipher cipher(int mode, byte[] key, byte[] salt, byte[] nonce)
      throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    mac.update("livegate resumption handle 1".getBytes(StandardCharsets.US_ASCII));
    byte[] derived = mac.doFinal(salt);
    Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
    cipher.init(mode, new SecretKeySpec(derived, "AES"), new GCMParameterSpec(TAG_BITS, nonce));
    return cipher;
  }

  private byte[] randomBytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }
}
