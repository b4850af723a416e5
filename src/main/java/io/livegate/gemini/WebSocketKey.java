package io.livegate.gemini;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Optional;

/** The {@code Sec-WebSocket-Key} of an opening handshake (RFC 6455 section 4). */
public record WebSocketKey(String value) {

  private static final int BYTES = 16;
  private static final String GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

  /** A new one, for a client. */
  static WebSocketKey random() {
    byte[] key = new byte[BYTES];
    new SecureRandom().nextBytes(key);
    return new WebSocketKey(Base64.getEncoder().encodeToString(key));
  }

  /** The one that a client sent, if it is one. */
  public static Optional<WebSocketKey> of(String value) {
    try {
      return Base64.getDecoder().decode(value).length == BYTES
          ? Optional.of(new WebSocketKey(value))
          : Optional.empty();
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** The {@code Sec-WebSocket-Accept} by which a server shows that it understood. */
  public String accept() {
    try {
      byte[] digest =
          MessageDigest.getInstance("SHA-1")
              .digest((value + GUID).getBytes(StandardCharsets.US_ASCII));
      return Base64.getEncoder().encodeToString(digest);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-1", e);
    }
  }
}
