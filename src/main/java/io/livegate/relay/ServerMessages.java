package io.livegate.relay;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads the few messages of Google's that the relay must understand. */
final class ServerMessages {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** The names of the fields that tell them. */
  private static final List<byte[]> NAMES =
      List.of(
          Message.quoted("setupComplete"),
          Message.quoted("usageMetadata"),
          Message.quoted("turnComplete"));

  private ServerMessages() {}

  /**
   * The message, if it has one of the names somewhere, which a transcript may have, too; others are
   * not parsed.
   */
  static @Nullable JsonNode read(Message message) {
    if (!message.mentions(NAMES)) {
      return null;
    }
    try {
      return JSON.readTree(message.content());
    } catch (IOException e) {
      // What Google sends is passed on as it is; it is the client's to make sense of.
      return null;
    }
  }
}
