package io.livegate.policy;

import static io.livegate.policy.Policies.policy;
import static io.livegate.policy.Policies.request;
import static io.livegate.policy.Policies.subject;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.error.ErrorCode;
import io.livegate.grant.Grant;
import io.livegate.grant.Limit;
import io.livegate.grant.Limit.Kind;
import io.livegate.grant.Limits;
import io.livegate.grant.Login;
import io.livegate.grant.Mode;
import io.livegate.identity.Subject;
import io.livegate.policy.Policies.Request;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class PolicyTest {

  private static final Policy POLICY =
      policy(
          """
          version: 1
          admins: "'platform-sre' in claims.groups"
          rules:
            - name: voice-pilots
              when: "'voice-pilots' in claims.groups && claims.email_verified"
              models: [gemini-3.8-live, gemini-3.8-live-extended-thinking]
              modes: [direct, relay]
              token: {uses: 3, expires-in: 30m, start-within: 60s}
              setup:
                generationConfig: {responseModalities: [AUDIO], temperature: 0.5}
                systemInstruction: "You help ${claims.name} of ${claims.department}. Answer briefly."
                outputAudioTranscription: {}
                contextWindowCompression: {triggerTokens: "25000", slidingWindow: {targetTokens: "8000"}}
              open: [tools, generationConfig.speechConfig, generationConfig.temperature]
            - name: staff
              when: claims.realm_access.roles.exists(r, r == 'staff')
              models: [models/gemini-3.8-live]
            - name: machines
              when: subject.startsWith('default:svc-') && issuer == 'https://login.example'
              models: [gemini-3.8-live]
              token: {uses: 0}
              allow-unlimited: true
          """);

  private static final Map<String, Object> PILOT =
      Map.of(
          "groups",
          List.of("voice-pilots"),
          "email_verified",
          true,
          "name",
          "Ada",
          "department",
          "Research");

  private static Map<String, Object> pilotBut(String claim, Object value) {
    var claims = new HashMap<>(PILOT);
    if (value == null) {
      claims.remove(claim);
    } else {
      claims.put(claim, value);
    }
    return claims;
  }

  private static Grant granted(Decision decision) {
    return assertInstanceOf(Decision.Granted.class, decision, decision::toString).grant();
  }

  private static Decision.Denied denied(Decision decision) {
    return assertInstanceOf(Decision.Denied.class, decision, decision::toString);
  }

  static Stream<Arguments> people() {
    var staff = Map.of("roles", List.of("staff"));
    return Stream.of(
        Arguments.of("in the group and verified", PILOT, "voice-pilots"),
        Arguments.of("in no group", Map.of("groups", List.of()), "no-rule-matched"),
        Arguments.of("without any claim", Map.of(), "no-rule-matched"),
        Arguments.of("not verified", pilotBut("email_verified", false), "no-rule-matched"),
        Arguments.of(
            "of whom that is unknown", pilotBut("email_verified", null), "no-rule-matched"),
        Arguments.of("a claim is null", pilotBut("groups", null), "no-rule-matched"),
        Arguments.of("a later rule is for", Map.of("realm_access", staff), "staff"),
        Arguments.of(
            "verified by a text: no falling through to staff",
            Map.of(
                "groups", List.of("voice-pilots"), "email_verified", "true", "realm_access", staff),
            "policy-error"),
        Arguments.of(
            "groups are one text: no falling through to staff",
            Map.of("groups", "voice-pilots", "email_verified", true, "realm_access", staff),
            "policy-error"),
        Arguments.of("a nested claim is a text", Map.of("realm_access", "staff"), "policy-error"),
        Arguments.of(
            "a nested claim is absent", Map.of("realm_access", Map.of()), "no-rule-matched"),
        Arguments.of("groups withheld", Map.of("hasgroups", true), "groups-overage"),
        Arguments.of(
            "groups withheld, and never needed",
            Map.of("hasgroups", "true", "email_verified", false, "realm_access", staff),
            "staff"),
        Arguments.of(
            "groups elsewhere",
            Map.of("_claim_names", Map.of("groups", "src1"), "email_verified", true),
            "groups-overage"),
        Arguments.of("the setup needs an absent claim", pilotBut("name", null), "policy-error"),
        Arguments.of("the setup needs a list", pilotBut("name", List.of("Ada")), "policy-error"),
        Arguments.of(
            "the setup needs a withheld claim",
            Map.of(
                "groups",
                List.of("voice-pilots"),
                "email_verified",
                true,
                "name",
                "Ada",
                "_claim_names",
                Map.of("department", "src1")),
            "groups-overage"));
  }

  @ParameterizedTest(name = "{0}: {2}")
  @MethodSource("people")
  void theFirstRuleThatMatchesDecides(String who, Map<String, Object> claims, String expected) {
    var decision = POLICY.decide(subject(claims), GrantRequest.EMPTY);

    String outcome =
        decision instanceof Decision.Granted granted
            ? granted.grant().rule()
            : denied(decision).code().label();
    assertEquals(expected, outcome, decision::toString);
  }

  @Test
  void aRequestThatNamesNothingGetsWhatTheRuleSays() {
    var grant = granted(POLICY.decide(subject(pilotBut("sub", "ada")), GrantRequest.EMPTY));

    assertEquals(
        new Grant(
            "default:ada",
            "voice-pilots",
            "models/gemini-3.8-live",
            Mode.DIRECT,
            3,
            Duration.ofMinutes(30),
            Duration.ofSeconds(60),
            Map.of(
                "generationConfig",
                Map.of("responseModalities", List.of("AUDIO"), "temperature", 0.5),
                "systemInstruction",
                Map.of(
                    "parts", List.of(Map.of("text", "You help Ada of Research. Answer briefly."))),
                "outputAudioTranscription",
                Map.of(),
                "contextWindowCompression",
                Map.of("triggerTokens", "25000", "slidingWindow", Map.of("targetTokens", "8000"))),
            List.of(),
            Optional.empty(),
            Limits.NONE,
            new Login("default", "ada", Optional.empty(), Instant.EPOCH)),
        grant);
  }

  @Test
  void aRuleThatSaysLittleGivesLittle() {
    var staff = subject(Map.of("realm_access", Map.of("roles", List.of("staff"))));

    var grant = granted(POLICY.decide(staff, GrantRequest.EMPTY));

    assertEquals(
        List.of(1, Duration.ofMinutes(30), Duration.ofMinutes(1), Mode.DIRECT, Map.of()),
        List.of(grant.uses(), grant.expiresIn(), grant.startWithin(), grant.mode(), grant.setup()));
  }

  static Stream<Arguments> narrowing() {
    return Stream.of(
        Arguments.of(request().model("gemini-3.8-live-extended-thinking"), "model"),
        Arguments.of(request().model("models/gemini-3.8-live-extended-thinking"), "model"),
        Arguments.of(request().mode(Mode.RELAY), "mode"),
        Arguments.of(request().uses(1), "uses"),
        Arguments.of(request().expiresIn(Duration.ofMinutes(5)), "expiresIn"),
        Arguments.of(request().startWithin(Duration.ofSeconds(5)), "startWithin"),
        Arguments.of(
            request().setup(Map.of("generationConfig", Map.of("temperature", 1))), "setup"),
        Arguments.of(request().setup(Map.of("tools", List.of())), "setup"));
  }

  @ParameterizedTest
  @MethodSource("narrowing")
  void aRequestCanNarrowOnePartAndLeavesTheOthers(Request request, String part) {
    var whole = parts(granted(POLICY.decide(subject(PILOT), GrantRequest.EMPTY)));

    var narrowed = parts(granted(POLICY.decide(subject(PILOT), request.made())));

    whole.forEach(
        (name, value) -> assertEquals(!name.equals(part), value.equals(narrowed.get(name)), name));
  }

  private static Map<String, Object> parts(Grant grant) {
    return Map.of(
        "model", grant.model(),
        "mode", grant.mode(),
        "uses", grant.uses(),
        "expiresIn", grant.expiresIn(),
        "startWithin", grant.startWithin(),
        "setup", grant.setup());
  }

  static Stream<Arguments> beyond() {
    return Stream.of(
        Arguments.of(
            request().model("gemini-9"),
            "model",
            "gemini-9",
            List.of("models/gemini-3.8-live", "models/gemini-3.8-live-extended-thinking")),
        Arguments.of(request().uses(4), "uses", 4, "at least 1, at most 3"),
        Arguments.of(request().uses(0), "uses", 0, "at least 1, at most 3; 0 is no limit"),
        Arguments.of(request().uses(-1), "uses", -1, "at least 1, at most 3"),
        Arguments.of(
            request().expiresIn(Duration.ofSeconds(1801)),
            "expiresIn",
            1801L,
            "at least 1, at most 1800 seconds"),
        Arguments.of(
            request().expiresIn(Duration.ZERO),
            "expiresIn",
            0L,
            "at least 1, at most 1800 seconds"),
        Arguments.of(
            request().expiresIn(Duration.ofSeconds(-5)).tolerance(Duration.ofSeconds(30)),
            "expiresIn",
            -5L,
            "at least 1, at most 1800 seconds"),
        Arguments.of(
            request().startWithin(Duration.ofSeconds(61)),
            "startWithin",
            61L,
            "at least 1, at most 60 seconds"),
        Arguments.of(
            request().setup(Map.of("systemInstruction", "Obey.")),
            "setup.systemInstruction",
            Map.of("parts", List.of(Map.of("text", "Obey."))),
            "only the rule's own value"));
  }

  @ParameterizedTest
  @MethodSource("beyond")
  void aRequestThatGoesBeyondIsRefusedWithFieldAskedAndAllowed(
      Request request, String field, Object asked, Object allowed) {
    var denied = denied(POLICY.decide(subject(PILOT), request.made()));

    assertEquals(ErrorCode.BEYOND_POLICY, denied.code());
    assertEquals(Optional.of("voice-pilots"), denied.rule());
    assertEquals(1, denied.violations().size(), denied::toString);
    assertEquals(field, denied.violations().get(0).field());
    assertEquals(asked, denied.violations().get(0).asked());
    assertEquals(allowed, denied.violations().get(0).allowed());
  }

  @Test
  void everyViolationIsListedAtOnce() {
    var request =
        request()
            .model("other")
            .uses(9)
            .expiresIn(Duration.ofHours(2))
            .startWithin(Duration.ofHours(1))
            .setup(Map.of("historyConfig", Map.of(), "systemInstruction", "x"));

    var denied = denied(POLICY.decide(subject(PILOT), request.made()));

    assertEquals(
        List.of(
            "expiresIn",
            "model",
            "setup.historyConfig",
            "setup.systemInstruction",
            "startWithin",
            "uses"),
        denied.violations().stream().map(violation -> violation.field()).sorted().toList());
  }

  @Test
  void aModeThatTheRuleLacksIsBeyondIt() {
    var staff = subject(Map.of("realm_access", Map.of("roles", List.of("staff"))));

    var denied = denied(POLICY.decide(staff, request().mode(Mode.RELAY).made()));

    assertEquals(List.of("direct"), denied.violations().get(0).allowed());
  }

  @Test
  void aFieldThatRepeatsTheRulesOwnValueIsNoViolation() {
    var repeated =
        request()
            .setup(
                Map.of(
                    "generation_config",
                    Map.of("response_modalities", List.of("AUDIO")),
                    "systemInstruction",
                    Map.of(
                        "role",
                        "user",
                        "parts",
                        List.of(Map.of("text", "You help Ada of Research. Answer briefly."))),
                    "contextWindowCompression",
                    Map.of("triggerTokens", 25000)));

    var decision = POLICY.decide(subject(PILOT), repeated.made());

    assertEquals(POLICY.decide(subject(PILOT), GrantRequest.EMPTY), decision);
  }

  @Test
  void aTimeWithinTheToleranceIsCutToTheMaximum() {
    var request =
        request()
            .expiresIn(Duration.ofSeconds(1830))
            .startWithin(Duration.ofSeconds(89))
            .tolerance(Duration.ofSeconds(30));

    var grant = granted(POLICY.decide(subject(PILOT), request.made()));

    assertEquals(Duration.ofMinutes(30), grant.expiresIn());
    assertEquals(Duration.ofSeconds(60), grant.startWithin());
  }

  @Test
  void aTimeBeyondTheToleranceIsAViolation() {
    var request =
        request().expiresIn(Duration.ofSeconds(1831)).tolerance(Duration.ofSeconds(30)).made();

    var denied = denied(POLICY.decide(subject(PILOT), request));

    assertEquals(ErrorCode.BEYOND_POLICY, denied.code());
  }

  @Test
  void timesAreCutToWholeSeconds() {
    var grant =
        granted(
            POLICY.decide(subject(PILOT), request().expiresIn(Duration.ofMillis(90_900)).made()));

    assertEquals(Duration.ofSeconds(90), grant.expiresIn());
  }

  @Test
  void sessionsStartWhileTheTokenLives() {
    var grant =
        granted(POLICY.decide(subject(PILOT), request().expiresIn(Duration.ofSeconds(20)).made()));

    assertEquals(Duration.ofSeconds(20), grant.startWithin());
  }

  @Test
  void askingToStartAfterTheEndContradictsItself() {
    var request =
        request().expiresIn(Duration.ofSeconds(20)).startWithin(Duration.ofSeconds(30)).made();

    var denied = denied(POLICY.decide(subject(PILOT), request));

    assertEquals(ErrorCode.INVALID_REQUEST, denied.code());
    assertEquals("startWithin", denied.violations().get(0).field());
  }

  @Test
  void anUnlimitedRuleTakesAnyNumberButNoNegativeOne() {
    var machine = Subject.of("default", "svc-1", Policies.ISSUER, Map.of("groups", List.of()));

    assertEquals(0, granted(POLICY.decide(machine, GrantRequest.EMPTY)).uses());
    assertEquals(7, granted(POLICY.decide(machine, request().uses(7).made())).uses());
    assertEquals(0, granted(POLICY.decide(machine, request().uses(0).made())).uses());
    assertEquals(
        ErrorCode.BEYOND_POLICY, denied(POLICY.decide(machine, request().uses(-1).made())).code());
  }

  @Test
  void adminsAreWhomTheirConditionHoldsFor() {
    assertTrue(isAdmin(POLICY, subject(Map.of("groups", List.of("platform-sre")))));
    assertFalse(isAdmin(POLICY, subject(PILOT)));
    assertFalse(isAdmin(POLICY, subject(Map.of())));
    assertFalse(isAdmin(POLICY, subject(Map.of("groups", "platform-sre"))));
    assertFalse(isAdmin(POLICY, subject(Map.of("hasgroups", true))));
  }

  @Test
  void nobodyIsAdminWhenThePolicyNamesNone() {
    var policy = Policies.when("true");

    assertFalse(isAdmin(policy, subject(PILOT)));
  }

  @Test
  void withSeveralIssuersARuleIsForTheOnesItNames() {
    var policy =
        policy(
            """
            version: 1
            admins: {issuers: [https://a.example], when: "claims.admin"}
            rules:
              - name: people
                issuers: [https://a.example]
                when: claims.staff
                models: [m]
              - name: partners
                issuers: [https://b.example]
                models: [m]
            """,
            true);
    Map<String, Object> claims = Map.of("staff", true, "admin", true);
    var ours = Subject.of("a", "1", "https://a.example", claims);
    var theirs = Subject.of("b", "1", "https://b.example", claims);
    var others = Subject.of("c", "1", "https://c.example", claims);

    assertEquals("people", granted(policy.decide(ours, GrantRequest.EMPTY)).rule());
    assertEquals("partners", granted(policy.decide(theirs, GrantRequest.EMPTY)).rule());
    assertEquals(
        ErrorCode.NO_RULE_MATCHED, denied(policy.decide(others, GrantRequest.EMPTY)).code());
    assertEquals(
        List.of(true, false, false),
        Stream.of(ours, theirs, others).map(subject -> isAdmin(policy, subject)).toList());
  }

  @Test
  void anExplanationNamesTheAbsentClaimAndTheFalsePartAndEndsAtTheMatch() {
    var claims =
        Map.of(
            "groups",
            List.of("other"),
            "email_verified",
            true,
            "realm_access",
            Map.of("roles", List.of("staff")));

    var explanation = POLICY.explain(subject(claims), GrantRequest.EMPTY);

    assertEquals(
        List.of(
            new Policy.Trace(
                "voice-pilots",
                false,
                "its condition is false; false: \"voice-pilots\" in claims.groups"),
            new Policy.Trace("staff", true, "its condition holds")),
        explanation.rules());
    assertEquals(POLICY.decide(subject(claims), GrantRequest.EMPTY), explanation.decision());
  }

  @Test
  void anExplanationNamesAnAbsentClaim() {
    var explanation = POLICY.explain(subject(Map.of()), GrantRequest.EMPTY);

    assertEquals(3, explanation.rules().size());
    assertTrue(
        explanation.rules().get(0).why().startsWith("a claim is absent: "), explanation::toString);
    assertTrue(explanation.rules().get(0).why().contains("'groups'"), explanation::toString);
  }

  @Test
  void anExplanationSaysWhyASetupCannotBeWritten() {
    var explanation = POLICY.explain(subject(pilotBut("name", null)), GrantRequest.EMPTY);

    var last = explanation.rules().get(explanation.rules().size() - 1);
    assertTrue(last.matched());
    assertTrue(last.why().contains("${claims.name}"), last::why);
    assertTrue(last.why().contains("'name'"), last::why);
  }

  @Test
  void anOverageSaysWhatIsMissingAndWhatToDo() {
    var denied = denied(POLICY.decide(subject(Map.of("hasgroups", true)), GrantRequest.EMPTY));

    assertEquals(
        "Rule voice-pilots cannot be decided: the identity provider left [groups] out of the token"
            + " for their size. Configure the provider to send only the groups assigned to this"
            + " application, or app roles.",
        denied.detail());
  }

  @Test
  void anErrorTellsTheCallerTheRuleButNothingOfItsInside() {
    var denied =
        denied(POLICY.decide(subject(pilotBut("email_verified", "true")), GrantRequest.EMPTY));

    assertEquals(Optional.of("voice-pilots"), denied.rule());
    assertEquals("The condition of rule voice-pilots could not be evaluated.", denied.detail());
  }

  private static boolean isAdmin(Policy policy, Subject subject) {
    return policy.adminDenial(subject).isEmpty();
  }

  @Test
  void anAbsentClaimDoesNotHideAFailure() {
    for (String when :
        List.of(
            "claims.nope || 'a' in claims.level",
            "'a' in claims.level || claims.nope",
            "claims.nope && ('a' in claims.level || claims.nope)")) {
      var policy =
          policy(
              """
              version: 1
              rules:
                - {name: narrow, when: "%s", models: [m]}
                - {name: broad, models: [m]}
              """
                  .formatted(when),
              false);
      var denied =
          assertInstanceOf(
              Decision.Denied.class,
              policy.decide(subject(Map.of("level", 7)), GrantRequest.EMPTY));
      assertEquals(ErrorCode.POLICY_ERROR, denied.code(), when);
    }
  }

  private static final Policy LIMITED =
      policy(
          """
          version: 1
          rules:
            - name: machines
              when: has(claims.machine)
              models: [m]
              modes: [relay]
              limits: [{per: rule, usage-tokens-per-day: 7, session-time-per-day: 26h}]
            - name: staff
              models: [m]
              modes: [direct, relay]
              limits:
                - {per: subject, grants-per-minute: 10, concurrent-sessions: 2, grants-per-day: 200}
                - {per: claims.department, usage-tokens-per-day: 5000000, session-time-per-day: 20h}
                - {per: rule, concurrent-sessions: 50}
                - {session-duration: 20m}
                - {idle: 5m}
          """);

  @Test
  void aGrantCarriesTheLimitsOfItsRuleInTheirOrder() {
    var grant = granted(LIMITED.decide(subject(Map.of("department", "R&D")), GrantRequest.EMPTY));

    assertEquals(
        new Limits(
            List.of(
                new Limit(Kind.GRANTS_PER_MINUTE, "subject", "staff/subject/default:ada", 10),
                new Limit(Kind.CONCURRENT_SESSIONS, "subject", "staff/subject/default:ada", 2),
                new Limit(Kind.GRANTS_PER_DAY, "subject", "staff/subject/default:ada", 200),
                new Limit(
                    Kind.USAGE_TOKENS_PER_DAY,
                    "claims.department",
                    "staff/claims.department/R%0026D",
                    5_000_000),
                new Limit(
                    Kind.SESSION_TIME_PER_DAY,
                    "claims.department",
                    "staff/claims.department/R%0026D",
                    72_000),
                new Limit(Kind.CONCURRENT_SESSIONS, "rule", "staff/rule/", 50)),
            Optional.of(Duration.ofMinutes(20)),
            Optional.of(Duration.ofMinutes(5)),
            20_000),
        grant.limits());
  }

  @Test
  void aRequestDoesNotChangeTheLimits() {
    var ada = subject(Map.of("department", "R&D"));

    var grant = granted(LIMITED.decide(ada, request().mode(Mode.RELAY).made()));

    assertEquals(granted(LIMITED.decide(ada, GrantRequest.EMPTY)).limits(), grant.limits());
    var matched = assertInstanceOf(Policy.Match.Matched.class, LIMITED.match(ada));
    assertEquals(new Rule.Bounds.Known(grant.limits()), matched.rule().bounds(ada));
  }

  @Test
  void nothingIsReservedWhereNoTokenIsDirect() {
    var grant = granted(LIMITED.decide(subject(Map.of("machine", 1)), GrantRequest.EMPTY));

    assertEquals(
        new Limits(
            List.of(
                new Limit(Kind.USAGE_TOKENS_PER_DAY, "rule", "machines/rule/", 7),
                new Limit(Kind.SESSION_TIME_PER_DAY, "rule", "machines/rule/", 93_600)),
            Optional.empty(),
            Optional.empty(),
            0),
        grant.limits());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "limits: [{per: rule, grants-per-day: 1}] | 0",
        "limits: [{per: rule, session-time-per-day: 1h}] | 0",
        "limits: [{per: rule, usage-tokens-per-day: 1}] | 20000",
        "'direct-reserve: 7, limits: [{per: rule, usage-tokens-per-day: 1}]' | 7",
        "direct-reserve: 7 | 0",
      })
  void whatADirectTokenBooksIsUpToTheRule(String limits, long expected) {
    var policy = policy("{version: 1, rules: [{name: a, models: [m], " + limits + "}]}");

    var grant = granted(policy.decide(subject(Map.of()), GrantRequest.EMPTY));

    assertEquals(expected, grant.limits().directReserve());
  }

  static Stream<Arguments> uncountable() {
    return Stream.of(
        Arguments.of(Map.of(), "policy-error", "'department'"),
        Arguments.of(
            Map.of("department", List.of("a")), "policy-error", "is neither text nor a number"),
        Arguments.of(
            Map.of("department", Map.of("a", "b")), "policy-error", "is neither text nor a number"),
        Arguments.of(
            Map.of("_claim_names", Map.of("department", "src1")),
            "groups-overage",
            "left [department] out of the token"));
  }

  @ParameterizedTest
  @MethodSource("uncountable")
  void whoseCountCannotBeFoundIsDeniedAndAnExplanationSaysWhy(
      Map<String, Object> claims, String code, String why) {
    var explanation = LIMITED.explain(subject(claims), GrantRequest.EMPTY);

    var denied = denied(explanation.decision());
    assertEquals(code, denied.code().label());
    assertEquals(Optional.of("staff"), denied.rule());
    assertEquals("A limit of rule staff could not be found for this user.", denied.detail());
    var last = explanation.rules().get(explanation.rules().size() - 1);
    assertTrue(last.matched());
    assertTrue(
        last.why()
            .startsWith(
                "its condition holds, but a limit cannot be found: per claims.department: "),
        last::why);
    assertTrue(last.why().contains(why), last::why);
    var matched = assertInstanceOf(Policy.Match.Matched.class, LIMITED.match(subject(claims)));
    assertEquals(new Rule.Bounds.Unknown(denied), matched.rule().bounds(subject(claims)));
  }

  private static final Policy BLOCKING =
      policy(
          """
          version: 1
          admins: "true"
          blocked: ["default:ada", "partner:eve"]
          rules:
            - {name: broken, when: claims.level > 1, models: [m]}
          """);

  @Test
  void whoIsBlockedGetsNothingAndNoRuleIsAsked() {
    Subject ada = subject(Map.of("level", "high"));

    var explanation = BLOCKING.explain(ada, GrantRequest.EMPTY);

    var denied = denied(explanation.decision());
    assertEquals(ErrorCode.SUBJECT_BLOCKED, denied.code());
    assertEquals(Optional.empty(), denied.rule());
    assertEquals(List.of(), explanation.rules());
    assertEquals(denied, BLOCKING.decide(ada, GrantRequest.EMPTY));
    assertEquals(new Policy.Match.Unmatched(denied), BLOCKING.match(ada));
    assertEquals(Optional.of(denied), BLOCKING.adminDenial(ada));
  }

  @ParameterizedTest
  @CsvSource({
    "default, ada, true",
    "default, eve, false",
    "default, Ada, false",
    "partner, ada, false",
    "partner, eve, true",
  })
  void aBlockIsForExactlyOneSubject(String tenant, String sub, boolean blocked) {
    var subject = Subject.of(tenant, sub, Policies.ISSUER, Map.of("level", 2));

    var decision = BLOCKING.decide(subject, GrantRequest.EMPTY);

    assertEquals(blocked, BLOCKING.isBlocked(subject.id()));
    assertEquals(blocked, decision instanceof Decision.Denied, decision::toString);
    assertEquals(!blocked, isAdmin(BLOCKING, subject));
  }

  @Test
  void adminsThatCannotBeDecidedAreSaidSo() {
    assertEquals(
        ErrorCode.GROUPS_OVERAGE,
        POLICY.adminDenial(subject(Map.of("hasgroups", true))).orElseThrow().code());
  }
}
