package io.livegate.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.common.primitives.UnsignedLong;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class LimitsTemplateTest {

  /** What the notation of a key is made of, what looks like it, and what UTF-8 cannot tell. */
  private static final List<String> PIECES =
      List.of(
          "a",
          "A",
          "F",
          "0",
          "1",
          "2",
          "/",
          "%",
          "%002F",
          "%0025",
          "=",
          "~",
          ".",
          ":",
          "{",
          "}",
          " ",
          "\n",
          "\0",
          "?",
          "é",
          "e\u0301",
          "\ud83d\ude00",
          "\ud83d",
          "\ude00",
          "\ufffd");

  private record Counted(String rule, String per, Object value) {}

  private final Map<String, Counted> seen = new HashMap<>();

  private void see(String rule, String per, Object value) {
    var counted = new Counted(rule, per, value);
    var other = seen.putIfAbsent(LimitsTemplate.key(rule, per, value), counted);
    assertTrue(other == null || other.equals(counted), () -> other + " and " + counted);
  }

  @Test
  void noTwoCountsShareAKey() {
    var texts = new ArrayList<String>(List.of(""));
    for (String one : PIECES) {
      texts.add(one);
      for (String two : PIECES) {
        texts.add(one + two);
        for (String three : PIECES) {
          texts.add(one + two + three);
        }
      }
    }
    for (String text : texts) {
      see("r", "p", text);
      see("r", text.isEmpty() ? "p" : text, "");
    }
    for (String per : texts.subList(1, 200)) {
      for (String value : texts.subList(0, 200)) {
        see("r", per, value);
        see("r.r", per, value);
      }
    }
    for (Object value :
        List.of(true, false, 0L, 1L, -1L, 1.5, -1.5, 1e300, Long.MAX_VALUE, Double.NaN, 0x1p63)) {
      see("r", "p", value);
      see("r", "p", value.toString());
      see("r", "p", "=" + value);
    }
  }

  @Test
  void longOnesShareNoKeyEither() {
    var random = new Random(4);
    for (int i = 0; i < 20_000; i++) {
      var text = new StringBuilder("x".repeat(LimitsTemplate.LONGEST_PART - 3));
      for (int n = random.nextInt(6); n > 0; n--) {
        text.append(PIECES.get(random.nextInt(PIECES.size())));
      }
      see("r", "p", text.toString());
      see("r", text.toString(), "v");
    }
    // What a hashed part looks like is itself escaped.
    for (String key : List.copyOf(seen.keySet())) {
      see("r", "p", key.substring(key.lastIndexOf('/') + 1));
    }
  }

  @Test
  void aKeyIsBoundedAndHasNoCharacterThatMeansSomethingElsewhere() {
    for (String text : List.of("x".repeat(10_000), "\n".repeat(10_000), "{}*? \"'\\é", "")) {
      String key = LimitsTemplate.key("r".repeat(63), text + "p", text);

      assertTrue(key.length() <= 63 + 2 * (1 + LimitsTemplate.LONGEST_PART), key);
      assertTrue(key.matches("[-A-Za-z0-9._:@%=~/]+"), key);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "subject, default:ada, r/subject/default:ada",
    "claims.department, R&D /1, r/claims.department/R%0026D%0020%002F1",
    "claims['a'], ~=, r/claims%005B%0027a%0027%005D/%007E%003D",
  })
  void aKeyCanBeRead(String per, String value, String expected) {
    assertEquals(expected, LimitsTemplate.key("r", per, value));
  }

  @Test
  void whatCelTakesForEqualIsOneCount() {
    String two = LimitsTemplate.key("r", "p", 2L);

    assertEquals("r/p/=2", two);
    assertEquals(two, LimitsTemplate.key("r", "p", 2.0));
    assertEquals(two, LimitsTemplate.key("r", "p", UnsignedLong.valueOf(2)));
    assertEquals(LimitsTemplate.key("r", "p", 0.0), LimitsTemplate.key("r", "p", -0.0));
    assertNotEquals(two, LimitsTemplate.key("r", "p", "2"));
  }
}
