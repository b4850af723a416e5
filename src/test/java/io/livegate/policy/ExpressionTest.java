package io.livegate.policy;

import static io.livegate.policy.Policies.subject;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.error.ErrorCode;
import io.livegate.identity.Subject;
import io.livegate.policy.Expression.InvalidException;
import io.livegate.policy.Expression.Outcome;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ExpressionTest {

  private static final Subject ADA =
      subject(
          Map.of(
              "groups",
              List.of("a", "b"),
              "name",
              "Ada",
              "age",
              36,
              "height",
              1.5,
              "verified",
              true,
              "text",
              "true",
              "https://example.com/roles",
              List.of("admin"),
              "realm_access",
              Map.of("roles", List.of("r"))));

  /** As much as a request header holds. */
  private static final Subject BIG =
      subject(
          Map.of(
              "a", "a".repeat(16_000),
              "b", "a".repeat(8_000) + "b",
              "many", Collections.nCopies(1000, "g"),
              "lots", Collections.nCopies(8_000, "x")));

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'a' in claims.groups",
        "'admin' in claims['https://example.com/roles']",
        "'r' in claims.realm_access.roles",
        "has(claims.name) && !has(claims.nope)",
        "claims.nope == 1 || claims.verified",
        "claims.age == 36.0 && claims.height > 1",
        "claims.groups.exists(g, g.startsWith('a'))",
        "claims.groups.all(g, g.matches('^[ab]$'))",
        "claims.name.lowerAscii() == 'ada'",
        "claims.text == 'true' && bool(claims.text)",
        "subject == 'default:ada' && issuer == 'https://login.example'",
        ".claims.verified",
      })
  void aConditionHolds(String condition) throws Exception {
    var outcome = Expression.condition(condition).evaluate(ADA);

    assertEquals(new Outcome.Value(true), outcome);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "claims.nope",
        "!claims.nope",
        "'x' in claims.nope.roles",
        "'x' in claims.realm_access.nope",
        "claims['nope'] == 1",
        "has(claims.nope.inner)",
        "claims.groups.exists(g, g == claims.nope)",
      })
  void anAbsentClaimIsAnAbsence(String condition) throws Exception {
    var outcome = Expression.condition(condition).evaluate(ADA);

    assertInstanceOf(Outcome.Absent.class, outcome);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "'A' in claims.name",
        "claims.verified && claims.text",
        "claims.name.first == 'A'",
        "has(claims.name.first)",
        "claims.groups[7] == 'a'",
        "claims.age / 0 == 1",
        "claims.age.startsWith('3')",
        "claims.groups.exists(g, g.nope == 1)",
      })
  void anyOtherTroubleIsAFailure(String condition) throws Exception {
    var outcome = Expression.condition(condition).evaluate(ADA);

    assertInstanceOf(Outcome.Failed.class, outcome);
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = "=>",
      quoteCharacter = '`',
      value = {
        "'a' in claims.groups => withheld",
        "!('a' in claims.groups) => withheld",
        "has(claims.groups) => withheld",
        "claims.verified && 'a' in claims.groups => withheld",
        "claims['groups'] == [] => withheld",
        "claims.exists(name, name == 'groups') => withheld",
        "!claims.exists(name, name == 'groups') => withheld",
        "(claims.verified ? claims : {}).all(name, name != 'groups') => withheld",
        "claims == {} => withheld",
        "'groups' in claims => withheld",
        "claims.verified || 'a' in claims.groups => true",
        "!claims.verified && 'a' in claims.groups => false",
        "claims.name == 'Ada' => true",
        "'admin' in claims['https://example.com/roles'] => true",
      })
  void aWithheldClaimMattersWhereItIsNeeded(String condition, String expected) throws Exception {
    var claims = new HashMap<>(ADA.claims());
    claims.remove("groups");
    claims.put("_claim_names", Map.of("groups", "src1"));

    var outcome = Expression.condition(condition).evaluate(subject(claims));

    assertEquals(
        expected.equals("withheld")
            ? new Outcome.Withheld(Set.of("groups"))
            : new Outcome.Value(Boolean.valueOf(expected)),
        outcome);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "claims.many.all(g, claims.many.all(h, g == h))",
        "claims.lots.exists(x, x == 'y')",
        "claims.many.all(g, !claims.a.contains(claims.b))",
        "claims.many.all(g, !claims.a.contains(claims.b)) || true",
        "true || claims.many.all(g, !claims.a.contains(claims.b)) ? "
            + "claims.many.all(g, claims.a.indexOf(claims.b) < 0) : false",
        "claims.many.all(g, !claims.a.matches('(x+x+)+y|(a|aa|a*)*b'))",
        "claims.many.all(g, !('y' in claims.lots))",
        "claims.many.all(g, claims.lots == claims.lots)",
        "claims.many.all(g, claims.a.lowerAscii() == claims.a)",
      })
  void aHostileExpressionEndsInBoundedTimeAndDenies(String condition) throws Exception {
    var policy = Policies.when(condition);

    var decision =
        assertTimeoutPreemptively(
            Duration.ofSeconds(20), () -> policy.decide(BIG, GrantRequest.EMPTY));

    assertEquals(
        ErrorCode.POLICY_ERROR,
        assertInstanceOf(Decision.Denied.class, decision).code(),
        decision::toString);
  }

  @Test
  void aTokenFullOfGroupsIsFarWithinTheBudget() throws Exception {
    var groups = Collections.nCopies(900, "cn=some-longer-group-name,ou=groups,dc=example");
    var condition =
        Expression.condition(
            "!claims.groups.exists(g, g.startsWith('cn=voice') || g.matches('^cn=voice-[a-z]+$'))");

    var outcome = condition.evaluate(subject(Map.of("groups", groups)));

    assertEquals(new Outcome.Value(true), outcome);
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = "=>",
      quoteCharacter = '`',
      value = {
        "claims.a + 'x' == 'b' => text and lists cannot be joined",
        "['a'] + claims.b == [] => text and lists cannot be joined",
        "claims.a.map(x, x) == [] => undeclared reference to 'map'; known are claims, issuer",
        "claims.a.filter(x, x) == [] => undeclared reference to 'filter'",
        "grups == 1 => column 1: undeclared reference to 'grups'",
        "claims.a == => column 12:",
        "'text' => expected type 'bool' but found 'string'",
        "claims.a.matches(claims.b) => matches needs its pattern as plain text",
        "matches(claims.a, claims.b) => matches needs its pattern as plain text",
        "claims.a.matches('(') => error parsing regexp: missing closing )",
        "claims.a.matches('(((a{999}){999}){999}){999}') => repeats too much",
        "claims.a.matches('(a{30}){30}') => allowed program size",
        "claims.?a.orValue(true) => unsupported syntax",
      })
  void whatIsNoConditionIsRefusedWithTheReason(String text, String expected) {
    var refusal = assertThrows(InvalidException.class, () -> Expression.condition(text));

    assertTrue(refusal.getMessage().contains(expected), refusal::getMessage);
  }

  @Test
  void aMistakeInALaterLineIsPlacedThere() {
    var refusal =
        assertThrows(
            InvalidException.class, () -> Expression.condition("claims.a &&\n  nope(claims.b)"));

    assertTrue(refusal.getMessage().startsWith("its line 2, column 7:"), refusal::getMessage);
  }

  @Test
  void deepNestingIsRefusedWhenCompiled() {
    String deep = "(".repeat(200) + "true" + ")".repeat(200);

    assertThrows(InvalidException.class, () -> Expression.condition(deep));
  }

  @Test
  void aTooLongExpressionIsRefused() {
    String lengthy = "claims.a" + " || claims.a".repeat(400);

    var refusal = assertThrows(InvalidException.class, () -> Expression.condition(lengthy));

    assertEquals(
        "expression code point size exceeds limit: size: 4808, limit 4000", refusal.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = "=>",
      quoteCharacter = '`',
      value = {
        "claims.a => claims.a => true",
        "claims.a && claims.b => claims.a => true",
        "claims.b && claims.a => claims.a&&claims.b => true",
        "claims.a => claims.a || claims.b => true",
        "claims.a || claims.b => claims.b || claims.a || claims.c => true",
        "claims.a && claims.b => (claims.a && claims.b) || claims.c => true",
        "claims.a && claims.x => (claims.a || claims.b) && (claims.x || claims.y) => true",
        "claims.a => true => true",
        "claims.g.exists(x, x == 'a') && claims.b => claims.g.exists(x, x == 'a') => true",
        "claims.a => claims.a && claims.b => false",
        "claims.a || claims.b => claims.a => false",
        "claims.a => claims.b => false",
        "claims.a => !claims.a => false",
        "claims.g.exists(x, x == 'a') => claims.g.exists(x, x == 'b') => false",
        "claims.a => 1 > 2 => false",
      })
  void whetherOneConditionImpliesAnotherShowsInTheirShape(
      String one, String other, boolean expected) throws Exception {
    var condition = Expression.condition(one);

    boolean implies = condition.implies(Expression.condition(other));

    assertEquals(expected, implies);
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = "=>",
      quoteCharacter = '`',
      value = {
        "false => true",
        "1 > 2 => true",
        "claims.a && false => true",
        "claims.a && !claims.a => true",
        "true => false",
        "claims.a && !claims.b => false",
        "[1].exists(claims, claims == 1) => false",
      })
  void aConditionThatIsNeverTrueIsFound(String text, boolean expected) throws Exception {
    var condition = Expression.condition(text);

    boolean never = condition.neverTrue();

    assertEquals(expected, never);
  }
}
