package io.livegate.relay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** An outline says the same as the whole. */
class OutlineTest {

  private static final int KEPT = 15;
  private static final JsonFactory JSON = new JsonFactory();

  private static byte[] outline(byte[] json) {
    byte[] copy = json.clone();
    return Arrays.copyOf(copy, Outline.shorten(copy, copy.length, KEPT));
  }

  private static String outline(String json) {
    return new String(outline(json.getBytes(StandardCharsets.UTF_8)), StandardCharsets.UTF_8);
  }

  @Test
  void mediaIsAsShortAsItsNames() {
    String audio =
        "{\"realtimeInput\":{\"audio\":{\"data\":\""
            + "QUJD".repeat(10_000)
            + "\",\"mimeType\":\"audio/pcm;rate=16000\"}}}";
    String outline = outline(audio);
    assertTrue(outline.length() < 130, outline);
    assertTrue(outline.startsWith("{\"realtimeInput\":{\"audio\":{\"data\":\"QUJDQUJD"), outline);
    assertTrue(outline.endsWith("\",\"mimeType\":\"audio/pcm;rate=16000\"}}}"), outline);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "12345678901234567890123456789012345678901234567890123456789",
        "{\"a\":                                                        1}",
        "nullnullnullnullnullnullnullnullnullnullnullnullnullnullnull",
      })
  void nothingIsLeftOutOutsideOfStrings(String json) {
    assertEquals(json, outline(json));
  }

  @Test
  void noNameIsShortenedToAnotherThatMatters() {
    for (int longer = 1; longer < 100; longer++) {
      String name = outline("{\"realtime" + "X".repeat(longer) + "Input\":1}").split("\"", -1)[1];
      assertTrue(name.length() > "realtimeInput".length(), name);
      assertTrue(name.contains("X"), name);
    }
  }

  /** What a strict reader makes of a message. */
  private static List<String> read(byte[] json) {
    var seen = new ArrayList<String>();
    if (!ClientMessages.isUtf8(json, json.length)) {
      return List.of("not UTF-8");
    }
    try (JsonParser parser = JSON.createParser(json)) {
      for (JsonToken token = parser.nextToken(); token != null; token = parser.nextToken()) {
        // A long name or text is told by its beginning.
        String text = token.isScalarValue() || token == JsonToken.FIELD_NAME ? text(parser) : "";
        seen.add(token + text);
      }
      seen.add("valid");
    } catch (IOException e) {
      seen.add("not JSON");
    }
    return seen;
  }

  private static String text(JsonParser parser) throws IOException {
    String text = parser.getText();
    return parser.currentToken().isNumeric() || text.length() < KEPT
        ? text
        : text.substring(0, KEPT - 1) + "...";
  }

  /** Messages and what becomes of them by chance; a seed that fails is printed. */
  @Test
  void anOutlineReadsAsTheWholeDoes() {
    String[] parts = {
      "\"",
      "\\",
      "\\\"",
      "\\u00e9",
      "\\u12",
      "é",
      "😀",
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      "null",
      "1e5",
      " ",
      "\n",
      "\u0001",
      "\u007f",
      "setup",
      "audio",
      "text",
      "A",
      "QUJDREVG",
      "QUJDREVG".repeat(2),
      "QUJDREVG".repeat(5),
      "0123456789abcdef".repeat(4)
    };
    int valid = 0;
    for (int seed = 0; seed < 20_000; seed++) {
      var random = new Random(seed);
      var text = new StringBuilder("{\"realtimeInput\":{\"");
      for (int i = random.nextInt(6); i > 0; i--) {
        text.append(parts[random.nextInt(parts.length)]);
      }
      text.append("\":\"");
      for (int i = random.nextInt(6); i > 0; i--) {
        text.append(parts[random.nextInt(parts.length)]);
      }
      text.append("\"}}");
      byte[] json = text.toString().getBytes(StandardCharsets.UTF_8);
      if (random.nextInt(3) == 0) {
        json[random.nextInt(json.length)] = (byte) random.nextInt();
      }
      byte[] outline = outline(json);
      List<String> whole = read(json);
      int failing = seed;
      assertEquals(whole, read(outline), () -> "seed " + failing + ": " + text);
      valid += whole.contains("valid") ? 1 : 0;
    }
    assertTrue(valid > 2_000, valid + " were valid");
  }
}
