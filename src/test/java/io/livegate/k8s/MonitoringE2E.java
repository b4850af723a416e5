package io.livegate.k8s;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.livegate.Await;
import io.livegate.error.ErrorCode;
import io.livegate.simulator.MintFault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

/** Alerts and dashboard, against what a busy gateway really exposes, and by promtool. */
class MonitoringE2E {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path COMPONENT = Manifests.ROOT.resolve("components/monitoring");
  private static final Path OUTPUT = Path.of("target", "k8s");

  /** What Prometheus adds to every series by where it found it. */
  private static final Set<String> TARGET = Set.of("namespace", "pod", "job", "instance");

  private static JsonNode groups;
  private static Scrape scrape;

  @BeforeAll
  static void scrapeABusyGateway() throws IOException {
    Manifests manifests = Manifests.rendered(Production.OVERLAY);
    groups = manifests.the("PrometheusRule", "livegate").at("/spec/groups");
    scrape = new Scrape();
    try (var production = new Production();
        Pod pod = production.pod()) {
      Production.ready(pod);
      String pilot = production.accessToken("ada", "voice-pilots");
      assertEquals(201, pod.issue(pilot, "{}").statusCode());
      assertEquals(403, pod.issue(pilot, "{\"uses\":9}").statusCode());
      Production.talk(pod, pilot);
      production.simulator.script().mints(1, MintFault.error(500, "INTERNAL", "broken"));
      assertEquals(503, pod.issue(pilot, "{}").statusCode());
      assertEquals(403, Production.refused(pod, production.accessToken("guest")));
      // Google cannot be reached after the upgrade.
      production.simulator.script().mints(1, MintFault.error(500, "INTERNAL", "broken"));
      Production.fails(pod, production.accessToken("bea", "voice-pilots"));
      pod.mount("/etc/livegate/policy").change(Map.of("policy.yaml", "version: 2\n"));
      Await.until(() -> pod.metrics().contains("\nlivegate_policy_rejected 1.0"));
      // Redis loses what it had, and then is gone.
      production.redis.empty();
      Await.until(() -> pod.metrics().contains("livegate_ledger_emptied_total"));
      production.redis.stop();
      assertEquals(503, pod.issue(pilot, "{}").statusCode());
      Await.until(() -> pod.metrics().contains("livegate_ledger_failures_total"));
      scrape.add(pod.metrics());
    }
  }

  private static Stream<JsonNode> rules() {
    return Manifests.each(groups).flatMap(group -> Manifests.each(group.path("rules")));
  }

  private static Map<String, Set<String>> recorded() {
    return rules()
        .filter(rule -> rule.has("record"))
        .collect(
            Collectors.groupingBy(
                rule -> rule.path("record").asText(),
                Collectors.flatMapping(
                    rule ->
                        Stream.concat(
                            Stream.of("namespace"),
                            rule.path("labels").properties().stream().map(Map.Entry::getKey)),
                    Collectors.toSet())));
  }

  @Test
  void everyNameAndLabelOfTheAlertsExists() {
    List<String> expressions = rules().map(rule -> rule.path("expr").asText()).toList();
    assertTrue(expressions.size() > 40);
    assertEquals(List.of(), unknown(expressions));
  }

  @Test
  void everyNameAndLabelOfTheDashboardExists() throws IOException {
    JsonNode dashboard = JSON.readTree(COMPONENT.resolve("dashboard.json").toFile());
    List<String> expressions =
        dashboard.findValues("expr").stream()
            .map(JsonNode::asText)
            // Whichever namespace is chosen.
            .map(expression -> expression.replace(",namespace=\"$namespace\"", ""))
            .map(expression -> expression.replace("namespace=\"$namespace\"", ""))
            .toList();
    assertTrue(expressions.size() > 20);
    assertEquals(List.of(), unknown(expressions));
    String variable = dashboard.at("/templating/list/1/query/query").asText();
    assertTrue(variable.matches("label_values\\(livegate_policy_rejected, namespace\\)"));
    // What a legend shows is a label that its expression keeps.
    for (JsonNode target :
        dashboard.findValues("targets").stream().flatMap(Manifests::each).toList()) {
      var legend =
          java.util.regex.Pattern.compile("\\{\\{(\\w+)}}")
              .matcher(target.path("legendFormat").asText());
      Set<String> kept = new HashSet<>(PromQl.of(target.path("expr").asText()).grouped());
      if (kept.isEmpty() || target.path("expr").asText().startsWith("livegate:")) {
        kept.addAll(List.of("slo"));
      }
      while (legend.find()) {
        assertTrue(kept.contains(legend.group(1)), target::toString);
      }
    }
  }

  @Test
  void everyNameOfTheAdaptersRulesExists() throws IOException {
    Map<String, List<Map<String, Object>>> rules =
        new Yaml()
            .load(Files.readString(Manifests.ROOT.resolve("components/hpa/adapter-rules.yaml")));
    Map<String, Object> rule = rules.get("rules").get(0);
    assertEquals(List.of(), unknown(List.of(query(rule))));
    assertEquals(
        Manifests.rendered(Production.OVERLAY)
            .the("HorizontalPodAutoscaler", "livegate")
            .at("/spec/metrics/0/pods/metric/name")
            .asText(),
        ((Map<?, ?>) rule.get("name")).get("as"));
  }

