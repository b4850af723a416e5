package io.livegate.policy;

import static io.livegate.policy.Policies.mistakes;
import static io.livegate.policy.Policies.policy;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.policy.PolicyFile.Compiled;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class PolicyFileTest {

  /** A rule whose last lines are the given ones, from line 5. */
  private static String rule(String lines) {
    return "version: 1\nrules:\n  - name: one\n    models: [m]\n"
        + lines.indent(4).stripTrailing()
        + "\n";
  }

  /** A rule with one limit, in line 5. */
  private static String limit(String members) {
    return rule("limits: [{" + members + "}]");
  }

  /** Two rules with the given gates, at lines 3 and 6. */
  private static String gates(String first, String second) {
    return """
        version: 1
        rules:
          - name: first
            %s
            models: [m]
          - name: second
            %s
            models: [m]
        """
        .formatted(first, second);
  }

  private static Arguments bad(String what, String yaml, int line, String fragment) {
    return Arguments.of(what, yaml, line, fragment);
  }

  static Stream<Arguments> badFiles() {
    return Stream.of(
        bad("empty", "", 1, "the file is empty; it needs version: 1 and rules"),
        bad("blank", "\n\n", 1, "the file is empty"),
        bad("only comments", "# nothing\n# here\n", 1, "the file is empty"),
        bad("list at the root", "- version: 1\n", 1, "must be a mapping of names to values"),
        bad("text at the root", "policy\n", 1, "must be a mapping of names to values"),
        bad(
            "several documents",
            "version: 1\nrules: []\n---\na: 1\n",
            3,
            "a policy is one document"),
        bad("tabs", "version: 1\nrules:\n\t- name: x\n", 3, "Do not use \\t(TAB) for indentation"),
        bad("not YAML", "version: 1\nrules: [\n", 3, "is no YAML"),
        bad("unquoted colon", rule("when: a: b"), 5, "mapping values are not allowed here"),
        bad("a control character", "version: 1\nrules: \"\u0007\"\n", 2, "control character"),
        bad("an unknown anchor", "version: 1\nrules: *x\n", 2, "undefined alias"),
        bad("an alias in itself", "version: 1\nrules: &r\n  - *r\n", 2, "holds itself by an alias"),
        bad("a merge key", rule("<<: {open: []}"), 5, "merges mappings, which is not supported"),
        bad("a repeated key", "version: 1\nversion: 1\nrules: []\n", 2, "version is given twice"),
        bad("a key that is a list", "version: 1\n? [a]\n: 1\n", 2, "a name that is not plain text"),
        bad("no version", "rules: []\n", 1, "version: 1 is missing"),
        bad("another version", "version: 2\nrules: []\n", 1, "version must be 1"),
        bad("a version in quotes", "version: '1'\nrules: []\n", 1, "version must be 1"),
        bad(
            "an unknown key",
            "version: 1\nrule: []\n",
            2,
            "rule is not known; known here: [version, admins, blocked, rules]"),
        bad("no rules", "version: 1\n", 1, "rules are missing"),
        bad("empty rules", "version: 1\nrules: []\n", 2, "rules is empty; without rules everybody"),
        bad("rules as a mapping", "version: 1\nrules: {}\n", 2, "rules must be a list"),
        bad("null rules", "version: 1\nrules:\n", 2, "rules must be a list"),
        bad("a rule that is text", "version: 1\nrules:\n  - x\n", 3, "rules[0] must be a mapping"),
        bad("admins of no text", "version: 1\nadmins: [a]\nrules: []\n", 2, "admins must be text"),
        bad("admins true", "version: 1\nadmins: true\nrules: []\n", 2, "put it in quotes"),
        bad(
            "admins no CEL",
            "version: 1\nadmins: a in b\nrules: []\n",
            2,
            "admins is no CEL condition: column 1: undeclared reference to 'a'"),
        bad(
            "admins by issuer",
            "version: 1\nadmins: {issuers: [x]}\nrules: []\n",
            2,
            "needs when:"),
        bad(
            "somebody blocked without a tenant",
            "version: 1\nblocked:\n  - default:ada\n  - eve\nrules: []\n",
            4,
            "blocked[1] must be a subject, <tenant>:<sub>, such as default:ada"),
        bad(
            "a tenant blocked",
            "version: 1\nblocked: ['default:']\nrules: []\n",
            2,
            "blocked[0] must be a subject"),
        bad(
            "no tenant blocked",
            "version: 1\nblocked: [':ada']\nrules: []\n",
            2,
            "blocked[0] must be a subject"),
        bad(
            "a space after the tenant",
            "version: 1\nblocked: ['default: ada']\nrules: []\n",
            2,
            "blocked[0] must be a subject"),
        bad(
            "a mapping blocked",
            "version: 1\nblocked: [default: ada]\nrules: []\n",
            2,
            "blocked[0] must be text"),
        bad(
            "somebody blocked twice",
            "version: 1\nblocked: ['a:b', 'a:b']\nrules: []\n",
            2,
            "blocked[1] is listed twice"),
        bad(
            "no list blocked",
            "version: 1\nblocked: a:b\nrules: []\n",
            2,
            "blocked must be a list"),
        bad("no name", "version: 1\nrules:\n  - models: [m]\n", 3, "rules[0] needs a name"),
        bad(
            "a name with spaces",
            "version: 1\nrules:\n  - name: a b\n    models: [m]\n",
            3,
            "must be letters, digits"),
        bad(
            "a number for a name",
            "version: 1\nrules:\n  - name: 7\n    models: [m]\n",
            3,
            "must be text; put it in quotes"),
        bad(
            "an unknown key of a rule",
            rule("modles: [m]"),
            5,
            "rules[0].modles is not known; known"),
        bad(
            "no models",
            "version: 1\nrules:\n  - name: one\n",
            3,
            "needs models: [...]; the first"),
        bad(
            "empty models",
            "version: 1\nrules:\n  - name: one\n    models: []\n",
            4,
            "must list at least one model"),
        bad(
            "models as text",
            "version: 1\nrules:\n  - name: one\n    models: m\n",
            4,
            "models must be a list"),
        bad(
            "no model name",
            "version: 1\nrules:\n  - name: one\n    models: [a, 'b c']\n",
            4,
            "models[1] is no model name such as gemini-3.8-live"),
        bad(
            "a repeated model",
            "version: 1\nrules:\n  - name: one\n    models: [a, models/a]\n",
            4,
            "models[1] is listed twice"),
        bad(
            "an unknown mode",
            rule("modes: [direct, proxy]"),
            5,
            "modes[1] must be direct or relay"),
        bad("empty modes", rule("modes: []"), 5, "must list direct, relay or both"),
        bad("a condition that is no CEL", rule("when: \"'a' in\""), 5, "when is no CEL condition"),
        bad("an empty condition", rule("when: ''"), 5, "when must be text"),
        bad("a condition true", rule("when: true"), 5, "when must be text; put it in quotes"),
        bad("a condition yes", rule("when: yes"), 5, "undeclared reference to 'yes'"),
        bad("empty issuers", rule("issuers: []"), 5, "must list at least one issuer"),
        bad(
            "an unknown key of token",
            rule("token:\n  usage: 1"),
            6,
            "rules[0].token.usage is not known; known here: [uses, expires-in, start-within]"),
        bad("a null token", rule("token:"), 5, "rules[0].token must be a mapping"),
        bad("no uses", rule("token: {uses: 0}"), 5, "add allow-unlimited: true"),
        bad(
            "no uses, refused",
            rule("token: {uses: 0}\nallow-unlimited: false"),
            5,
            "add allow-unlimited: true"),
        bad("negative uses", rule("token: {uses: -1}"), 5, "a whole number of at least 0"),
        bad("octal uses", rule("token: {uses: 010}"), 5, "a whole number of at least 0"),
        bad("too many uses", rule("token: {uses: 3000000000}"), 5, "a whole number of at least 0"),
        bad("an answer of yes", rule("allow-unlimited: yes"), 5, "must be true or false"),
        bad(
            "a duration of 20 h",
            rule("token:\n  uses: 1\n  expires-in: 20h"),
            7,
            "must be under 20h"),
        bad("a longer one", rule("token: {expires-in: 1200m}"), 5, "must be under 20h"),
        bad("no unit", rule("token: {expires-in: 30}"), 5, "a duration such as 45s, 30m or 2h"),
        bad("zero", rule("token: {start-within: 0s}"), 5, "a duration such as 45s, 30m or 2h"),
        bad("ISO", rule("token: {start-within: PT1M}"), 5, "a duration such as 45s, 30m or 2h"),
        bad(
            "a start after the end",
            rule("token: {expires-in: 30s, start-within: 31s}"),
            5,
            "start-within must be at most expires-in"),
        bad("setup as text", rule("setup: x"), 5, "must be a mapping of Google's setup fields"),
        bad(
            "an unknown setup field",
            rule("setup:\n  generationConfig:\n    topZ: 1"),
            7,
            "rules[0].setup.generationConfig.topZ is not a field of Google's setup; known here: ["),
        bad("snake_case", rule("setup:\n  generation_config: {}"), 6, "write generationConfig"),
        bad(
            "a wrong type",
            rule("setup:\n  generationConfig:\n    topP:\n      - 1"),
            8,
            "rules[0].setup.generationConfig.topP must be a number"),
        bad(
            "deep in a list",
            rule(
                "setup:\n  tools:\n    - googleSearch: {}\n    - googleSearch: {}\n      nope: {}"),
            9,
            "rules[0].setup.tools[1].nope is not a field"),
        bad("a null", rule("setup:\n  historyConfig:"), 6, "is null; leave the field out instead"),
        bad(
            "a model in the setup",
            rule("setup:\n  model: m"),
            6,
            "setup.model belongs in the rule's"),
        bad(
            "resumption in the setup",
            rule("setup:\n  tools: []\n  sessionResumption: {}"),
            7,
            "setup.sessionResumption is Livegate's to set"),
        bad("a repeated setup field", rule("setup:\n  tools: []\n  tools: []"), 7, "given twice"),
        bad(
            "a merge inside a free object",
            rule("setup:\n  outputAudioTranscription:\n    <<: {a: 1}"),
            7,
            "merges mappings"),
        bad(
            "a template",
            rule("setup:\n  systemInstruction: \"Hi ${nope}\""),
            6,
            "setup.systemInstruction ${nope} is no CEL expression: column 1: undeclared reference"),
        bad(
            "a template in the third line of a text",
            rule("setup:\n  systemInstruction: |\n    Hi,\n    you\n    ${nope} there"),
            9,
            "${nope} is"),
        bad(
            "a template in a part",
            rule("setup:\n  systemInstruction:\n    parts:\n      - text: a\n      - text: ${b"),
            9,
            "setup.systemInstruction.parts[1].text has a ${ without its }"),
        bad(
            "a template below a name with dots",
            rule("setup:\n  outputAudioTranscription:\n    a.b:\n      c[0]: ${d}"),
            8,
            "${d} is no CEL"),
        bad(
            "an open place that is none",
            rule("open:\n  - tools\n  - temperature"),
            7,
            "open[1] names no field of Google's setup: temperature; write it as generationConfig."),
        bad("a model opened", rule("open: [model]"), 5, "is chosen among models, not opened"),
        bad("resumption opened", rule("open: [sessionResumption.handle]"), 5, "resumptionHandle"),
        bad("an open place twice", rule("open: [tools, tools]"), 5, "open[1] is listed twice"),
        bad(
            "open places in each other",
            rule("open: [generationConfig.topP, generationConfig]"),
            5,
            "open[1] overlaps a place"),
        bad("limits that are no list", rule("limits: {per: subject}"), 5, "limits must be a list"),
        bad(
            "a limit that is text",
            rule("limits:\n  - per subject"),
            6,
            "rules[0].limits[0] must be a mapping"),
        bad(
            "a limit of nothing",
            rule("limits: [{}]"),
            5,
            "limits[0] limits nothing; it needs per and a count, or session-duration or idle"),
        bad(
            "an unknown limit",
            rule("limits:\n  - per: subject\n    grants-per-hour: 7"),
            7,
            "limits[0].grants-per-hour is not known; known here: [per, grants-per-minute,"
                + " grants-per-day, concurrent-sessions, usage-tokens-per-day,"
                + " session-time-per-day, session-duration, idle]"),
        bad(
            "a count of nobody's",
            rule("limits:\n  - grants-per-day: 7"),
            6,
            "limits[0].grants-per-day needs per beside it, to say whose count it is: subject, rule"
                + " or an expression such as claims.department"),
        bad(
            "a per without count",
            rule("limits: [{per: subject}]"),
            5,
            "limits[0] counts nothing; it needs at least one of [grants-per-minute, "),
        bad(
            "the time of one session per subject",
            rule("limits: [{per: subject, grants-per-day: 1, idle: 5m}]"),
            5,
            "limits[0].idle is for each session by itself; put it into an entry without per"),
        bad(
            "a session duration twice",
            rule("limits:\n  - session-duration: 5m\n  - {idle: 1m, session-duration: 6m}"),
            7,
            "limits[1].session-duration is said in line 6 already; a rule has one"),
        bad(
            "idle twice",
            rule("limits:\n  - idle: 5m\n  - idle: 5m"),
            7,
            "limits[1].idle is said in line 6 already"),
        bad(
            "a limit twice",
            rule(
                "limits:\n  - {per: claims.a, grants-per-day: 9}\n"
                    + "  - {per: claims.a, concurrent-sessions: 1,\n     grants-per-day: 7}"),
            8,
            "limits[1].grants-per-day is the second one per claims.a; the first is in line 6"),
        bad("a per of a number", limit("per: 1, grants-per-day: 1"), 5, "put it in quotes"),
        bad("an empty per", limit("per: '', grants-per-day: 1"), 5, "per must be text"),
        bad(
            "a per of a bare name",
            limit("per: department, grants-per-day: 1"),
            5,
            "limits[0].per is no CEL expression, subject or rule: column 1: undeclared reference to"
                + " 'department'"),
        bad(
            "a per that joins texts",
            limit("per: claims.a + '/', grants-per-day: 1"),
            5,
            "text and lists cannot be joined"),
        bad(
            "a per that is the same for all",
            limit("per: \"'all'\", grants-per-day: 1"),
            5,
            "limits[0].per has one value for everybody; for that, write rule"),
        bad(
            "a per of two lines",
            limit("per: \"claims.a ==\\n claims.b\", grants-per-day: 1"),
            5,
            "limits[0].per must be one line of at most 200 ASCII characters"),
        bad(
            "a per with letters that no header has",
            limit("per: \"claims['größe']\", grants-per-day: 1"),
            5,
            "must be one line of at most 200 ASCII characters"),
        bad(
            "a lengthy per",
            limit("per: claims." + "a".repeat(194) + ", grants-per-day: 1"),
            5,
            "must be one line of at most 200 ASCII characters"),
        bad(
            "a count of 0",
            limit("per: rule, grants-per-minute: 0"),
            5,
            "limits[0].grants-per-minute must be a whole number of at least 1, at most 100000"),
        bad("a negative count", limit("per: rule, grants-per-day: -1"), 5, "at least 1, at most"),
        bad("half a session", limit("per: rule, concurrent-sessions: 1.5"), 5, "a whole number"),
        bad("a count in quotes", limit("per: rule, grants-per-day: '7'"), 5, "a whole number"),
        bad(
            "a minute's count of millions",
            limit("per: rule, grants-per-minute: 100001"),
            5,
            "at most 100000"),
        bad(
            "a day's count of billions",
            limit("per: rule, grants-per-day: 100000001"),
            5,
            "at most 100000000"),
        bad(
            "more sessions than there can be",
            limit("per: rule, concurrent-sessions: 1000001"),
            5,
            "at most 1000000"),
        bad(
            "more tokens than there can be",
            limit("per: rule, usage-tokens-per-day: 1000000000001"),
            5,
            "at most 1000000000000"),
        bad(
            "a time without unit",
            limit("per: rule, session-time-per-day: 20"),
            5,
            "session-time-per-day must be a duration such as 45s, 30m or 2h"),
        bad("no time", limit("per: rule, session-time-per-day: 0h"), 5, "must be a duration"),
        bad("a session of 20 h", limit("session-duration: 20h"), 5, "must be under 20h"),
        bad("a silence of 20 h", limit("idle: 1200m"), 5, "must be under 20h"),
        bad("a session of no time", limit("session-duration: 0s"), 5, "must be a duration"),
        bad("no reserve", rule("direct-reserve: 0"), 5, "direct-reserve must be a whole number"),
        bad(
            "a reserve in words",
            rule("direct-reserve: many"),
            5,
            "direct-reserve must be a whole number of at least 1, at most 1000000000"),
        bad(
            "a budget for any number of sessions",
            rule(
                "allow-unlimited: true\ntoken: {uses: 0}\n"
                    + "limits: [{per: subject, usage-tokens-per-day: 9}]"),
            6,
            "token.uses 0, for any number of sessions, cannot stand beside a limit of"
                + " usage-tokens-per-day or session-time-per-day; give a number"),
        bad(
            "a time for any number of sessions at the relay",
            rule(
                "modes: [relay]\nallow-unlimited: true\ntoken: {uses: 0}\n"
                    + "limits: [{per: subject, grants-per-day: 1}, {per: rule,"
                    + " session-time-per-day: 9h}]"),
            7,
            "0, for any number of sessions, cannot stand beside"),
        bad(
            "the same name",
            gates("when: claims.a", "when: claims.b").replace("second", "first"),
            6,
            "is the name of the rule in line 3; choose another"),
        bad(
            "all before",
            gates("open: []", "when: claims.b"),
            6,
            "cannot be reached by any input: whoever it is for matches the earlier rule first"),
        bad(
            "all before, two",
            gates("open: []", "open: [tools]"),
            6,
            "matches the earlier rule first"),
        bad("always true before", gates("when: 'true'", "open: []"), 6, "the earlier rule first"),
        bad("the same condition", gates("when: claims.a", "when: ' claims.a '"), 6, "rule first"),
        bad(
            "a part of the condition",
            gates("when: claims.a", "when: claims.b && claims.a"),
            6,
            "rule first"),
        bad(
            "one of its choices",
            gates("when: claims.a || claims.b", "when: claims.b"),
            6,
            "rule first"),
        bad("never", gates("when: claims.a", "when: 1 == 2"), 6, "its condition is never true"),
        bad(
            "never, by a part",
            gates("when: claims.a", "when: claims.b && !claims.b"),
            6,
            "never true"),
        bad("the same issuer", gates("issuers: [a, b]", "issuers: [b]"), 6, "rule first"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("badFiles")
  void aBadFileIsRefusedWithLineAndReason(String what, String yaml, int line, String fragment) {
    var mistakes = mistakes(yaml, false);

    assertTrue(
        mistakes.stream().anyMatch(m -> m.line() == line && m.what().contains(fragment)),
        () -> "line " + line + " " + fragment + " is not among " + mistakes);
  }

  static Stream<Arguments> fine() {
    return Stream.of(
        Arguments.of(
            "the narrower rule first", gates("when: claims.a && claims.b", "when: claims.a")),
        Arguments.of("nobody blocked", rule("open: []") + "blocked: []\n"),
        Arguments.of("blocked, with more colons", rule("open: []") + "blocked: ['a:urn:x:1 b']\n"),
        Arguments.of("everybody last", gates("when: claims.a", "open: []")),
        Arguments.of("one issuer of two", gates("issuers: [a]", "issuers: [a, b]")),
        Arguments.of("an issuer, then everybody", gates("issuers: [a]", "open: []")),
        Arguments.of("a loop", gates("when: \"claims.g.exists(g, g == 'a')\"", "when: claims.a")),
        Arguments.of("a start without end", rule("token: {start-within: 30m}")),
        Arguments.of("19 h 59", rule("token: {expires-in: 1199m}")),
        Arguments.of("unlimited", rule("token: {uses: 0}\nallow-unlimited: true")),
        Arguments.of("no limits", rule("limits: []")),
        Arguments.of(
            "unlimited within limits",
            rule(
                "token: {uses: 0}\nallow-unlimited: true\n"
                    + "limits: [{per: subject, grants-per-day: 1}, {session-duration: 1m}]")),
        Arguments.of("a team's time of many days", limit("per: rule, session-time-per-day: 500h")),
        Arguments.of("all the time there is", limit("per: rule, session-time-per-day: 999999h")),
        Arguments.of("a session of 19 h 59", limit("session-duration: 1199m")),
        Arguments.of("a count with a point", limit("per: rule, grants-per-day: 7.0")),
        Arguments.of(
            "the same kind for two",
            rule("limits: [{per: subject, grants-per-day: 1}, {per: rule, grants-per-day: 2}]")),
        Arguments.of(
            "an entry for each kind",
            rule("limits: [{per: rule, grants-per-minute: 1}, {per: rule, grants-per-day: 2}]")),
        Arguments.of(
            "any value for a per",
            rule(
                """
                limits:
                  - {per: "'vip' in claims.groups", grants-per-day: 1}
                  - {per: issuer, grants-per-day: 1}
                  - {per: "has(claims.team) ? claims.team : 'none'", grants-per-day: 1}""")),
        Arguments.of(
            "the longest per", limit("per: claims." + "a".repeat(193) + ", grants-per-day: 1")),
        Arguments.of("a reserve of nothing", rule("direct-reserve: 1")),
        Arguments.of("a whole number with a point", rule("token: {uses: 2.0}")),
        Arguments.of("numbers", rule("setup: {generationConfig: {temperature: 1e0, topP: .5}}")),
        Arguments.of("a byte order mark", "\ufeff" + rule("open: []")),
        Arguments.of("Windows lines", rule("open: []").replace("\n", "\r\n")),
        Arguments.of("JSON", "{\"version\":1,\"rules\":[{\"name\":\"a\",\"models\":[\"m\"]}]}"),
        Arguments.of(
            "a word that YAML takes for false",
            rule("setup: {generationConfig: {speechConfig: {languageCode: no}}}")),
        Arguments.of(
            "an alias",
            rule("setup: &s {tools: []}").replace("- name: one", "- name: one\n    when: claims.a")
                + "  - {name: two, models: [m], setup: *s}\n"),
        Arguments.of(
            "open below a free object",
            rule("open: [generationConfig.speechConfig.voiceConfig.prebuiltVoiceConfig]")));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("fine")
  void aGoodFileIsTaken(String what, String yaml) {
    var mistakes = mistakes(yaml, false);

    assertEquals(List.of(), mistakes);
  }

  @Test
  void everyMistakeIsSaidAtOnceInTheOrderOfTheFile() {
    var mistakes =
        mistakes(
            """
            version: 3
            admins: nope
            rules:
              - name: one
                when: claims.
                models: []
                token: {uses: 0, expires-in: 24h}
                setup:
                  nope: 1
                  systemInstruction: "${x} and ${y}"
                open: [nope]
              - name: one
                model: m
            """,
            false);

    assertEquals(
        List.of(1, 2, 5, 6, 7, 7, 9, 10, 10, 11, 12, 12, 13),
        mistakes.stream().map(Mistake::line).toList(),
        mistakes::toString);
    assertEquals(
        List.of(Optional.empty(), Optional.of("one")),
        mistakes.stream().map(Mistake::rule).distinct().toList());
  }

  @Test
  void oneMistakeIsSaidOnce() {
    var mistakes = mistakes(rule("setup:\n  tools: []\n  tools: []"), false);

    assertEquals("[line 7, rule one: rules[0].setup.tools is given twice]", mistakes.toString());
  }

  @Test
  void bytesThatAreNotUtf8AreRefusedAtTheirLine() {
    byte[] latin = rule("setup: {systemInstruction: Grüß}").getBytes(StandardCharsets.ISO_8859_1);

    var compiled = PolicyFile.compile(latin, false);

    assertEquals(
        List.of(new Mistake(5, Optional.empty(), "is not UTF-8 here; save the file as UTF-8")),
        assertInstanceOf(Compiled.Rejected.class, compiled).mistakes());
  }

  @Test
  void aTruncatedLastCharacterIsRefused() {
    byte[] whole = "version: 1 # ü".getBytes(StandardCharsets.UTF_8);

    var compiled = PolicyFile.compile(java.util.Arrays.copyOf(whole, whole.length - 1), false);

    assertTrue(
        assertInstanceOf(Compiled.Rejected.class, compiled)
            .mistakes()
            .get(0)
            .what()
            .contains("UTF-8"));
  }

  @Test
  void anAliasBombIsRefused() {
    var bomb = new StringBuilder("version: 1\nx0: &a0 [lol]\n");
    for (int i = 1; i < 30; i++) {
      bomb.append("x%d: &a%d [*a%d, *a%d]%n".formatted(i, i, i - 1, i - 1));
    }

    var mistakes = mistakes(bomb.toString(), false);

    assertTrue(mistakes.get(0).what().contains("aliases"), mistakes::toString);
  }

  @Test
  void hostileNestingIsRefused() {
    var mistakes = mistakes("version: " + "[".repeat(10_000), false);

    assertTrue(mistakes.get(0).what().contains("Nesting Depth"), mistakes::toString);
  }

  @Test
  void aHugeFileIsRefused() {
    var mistakes = mistakes("# " + "x".repeat(1 << 20), false);

    assertEquals(1, mistakes.size());
  }

  @Test
  void manyRulesAreComparedInReasonableTime() {
    var many = new StringBuilder("version: 1\nrules:\n");
    for (int i = 0; i < 300; i++) {
      many.append(
          "  - {name: r%d, when: \"'g%d' in claims.groups && claims.a\", models: [m]}%n"
              .formatted(i, i));
    }

    var mistakes =
        assertTimeoutPreemptively(Duration.ofSeconds(30), () -> mistakes(many.toString(), false));

    assertEquals(List.of(), mistakes);
  }

  @Test
  void withSeveralIssuersEverythingSaysForWhom() {
    var mistakes =
        mistakes("version: 1\nadmins: claims.a\nrules:\n  - {name: one, models: [m]}\n", true);

    assertEquals(List.of(2, 4), mistakes.stream().map(Mistake::line).toList());
    assertTrue(mistakes.stream().allMatch(m -> m.what().contains("needs issuers: [...]")));
  }

  @Test
  void rulesThatShareOutAllIssuersOfALaterOneHideIt() {
    var mistakes =
        mistakes(
            """
            version: 1
            rules:
              - {name: a, issuers: [a], models: [m]}
              - {name: b, issuers: [b], models: [m]}
              - {name: both, issuers: [b, a], when: claims.x, models: [m]}
            """,
            true);

    assertEquals(
        "[line 5, rule both: rules[2] cannot be reached by any input: whoever it is for matches the"
            + " earlier rules; put it before, or narrow that]",
        mistakes.toString());
  }

  @Test
  void aRuleWhoseOwnGateIsWrongHidesNoOther() {
    var mistakes = mistakes(gates("when: nope", "when: claims.b"), false);

    assertEquals(1, mistakes.size(), mistakes::toString);
  }

  @Test
  void whatIsProbablyNotMeantIsWarnedOf() {
    var policy =
        policy(
            rule(
                "setup:\n  systemInstruction: Hi ${claims.name}\n  generationConfig: {topP: 1}\n"
                    + "open: [generationConfig]"));

    assertEquals(
        List.of(
            "rule one: setup has no generationConfig.responseModalities",
            "rule one: setup has no contextWindowCompression",
            "rule one: setup.systemInstruction.parts[0].text takes in claims",
            "rule one: generationConfig is open, so what setup says inside it is only a default"),
        policy.warnings().stream()
            .map(w -> w.replaceFirst("(Modalities|Compression|claims|default)[:,].*", "$1"))
            .toList());
  }

  static Stream<Arguments> doubtfulLimits() {
    String both = "modes: [direct, relay]\n";
    String relay = "modes: [relay]\n";
    return Stream.of(
        Arguments.of(
            relay + "limits: [{session-duration: 31m}]",
            List.of("session-duration cannot bind: sessions end with their token, by expires-in")),
        Arguments.of(
            relay + "limits: [{session-duration: 5m}, {idle: 5m}]",
            List.of("idle cannot bind: no session lasts longer")),
        Arguments.of(
            relay + "token: {expires-in: 5m}\nlimits: [{idle: 6m}]",
            List.of("idle cannot bind: no session lasts longer")),
        Arguments.of(relay + "limits: [{session-duration: 30m, idle: 29m}]", List.of()),
        Arguments.of(
            "limits: [{per: subject, grants-per-minute: 10, grants-per-day: 10}]",
            List.of(
                "subject.grants-per-minute cannot bind: subject.grants-per-day is reached no"
                    + " later")),
        Arguments.of(
            "limits: [{per: subject, grants-per-minute: 10, grants-per-day: 11}]", List.of()),
        Arguments.of(
            "limits: [{per: subject, grants-per-minute: 10}, {per: claims.a, grants-per-day: 9}]",
            List.of()),
        Arguments.of(
            relay
                + "limits: [{per: subject, concurrent-sessions: 5},"
                + " {per: rule, concurrent-sessions: 5}]",
            List.of(
                "subject.concurrent-sessions cannot bind: rule.concurrent-sessions is reached no"
                    + " later")),
        Arguments.of(
            relay
                + "limits: [{per: subject, concurrent-sessions: 5},"
                + " {per: rule, concurrent-sessions: 6}]",
            List.of()),
        Arguments.of(
            both + "limits: [{per: subject, concurrent-sessions: 5}, {idle: 1m}]",
            List.of(
                "subject.concurrent-sessions, idle hold at the relay only: sessions of direct"
                    + " tokens are not seen, so whoever asks for mode direct passes them by")),
        Arguments.of(
            "limits: [{per: rule, session-time-per-day: 5h}, {session-duration: 1m}]",
            List.of(
                "rule.session-time-per-day, session-duration cannot bind: sessions of direct"
                    + " tokens are not seen, and modes have no relay")),
        Arguments.of(
            relay
                + "limits: [{per: rule, session-time-per-day: 5h, concurrent-sessions: 1},"
                + " {session-duration: 1m}]",
            List.of()),
        Arguments.of(
            "direct-reserve: 5",
            List.of("direct-reserve is not used: no limit is of usage-tokens-per-day")),
        Arguments.of(
            relay + "direct-reserve: 5\nlimits: [{per: rule, usage-tokens-per-day: 5}]",
            List.of("direct-reserve is not used: modes have no direct")),
        Arguments.of(
            "token: {uses: 5}\nlimits: [{per: rule, usage-tokens-per-day: 99999}]",
            List.of(
                "rule.usage-tokens-per-day is less than what one direct token books: uses times"
                    + " direct-reserve, 100000")),
        Arguments.of(
            "token: {uses: 5}\nlimits: [{per: rule, usage-tokens-per-day: 100000}]", List.of()),
        Arguments.of(
            "token: {uses: 2147483647}\ndirect-reserve: 1000000000\n"
                + "limits: [{per: rule, usage-tokens-per-day: 1}]",
            List.of(
                "rule.usage-tokens-per-day is less than what one direct token books: uses times"
                    + " direct-reserve, 2147483647000000000")));
  }

  @ParameterizedTest
  @MethodSource("doubtfulLimits")
  void limitsThatDoNotDoWhatTheySayAreWarnedOf(String lines, List<String> expected) {
    var policy =
        policy(
            rule(
                lines
                    + "\nsetup:\n  generationConfig: {responseModalities: [AUDIO]}\n"
                    + "  contextWindowCompression: {}"));

    assertEquals(
        expected.stream().map(warning -> "rule one: " + warning).toList(), policy.warnings());
  }

  @Test
  void aRuleWithoutSetupIsWarnedOf() {
    var policy = policy(rule("modes: [direct]"));

    assertEquals(2, policy.warnings().size(), () -> policy.warnings().toString());
  }

  @Test
  void theSampleIsTakenWithTheWarningsThatItsTemplateDeserves() throws IOException {
    byte[] sample = PolicyFileTest.class.getResourceAsStream("/policy.yaml").readAllBytes();

    var compiled = PolicyFile.compile(sample, false);

    var policy = assertInstanceOf(Compiled.Accepted.class, compiled, compiled::toString).policy();
    assertEquals(1, policy.warnings().size(), () -> policy.warnings().toString());
  }

  @Test
  void theDigestIsThatOfTheBytes() {
    assertEquals(
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        PolicyFile.digest(new byte[0]));
  }
}
