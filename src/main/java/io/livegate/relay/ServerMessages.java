package io.livegate.relay;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Reads the few messages of Google's that the relay must understand. */
final class ServerMessages {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final byte[] SETUP_COMPLETE = name("setupComplete");
  private static final byte[] USAGE = name("usageMetadata");

  private ServerMessages() {}

  /** Whether the setup is accepted by that message. */
  static boolean isSetupComplete(Message message) {
    return field(message, SETUP_COMPLETE, "setupComplete").isPresent();
  }

  /** The usage that a message reports, if any. */
  static Optional<JsonNode> usage(Message message) {
    return field(message, USAGE, "usageMetadata");
  }

  /**
   * The value of a field at the top. Only what has the name somewhere is parsed; a transcript may
   * have it, too.
   */
  private static Optional<JsonNode> field(Message message, byte[] quoted, String name) {
    if (!has(message, quoted)) {
      return Optional.empty();
    }
    try {
      JsonNode json = JSON.readTree(message.content());
      return Optional.ofNullable(json == null ? null : json.get(name));
    } catch (IOException e) {
      // What Google sends is passed on as it is; it is the client's to make sense of.
      return Optional.empty();
    }
  }

  /** Goes from quote to quote: media, which is most of what passes, has none. */
  private static boolean has(Message message, byte[] quoted) {
    byte[] array = message.content();
    int last = array.length - quoted.length;
    for (int i = 0; i <= last; i++) {
      if (array[i] == '"' && matches(array, i, quoted)) {
        return true;
      }
    }
    return false;
  }

  private static boolean matches(byte[] array, int at, byte[] quoted) {
    for (int i = 1; i < quoted.length; i++) {
      if (array[at + i] != quoted[i]) {
        return false;
      }
    }
    return true;
  }

  private static byte[] name(String name) {
    return ("\"" + name + "\"").getBytes(StandardCharsets.US_ASCII);
  }
}
