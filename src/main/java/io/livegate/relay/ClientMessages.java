package io.livegate.relay;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import io.livegate.relay.ClientMessage.Kind;
import io.netty.util.concurrent.FastThreadLocal;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which messages a client may send after its setup: JSON objects with exactly one of the known
 * names at the top, in lowerCamelCase or snake_case. The whole message is held to RFC 8259, because
 * Google's reader takes more than that (unquoted names, for one) and could find another name in
 * what a strict reader takes for a string.
 */
final class ClientMessages {

  /** What is thought of a message. */
  sealed interface Verdict {
    /** It may pass. */
    record Passes(ClientMessage message) implements Verdict {}

    /**
     * It may not.
     *
     * @param objection why; safe to show to the client
     */
    record Refused(String objection) implements Verdict {}
  }

  private static final JsonFactory JSON = new JsonFactory();
  private static final int LONGEST_NAME = 40;
  private static final Set<String> MEDIA =
      Set.of("audio", "video", "mediaChunks", "media_chunks", "media");
  private static final Set<String> TURN_COMPLETE = Set.of("turnComplete", "turn_complete");

  /** Most messages fit; what judging one needs is over when it ends. */
  private static final FastThreadLocal<byte[]> SCRATCH =
      new FastThreadLocal<>() {
        @Override
        protected byte[] initialValue() {
          return new byte[1 << 16];
        }
      };

  private static final byte[] NOT_KEPT = new byte[0];

  private final Map<String, Kind> names = new HashMap<>();
  private final int longestName;

  ClientMessages(List<String> more) {
    more.forEach(name -> add(name, Kind.CONTENT));
    add("clientContent", Kind.CONTENT);
    add("realtimeInput", Kind.MEDIA);
    add("toolResponse", Kind.TOOL_RESPONSE);
    longestName = names.keySet().stream().mapToInt(String::length).max().orElseThrow();
  }

  private void add(String name, Kind kind) {
    names.put(name, kind);
    names.put(name.replaceAll("([A-Z])", "_$1").toLowerCase(java.util.Locale.ROOT), kind);
  }

  /** Judges a message; it stays the caller's. */
  Verdict judge(Message message) {
    byte[] scratch = SCRATCH.get();
    byte[] json = message.size() <= scratch.length ? scratch : new byte[message.size()];
    message.copyTo(json);
    int size = Outline.shorten(json, message.size(), longestName + 1);
    if (!isUtf8(json, size)) {
      return new Verdict.Refused("the message is not JSON in UTF-8");
    }
    try (JsonParser parser = JSON.createParser(json, 0, size)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return new Verdict.Refused("the message is not a JSON object");
      }
      Kind found = null;
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        Kind kind = names.get(name);
        if (kind == null) {
          return new Verdict.Refused(
              name.equals("setup")
                  ? "setup can be sent only once, as the first message"
                  : "clients may not send " + shown(name));
        }
        if (found != null) {
          return new Verdict.Refused(
              "a message has one field, here " + shown(name) + " is one too many");
        }
        found = kind(parser, kind);
      }
      if (parser.nextToken() != null) {
        return new Verdict.Refused("something follows the JSON object");
      }
      return found == null
          ? new Verdict.Refused("the message is empty")
          : new Verdict.Passes(
              new ClientMessage(
                  found, message.isText(), found == Kind.MEDIA ? NOT_KEPT : message.content()));
    } catch (JsonProcessingException e) {
      return new Verdict.Refused("the message is not JSON");
    } catch (IOException e) {
      throw new IllegalStateException("reading bytes in memory", e);
    }
  }

  /** Reads the value of the field that was found, to its end. */
  private static Kind kind(JsonParser parser, Kind assumed) throws IOException {
    Kind kind = assumed;
    if (parser.nextToken() != JsonToken.START_OBJECT) {
      parser.skipChildren();
      return assumed == Kind.MEDIA ? Kind.CONTENT : assumed;
    }
    boolean any = false;
    while (parser.nextToken() == JsonToken.FIELD_NAME) {
      String name = parser.currentName();
      JsonToken value = parser.nextToken();
      if (assumed == Kind.MEDIA && !MEDIA.contains(name)) {
        kind = name.equals("text") || kind == Kind.PROMPT ? Kind.PROMPT : Kind.CONTENT;
      } else if (assumed == Kind.CONTENT
          && TURN_COMPLETE.contains(name)
          && value == JsonToken.VALUE_TRUE) {
        kind = Kind.PROMPT;
      }
      any = true;
      parser.skipChildren();
    }
    return any || assumed != Kind.MEDIA ? kind : Kind.CONTENT;
  }

  /**
   * Whether the content is UTF-8 and looks like an object in no other encoding, which Jackson would
   * detect.
   */
  static boolean isUtf8(byte[] array, int end) {
    boolean ascii = true;
    for (int i = 0; i < end; i++) {
      ascii &= array[i] > 0;
    }
    if (ascii) {
      return end > 0;
    }
    for (int i = 0; i < end && i < 4; i++) {
      if (array[i] == 0 || (i == 0 && array[i] < 0)) {
        return false;
      }
    }
    try {
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(array, 0, end));
      return true;
    } catch (CharacterCodingException e) {
      return false;
    }
  }

  private static String shown(String name) {
    String cut = name.length() > LONGEST_NAME ? name.substring(0, LONGEST_NAME) + "..." : name;
    return "\"" + cut.replaceAll("[^ -~]", "?") + "\"";
  }
}
