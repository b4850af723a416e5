package io.livegate.policy;

import static io.livegate.policy.Policies.subject;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.policy.SetupTemplate.Rendered;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SetupTemplateTest {

  private final List<String> mistakes = new ArrayList<>();

  private SetupTemplate template(Object text) {
    return new SetupTemplate(
        Map.of("text", text),
        (path, offset, what) -> mistakes.add(path + " " + offset + " " + what));
  }

  private Object rendered(String text, Map<String, ?> claims) {
    var template = template(text);
    assertEquals(List.of(), mistakes);
    return assertInstanceOf(Rendered.Setup.class, template.render(subject(claims)))
        .values()
        .get("text");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "You help ${claims.name}. | You help Ada.",
        "${claims.name}${claims.age} | Ada36",
        "${subject} of ${issuer} | default:ada of https://login.example",
        "Costs $5, no claim {claims.name} | Costs $5, no claim {claims.name}",
        "Write $${claims.name} | Write ${claims.name}",
        "$$${claims.name} | $${claims.name}",
        "${'$'}${claims.name} | $Ada",
        "${claims.name == 'Ada' ? 'yes}' : \"no}\"} | yes}",
        "${{'a': 'x', 'b': 'y'}['b']} | y",
        "${'it\\'s }'} | it's }",
        "${'''a '}' b'''} | a '}' b",
        "${r'\\d}'} | \\d}",
        "${has(claims.nope) ? claims.nope : 'nobody'} | nobody",
        "${claims.verified} | true",
        "${claims.half} | 0.5",
      })
  void expressionsStandInText(String text, String expected) {
    var line = rendered(text, Map.of("name", "Ada", "age", 36, "verified", true, "half", 0.5));

    assertEquals(expected, line);
  }

  @Test
  void aCommentInAnExpressionEndsWithItsLine() {
    var line = rendered("${claims.name // it's }\n}!", Map.of("name", "Ada"));

    assertEquals("Ada!", line);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "A\nda", "A\r\nda", "A\tda", "A\u0000da", "A\u0085da", "A\u2028da", "A\u2029da",
        "A\u202eda", "A\u2066da", "A\u200bda", "A\ufeffda", "A\u00adda", "A\u200eda", "A\ue000da",
        "A\ud800da", "A\udb40\udc41da", "A\u061cda"
      })
  void whatCouldFormatAnInstructionIsStripped(String name) {
    var line = rendered("Hi ${claims.name}.", Map.of("name", name));

    assertEquals("Hi Ada.", line);
  }

  @Test
  void theTextOfThePolicyItselfKeepsItsLines() {
    var line = rendered("Hi\n${claims.name}\n", Map.of("name", "Ada"));

    assertEquals("Hi\nAda\n", line);
  }

  @Test
  void whatIsPutInIsNotReadAgain() {
    var line = rendered("Hi ${claims.name}", Map.of("name", "${issuer} $${x}"));

    assertEquals("Hi ${issuer} $${x}", line);
  }

  @Test
  void aValueIsCutAtTwoHundredCharactersAndNeverInsideOne() {
    var line = rendered("${claims.name}", Map.of("name", "\ud83d\ude00".repeat(300)));

    assertEquals("\ud83d\ude00".repeat(200), line);
  }

  @Test
  void lettersOfAllScriptsStay() {
    var line = rendered("${claims.name}", Map.of("name", "Zoë Łukasz 山田 עדה 👩‍🔬"));

    // The joiner inside the last is a format character; its two parts stay.
    assertEquals("Zoë Łukasz 山田 עדה 👩🔬", line);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"${claims.nope}", "${claims.groups}", "${claims.name.x}", "${1/0}", "${null}"})
  void anExpressionWithoutAUsableValueFailsTheWholeSetup(String text) {
    var template = template("Hi " + text);

    var rendered = template.render(subject(Map.of("name", "Ada", "groups", List.of("a"))));

    assertInstanceOf(Rendered.Failed.class, rendered);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Hi ${claims.name | text 3 has a ${ without its }; write $${ for a plain ${",
        "Hi ${nope} | text 3 ${nope} is no CEL expression: column 1: undeclared reference to 'nope'",
        "Hi ${} | text 3 ${} is no CEL expression:",
        "${claims.a + 'b'} | text 0 ${claims.a + 'b'} is no CEL expression:",
      })
  void aMistakeIsPlaced(String text, String expected) {
    template(text);

    assertEquals(1, mistakes.size());
    assertTrue(mistakes.get(0).startsWith(expected), mistakes::toString);
  }

  @Test
  void everyMistakeOfATextIsFound() {
    template("${a} ${b} ${claims.c}");

    assertEquals(2, mistakes.size(), mistakes::toString);
  }

  @Test
  void thePlacesThatClaimsReachAreKnown() {
    var template =
        template(List.of("plain", "${claims.a}", "${subject}", Map.of("x", "${.claims.b}")));

    assertEquals(List.of("text[1]", "text[3].x"), template.readingClaims());
  }

  @Test
  void onlyTextsAreTemplates() {
    var template = template(List.of(1L, true, Map.of("${claims.a}", "$ {claims.a}")));

    var rendered = template.render(subject(Map.of()));

    assertEquals(
        new Rendered.Setup(
            Map.of("text", List.of(1L, true, Map.of("${claims.a}", "$ {claims.a}")))),
        rendered);
  }
}
