package io.livegate.simulator;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads contents and tools, and cuts answers into pieces. */
final class Turns {
  private static final Pattern WORD = Pattern.compile("\\s*\\S+\\s*|\\s+");
  private static final int MOST_PIECES = 200;
  private static final int SOUND_PIECE = Pcm.OUT_RATE * 2 / 5;

  private Turns() {}

  /** One message's worth of an answer. */
  record Piece(String text, Buffer sound) {}

  /** The names that may be called. */
  static Set<String> functions(JsonArray tools) {
    Set<String> names = new TreeSet<>();
    for (Object tool : tools) {
      for (Object function :
          ((JsonObject) tool).getJsonArray("functionDeclarations", new JsonArray())) {
        names.add(((JsonObject) function).getString("name", ""));
      }
    }
    return names;
  }

  /** The words of a user's turn; nothing of a model's. */
  static String userText(JsonObject turn) {
    if (turn.getString("role", "user").equals("model")) {
      return "";
    }
    StringBuilder text = new StringBuilder();
    for (Object part : turn.getJsonArray("parts", new JsonArray())) {
      text.append(((JsonObject) part).getString("text", ""));
    }
    return text.toString();
  }

  static Tally tally(JsonObject turn) {
    Tally sum = Tally.NONE;
    for (Object item : turn.getJsonArray("parts", new JsonArray())) {
      JsonObject part = (JsonObject) item;
      JsonObject blob = part.getJsonObject("inlineData");
      if (blob != null) {
        String type = blob.getString("mimeType", "");
        int bytes = blob.getString("data", "").length() / 4 * 3;
        sum =
            sum.plus(
                type.startsWith("audio/")
                    ? Tally.ofAudio(bytes * 500L / Pcm.rate(type))
                    : Tally.IMAGE);
      }
      sum = sum.plus(Tally.ofText(part.getString("text", "")));
    }
    return sum;
  }

  /** The media of one realtimeInput, whichever way it was sent. */
  static JsonArray blobs(JsonObject input) {
    JsonArray blobs = input.getJsonArray("mediaChunks", new JsonArray()).copy();
    for (String name : List.of("audio", "video")) {
      JsonObject blob = input.getJsonObject(name);
      if (blob != null) {
        blobs.add(blob);
      }
    }
    return blobs;
  }

  static byte[] decode(String base64) {
    try {
      // Both alphabets are valid in protobuf's JSON, with and without padding.
      return Base64.getDecoder().decode(base64.replace('-', '+').replace('_', '/'));
    } catch (IllegalArgumentException e) {
      throw Refusal.invalid(
          "Invalid value at 'realtime_input' (TYPE_BYTES), Base64 decoding failed");
    }
  }

  static JsonObject arguments(@Nullable String json) {
    try {
      return json == null ? new JsonObject() : new JsonObject(json);
    } catch (DecodeException e) {
      return new JsonObject();
    }
  }

  /** The pieces of an answer; together their texts are the whole text, with every space. */
  static List<Piece> pieces(String text, Buffer sound) {
    return sound.length() == 0 ? spoken(text) : played(text, sound);
  }

  private static List<Piece> spoken(String text) {
    List<String> words = WORD.matcher(text).results().map(MatchResult::group).toList();
    int each = Math.max(1, (words.size() + MOST_PIECES - 1) / MOST_PIECES);
    List<Piece> pieces = new ArrayList<>();
    for (int i = 0; i < words.size(); i += each) {
      String group = String.join("", words.subList(i, Math.min(words.size(), i + each)));
      pieces.add(new Piece(group, Buffer.buffer(Pcm.tone(group))));
    }
    return pieces;
  }

  private static List<Piece> played(String text, Buffer sound) {
    List<Piece> pieces = new ArrayList<>();
    for (int from = 0; from < sound.length(); from += SOUND_PIECE) {
      Buffer cut = sound.slice(from, Math.min(sound.length(), from + SOUND_PIECE));
      pieces.add(new Piece(from == 0 ? text : "", cut));
    }
    return pieces;
  }
}
