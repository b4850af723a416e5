package io.livegate.audit;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Optional;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** The key that chains audit lines. Of one thread at a time. */
final class AuditKey {

  private static final String ALGORITHM = "HmacSHA256";
  private static final int LEAST = 32;

  private final Mac mac;

  private AuditKey(byte[] key) {
    try {
      mac = Mac.getInstance(ALGORITHM);
      mac.init(new SecretKeySpec(key, ALGORITHM));
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * The key of the configuration, if there is one.
   *
   * @throws IllegalStateException naming the property, and nothing of its value
   */
  static Optional<AuditKey> of(AuditConfig config) {
    if (config.key().isPresent() && config.keyFile().isPresent()) {
      throw new IllegalStateException(
          "livegate.audit.key and livegate.audit.key-file are both set; one is enough");
    }
    try {
      if (config.keyFile().isPresent()) {
        return Optional.of(read(config.keyFile().get()));
      }
      return config.key().map(AuditKey::of);
    } catch (IOException e) {
      throw new IllegalStateException("livegate.audit.key-file cannot be read: " + e, e);
    } catch (IllegalArgumentException e) {
      throw new IllegalStateException(
          "livegate.audit.key or livegate.audit.key-file: " + e.getMessage(), e);
    }
  }

  /**
   * The key in a file.
   *
   * @throws IllegalArgumentException with a message for the user
   */
  static AuditKey read(Path file) throws IOException {
    // Not as text: what fails to decode would be quoted.
    return of(new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1));
  }

  /**
   * A key from its base64.
   *
   * @throws IllegalArgumentException with a message for the user
   */
  static AuditKey of(String base64) {
    byte[] key = {};
    try {
      key = Base64.getDecoder().decode(base64.strip());
    } catch (IllegalArgumentException e) {
      // Said below, without its message, which quotes the key.
    }
    if (key.length < LEAST) {
      throw new IllegalArgumentException(
          "a key is base64 of at least 32 random bytes, such as openssl rand -base64 32 prints");
    }
    try {
      return new AuditKey(key);
    } finally {
      Arrays.fill(key, (byte) 0);
    }
  }

  /**
   * What chains a line to the one before.
   *
   * @param previous the mac of that one; empty where a chain begins
   * @param line the line as it would be without a mac
   */
  String mac(String previous, byte[] line) {
    mac.update(previous.getBytes(StandardCharsets.US_ASCII));
    return HexFormat.of().formatHex(mac.doFinal(line));
  }
}