  /** As the adapter asks it about two pods. */
  private static String query(Map<String, Object> rule) {
    String series = ((String) rule.get("seriesQuery")).replaceFirst("\\{.*", "");
    return ((String) rule.get("metricsQuery"))
        .replace("<<.GroupBy>>", "pod")
        .replace("<<.LabelMatchers>>", "namespace=\"livegate\",pod=~\"a|b\"")
        .replace("<<.Series>>", series);
  }

  /** Names, labels and values that neither the gateway has, nor Prometheus, nor a rule makes. */
  private static List<String> unknown(List<String> expressions) {
    Map<String, Set<String>> recorded = recorded();
    Set<String> codes =
        Arrays.stream(ErrorCode.values()).map(ErrorCode::label).collect(Collectors.toSet());
    var unknown = new ArrayList<String>();
    for (String expression : expressions) {
      PromQl names = PromQl.of(expression);
      assertFalse(names.selected().isEmpty() && !expression.startsWith("vector"), expression);
      Set<String> labels = new TreeSet<>(TARGET);
      names
          .selected()
          .forEach(
              (metric, selectors) -> {
                Set<String> made = recorded.getOrDefault(metric, Set.of());
                labels.addAll(made);
                if (made.isEmpty() && !metric.equals("up") && !scrape.has(metric)) {
                  unknown.add("no metric " + metric + " for " + expression);
                }
                selectors.forEach(
                    (label, patterns) -> {
                      for (String pattern : patterns) {
                        Set<String> values =
                            label.equals("code") ? codes : scrape.values(metric, label);
                        boolean there =
                            label.equals("code")
                                ? codes.containsAll(List.of(pattern.split("\\|", -1)))
                                    && !scrape.values(metric, label).isEmpty()
                                : values.stream().anyMatch(value -> value.matches(pattern));
                        if (!there && !TARGET.contains(label)) {
                          unknown.add("no " + label + " " + pattern + " at " + metric);
                        }
                      }
                    });
                labels.addAll(scrape.labels(metric));
              });
      for (String label : names.grouped()) {
        if (!labels.contains(label)) {
          unknown.add("no label " + label + " for " + expression);
        }
      }
    }
    return unknown;
  }

  @Test
  void namesThatDoNotExistAreSeen() {
    for (String wrong :
        List.of(
            "rate(livegate_grants_isued_total[5m])",
            "sum by (roole) (livegate_sessions_open)",
            "livegate_policy_digest{status=\"in-force\"}",
            "livegate_policy_digest{state=\"inforce\"}",
            "livegate_grants_refused_total{code=~\"mint-refused|mint-refusd\"}",
            "livegate_setup_duration_seconds_bucket{le=\"2.0\"}",
            "livegate:burn:rate2h > 1",
            "up == 0 and on (host) livegate_policy_rejected")) {
      assertEquals(1, unknown(List.of(wrong)).size(), wrong);
    }
  }

  @Test
  void promtoolFindsTheRulesInOrder() throws IOException {
    Commands.Result result =
        Commands.run(List.of("promtool", "check", "rules", "--lint-fatal", written().toString()));
    assertEquals(0, result.status(), result::output);

    Path broken = OUTPUT.resolve("broken.yaml");
    Files.writeString(broken, Files.readString(written()).replace("rate(", "rat("));
    assertFalse(
        Commands.run(List.of("promtool", "check", "rules", broken.toString())).status() == 0);
  }

  @Test
  void theAlertsFireWhenTheyShouldAndOnlyThen() throws IOException {
    Path rules = written();
    String tests = resource("alerts.test.yaml").replace("RULES", rules.toAbsolutePath().toString());
    Map<String, List<Map<String, Object>>> adapter =
        new Yaml()
            .load(Files.readString(Manifests.ROOT.resolve("components/hpa/adapter-rules.yaml")));
    tests = tests.replace("ADAPTER", query(adapter.get("rules").get(0)).replace("\"", "\\\""));
    Path file = Files.writeString(OUTPUT.resolve("alerts.test.yaml"), tests);
    Commands.Result result = Commands.run(List.of("promtool", "test", "rules", file.toString()));
    assertEquals(0, result.status(), result::output);

    // Every alert is among them.
    for (JsonNode rule : rules().filter(rule -> rule.has("alert")).toList()) {
      assertTrue(tests.contains("alertname: " + rule.path("alert").asText()), rule::toString);
    }
    Files.writeString(
        rules, Files.readString(rules).replace("livegate_policy_rejected == 1", "vector(1) == 2"));
    assertFalse(Commands.run(List.of("promtool", "test", "rules", file.toString())).status() == 0);
  }

  @Test
  void everyAlertSaysWhatItIsAboutAndHowBadItIs() {
    List<JsonNode> alerts = rules().filter(rule -> rule.has("alert")).toList();
    assertTrue(alerts.size() >= 10);
    for (JsonNode alert : alerts) {
      assertTrue(Set.of("critical", "warning").contains(alert.at("/labels/severity").asText()));
      assertFalse(alert.at("/annotations/summary").asText().isBlank());
      assertFalse(alert.at("/annotations/description").asText().isBlank());
    }
  }

  /** The rules as Prometheus' operator writes them. */
  private static Path written() throws IOException {
    Files.createDirectories(OUTPUT);
    String rules =
        new Yaml()
            .dump(JSON.convertValue(JSON.createObjectNode().set("groups", groups), Map.class));
    return Files.writeString(OUTPUT.resolve("rules.yaml"), rules);
  }

  private static String resource(String name) throws IOException {
    return Files.readString(Path.of("src/test/resources/k8s", name));
  }
}
