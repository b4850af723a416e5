package io.livegate.relay;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Which messages a client may send after its setup: JSON objects with exactly one of the known
 * names at the top, in lowerCamelCase or snake_case. The whole message is held to RFC 8259, because
 * Google's reader takes more than that (unquoted names, for one) and could find another name in
 * what a strict reader takes for a string.
 */
final class ClientMessages {

  private static final JsonFactory JSON = new JsonFactory();
  private static final int LONGEST_NAME = 40;

  private final Set<String> names = new HashSet<>();

  ClientMessages(List<String> more) {
    for (String name : List.of("clientContent", "realtimeInput", "toolResponse")) {
      add(name);
    }
    more.forEach(this::add);
  }

  private void add(String name) {
    names.add(name);
    names.add(name.replaceAll("([A-Z])", "_$1").toLowerCase(java.util.Locale.ROOT));
  }

  /** Why a message may not pass, if so; safe to show to the client. */
  Optional<String> objection(Message message) {
    byte[] content = message.content();
    if (!isUtf8(content)) {
      return Optional.of("the message is not JSON in UTF-8");
    }
    try (JsonParser parser = JSON.createParser(content)) {
      if (parser.nextToken() != JsonToken.START_OBJECT) {
        return Optional.of("the message is not a JSON object");
      }
      int found = 0;
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        if (!names.contains(name)) {
          return Optional.of(
              name.equals("setup")
                  ? "setup can be sent only once, as the first message"
                  : "clients may not send " + shown(name));
        }
        if (++found > 1) {
          return Optional.of("a message has one field, here " + shown(name) + " is one too many");
        }
        parser.nextToken();
        parser.skipChildren();
      }
      if (parser.nextToken() != null) {
        return Optional.of("something follows the JSON object");
      }
      return found == 1 ? Optional.empty() : Optional.of("the message is empty");
    } catch (JsonProcessingException e) {
      return Optional.of("the message is not JSON");
    } catch (IOException e) {
      throw new IllegalStateException("reading bytes in memory", e);
    }
  }

  /**
   * Whether the content is UTF-8 and looks like an object in no other encoding, which Jackson would
   * detect.
   */
  static boolean isUtf8(byte[] array) {
    int end = array.length;
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
      StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(array));
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
