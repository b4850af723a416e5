package io.livegate.bench;

import io.vertx.core.buffer.Buffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Base64;
import java.util.Random;

/** Messages of one size, as clients send audio, each with its number in it. */
final class Numbered {

  private static final String BEFORE =
      "{\"realtimeInput\":{\"audio\":{\"mimeType\":\"audio/pcm;rate=16000\",\"data\":\"";
  private static final String AFTER = "\"}}}";
  private static final int DIGITS = 12;

  private final byte[] template;

  /** Messages of about so many bytes, less what base64 does not fill. */
  Numbered(int size) {
    byte[] audio = new byte[(size - BEFORE.length() - DIGITS - AFTER.length()) / 4 * 3];
    new Random(1).nextBytes(audio);
    template =
        (BEFORE + "0".repeat(DIGITS) + Base64.getEncoder().encodeToString(audio) + AFTER)
            .getBytes(StandardCharsets.US_ASCII);
  }

  String message(long number) {
    byte[] message = Arrays.copyOf(template, template.length);
    long rest = number;
    for (int i = BEFORE.length() + DIGITS - 1; rest > 0; i--, rest /= 10) {
      message[i] = (byte) ('0' + rest % 10);
    }
    return new String(message, StandardCharsets.ISO_8859_1);
  }

  int size() {
    return template.length;
  }

  /** The number in a message of any size; negative in one of another kind. */
  static long number(Buffer message) {
    if (message.length() < BEFORE.length() + DIGITS || message.getByte(2) != BEFORE.charAt(2)) {
      return -1;
    }
    long number = 0;
    for (int i = BEFORE.length(); i < BEFORE.length() + DIGITS; i++) {
      int digit = message.getByte(i) - '0';
      if (digit < 0 || digit > 9) {
        return -1;
      }
      number = 10 * number + digit;
    }
    return number;
  }
}
