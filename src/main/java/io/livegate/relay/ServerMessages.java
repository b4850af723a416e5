package io.livegate.relay;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Reads the few messages of Google's that the relay must understand. */
final class ServerMessages {

  private static final ObjectMapper JSON = new ObjectMapper();

  /** The name that tells that the model is speaking; the message need not be read for it. */
  private static final int MODEL_TURN = 1;

  /** The names of the fields that tell them. */
  private static final List<byte[]> NAMES =
      List.of(
          Message.quoted("modelTurn"),
          Message.quoted("setupComplete"),
          Message.quoted("usageMetadata"),
          Message.quoted("turnComplete"),
          Message.quoted("goAway"),
          Message.quoted("sessionResumptionUpdate"),
          Message.quoted("toolCall"),
          Message.quoted("toolCallCancellation"));

  private ServerMessages() {}

  /**
   * What a message says.
   *
   * @param known the message, if it has one of the names somewhere, which a transcript may have,
   *     too; others are not parsed
   * @param speaks whether the model is about to say something
   */
  record Read(@Nullable ObjectNode known, boolean speaks) {
    private static final Read NOTHING = new Read(null, false);
    private static final Read SPEECH = new Read(null, true);
  }

  static Read read(Message message) {
    int mentioned = message.mentioned(NAMES);
    if (mentioned == 0) {
      return Read.NOTHING;
    }
    if (mentioned == MODEL_TURN) {
      return Read.SPEECH;
    }
    try {
      JsonNode read = JSON.readTree(message.content());
      return new Read(
          read instanceof ObjectNode object ? object : null, (mentioned & MODEL_TURN) != 0);
    } catch (IOException e) {
      // What Google sends is passed on as it is; it is the client's to make sense of.
      return Read.NOTHING;
    }
  }
}
