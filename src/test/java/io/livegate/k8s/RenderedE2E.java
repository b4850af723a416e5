package io.livegate.k8s;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What {@code kubectl apply -k} would send, judged without a cluster. */
class RenderedE2E {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path PRODUCTION = Path.of("overlays", "production");
  private static final Pattern COMPONENT = Pattern.compile("  - \\.\\./\\.\\./components/(\\S+).*");
  private static final Pattern SITE = Pattern.compile("(?m)^([A-Z_]+)=(.*)$");

  @TempDir Path copy;

  static List<Path> overlays() throws IOException {
    try (Stream<Path> overlays = Files.list(Manifests.ROOT.resolve("overlays"))) {
      return overlays.sorted().toList();
    }
  }

  static List<String> components() throws IOException {
    return Files.readAllLines(Manifests.ROOT.resolve(PRODUCTION).resolve("kustomization.yaml"))
        .stream()
        .map(COMPONENT::matcher)
        .filter(java.util.regex.Matcher::matches)
        .map(line -> line.group(1))
        .toList();
  }

  @ParameterizedTest
  @MethodSource("overlays")
  void everyObjectIsWhatItsKindAllows(Path overlay) {
    Manifests manifests = Manifests.rendered(overlay);
    assertFalse(manifests.objects().isEmpty());
    assertEquals(
        List.of(), manifests.objects().stream().flatMap(o -> Strict.mistakes(o).stream()).toList());
  }

  @ParameterizedTest
  @MethodSource("overlays")
  void everyPodIsRestricted(Path overlay) {
    Manifests manifests = Manifests.rendered(overlay);
    assertTrue(manifests.workloads().findAny().isPresent());
    assertEquals(
        List.of(), manifests.workloads().flatMap(w -> Hardening.violations(w).stream()).toList());
    JsonNode labels = manifests.the("Namespace", "livegate").at("/metadata/labels");
    for (String mode : List.of("enforce", "warn", "audit")) {
      assertEquals("restricted", labels.path("pod-security.kubernetes.io/" + mode).asText());
    }
    manifests
        .of("ServiceAccount")
        .forEach(a -> assertFalse(a.path("automountServiceAccountToken").asBoolean(true)));
  }

  @ParameterizedTest
  @MethodSource("overlays")
  void everyReferenceLeadsSomewhere(Path overlay) {
    assertEquals(List.of(), References.dangling(Manifests.rendered(overlay)));
  }

  @ParameterizedTest
  @MethodSource("overlays")
  void everyObjectHasTheCommonLabels(Path overlay) {
    Manifests manifests = Manifests.rendered(overlay);
    for (JsonNode object : manifests.objects()) {
      assertEquals(
          "livegate",
          object.at("/metadata/labels").path("app.kubernetes.io/part-of").asText(),
          Manifests.label(object));
    }
    manifests
        .workloads()
        .forEach(
            workload -> {
              JsonNode labels = Manifests.podLabels(workload);
              for (String label : List.of("name", "component", "part-of", "managed-by")) {
                assertTrue(labels.has("app.kubernetes.io/" + label), labels::toString);
              }
            });
  }

  @ParameterizedTest
  @MethodSource("overlays")
  void aPodHasTimeToLetItsSessionsGo(Path overlay) {
    Manifests manifests = Manifests.rendered(overlay);
    JsonNode deployment = manifests.the("Deployment", "livegate");
    JsonNode gateway = Manifests.container(deployment, "gateway");
    String drain = Pod.environment(manifests, gateway).get("LIVEGATE_RELAY_DRAIN_TIME");
    long needed =
        gateway.at("/lifecycle/preStop/sleep/seconds").asLong()
            + Duration.parse("PT" + drain).toSeconds()
            + 15;
    long granted = Manifests.podSpec(deployment).path("terminationGracePeriodSeconds").asLong();
    assertTrue(gateway.at("/lifecycle/preStop/sleep/seconds").asLong() > 0);
    assertTrue(granted >= needed, granted + " s are less than " + needed);
  }

  @Test
  void productionLosesNoReplicaInARollOut() {
    Manifests manifests = Manifests.rendered(Manifests.ROOT.resolve(PRODUCTION));
    JsonNode spec = manifests.the("Deployment", "livegate").path("spec");
    assertEquals("0", spec.at("/strategy/rollingUpdate/maxUnavailable").asText());
    assertTrue(spec.at("/strategy/rollingUpdate/maxSurge").asInt() > 0);
    assertTrue(
        manifests.the("HorizontalPodAutoscaler", "livegate").at("/spec/minReplicas").asInt() > 1);
    assertEquals(
        "0s", manifests.the("HTTPRoute", "livegate").at("/spec/rules/0/timeouts/request").asText());
  }

  @Test
  void productionHoldsNoSecret() {
    Manifests manifests = Manifests.rendered(Manifests.ROOT.resolve(PRODUCTION));
    assertEquals(0, manifests.of("Secret").count());
  }

  @Test
  void nothingGetsOutOfProductionButWhatIsNamed() {
    Manifests manifests = Manifests.rendered(Manifests.ROOT.resolve(PRODUCTION));
    JsonNode deny = manifests.the("NetworkPolicy", "default-deny").path("spec");
    assertTrue(deny.path("podSelector").isEmpty());
    assertEquals("[\"Ingress\",\"Egress\"]", deny.path("policyTypes").toString());
    Set<String> blocks =
        Manifests.each(manifests.the("NetworkPolicy", "livegate").at("/spec/egress"))
            .flatMap(rule -> Manifests.each(rule.path("to")))
            .filter(to -> to.has("ipBlock"))
            .map(to -> to.path("ipBlock").toString())
            .collect(Collectors.toSet());
    assertEquals(2, blocks.size());
    String all = blocks.toString();
    for (String closed :
        List.of(
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "169.254.0.0/16",
            "100.64.0.0/10",
            "fc00::/7",
            "fe80::/10")) {
      assertTrue(all.contains("\"" + closed + "\""), closed);
    }
  }

  @ParameterizedTest
  @MethodSource("components")
  void productionDoesWithoutAnyOneOfItsComponents(String component) throws IOException {
    Manifests whole = Manifests.rendered(Manifests.ROOT.resolve(PRODUCTION));
    edit(
        PRODUCTION.resolve("kustomization.yaml"),
        text -> text.replaceFirst("(?m)^  - \\.\\./\\.\\./components/" + component + ".*\n", ""));
    Manifests rest = Manifests.rendered(copy.resolve(PRODUCTION));
    assertTrue(rest.objects().size() < whole.objects().size());
    var left = new ArrayList<>(References.dangling(rest));
    if (component.equals("external-secrets")) {
      // Then it is made by hand.
      assertTrue(left.removeIf(dangling -> dangling.contains("secret livegate-secrets")));
    }
    if (component.equals("redis")) {
      // Then it is a managed one.
      left.removeIf(dangling -> dangling.startsWith("NetworkPolicy livegate"));
    }
    assertEquals(List.of(), left);
    assertEquals(
        List.of(), rest.objects().stream().flatMap(o -> Strict.mistakes(o).stream()).toList());
  }

  @Test
  void withoutAnAdapterItScalesByCpuAlone() throws IOException {
    edit(
        Path.of("components", "hpa", "kustomization.yaml"),
        text -> text.replace("# - path: cpu-only.yaml", "- path: cpu-only.yaml"));
    Manifests manifests = Manifests.rendered(copy.resolve(PRODUCTION));
    JsonNode scaler = manifests.the("HorizontalPodAutoscaler", "livegate");
    assertEquals(1, scaler.at("/spec/metrics").size(), scaler::toString);
    assertEquals("cpu", scaler.at("/spec/metrics/0/resource/name").asText());
    assertEquals(List.of(), Strict.mistakes(scaler));
  }

  @Test
  void everyValueOfASiteArrives() throws IOException {
    var values = new java.util.TreeMap<String, String>();
    edit(
        PRODUCTION.resolve("site.env"),
        text ->
            SITE.matcher(text)
                .replaceAll(
                    line -> {
                      String name =
                          line.group(1).toLowerCase(java.util.Locale.ROOT).replace('_', '-');
                      values.put(line.group(2), "edited-" + name);
                      return line.group(1) + "=edited-" + name;
                    }));
    assertTrue(values.size() > 5);
    String rendered = Manifests.rendered(copy.resolve(PRODUCTION)).objects().toString();
    for (String edited : values.values()) {
      assertTrue(rendered.contains(edited), edited);
    }
    for (String placeholder :
        List.of("example.com", "\"ISSUER\"", "\"AUDIENCE\"", "/HOST\"", "\"PROXIES\"")) {
      assertFalse(rendered.contains(placeholder), placeholder);
    }
    assertFalse(rendered.contains("\"site\""), "it goes to no cluster itself");
  }

  private void edit(Path file, UnaryOperator<String> change) throws IOException {
    try (Stream<Path> files = Files.walk(Manifests.ROOT)) {
      for (Path from : files.toList()) {
        Path to = copy.resolve(Manifests.ROOT.relativize(from).toString());
        if (Files.isDirectory(from)) {
          Files.createDirectories(to);
        } else {
          Files.copy(from, to);
        }
      }
    }
    String before = Files.readString(copy.resolve(file));
    String after = change.apply(before);
    assertFalse(before.equals(after), "nothing was changed in " + file);
    Files.writeString(copy.resolve(file), after);
  }

  // --- That the judges see mistakes

  /** A value at a place of an object, instead of what is there. */
  private static JsonNode planted(String kind, String name, String pointer, String value)
      throws JsonProcessingException {
    JsonNode object =
        Manifests.rendered(Manifests.ROOT.resolve(PRODUCTION)).the(kind, name).deepCopy();
    put(object, pointer, value);
    return object;
  }

  private static void put(JsonNode object, String pointer, String value)
      throws JsonProcessingException {
    int last = pointer.lastIndexOf('/');
    JsonNode parent = object.at(pointer.substring(0, last));
    assertFalse(parent.isMissingNode(), pointer);
    String field = pointer.substring(last + 1);
    if (parent instanceof ArrayNode array) {
      array.set(Integer.parseInt(field), JSON.readTree(value));
    } else if (value.equals("-")) {
      assertTrue(((ObjectNode) parent).remove(field) != null, pointer);
    } else {
      ((ObjectNode) parent).set(field, JSON.readTree(value));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Deployment     | /spec/template/spec/containers/0/readinesProbe                  | {}",
        "Deployment     | /spec/strategy/rollingUpdate/maxUnavailible                     | 0",
        "Deployment     | /spec/template/spec/containers/0/lifecycle/preStop/sleep/secs   | 5",
        "Deployment     | /spec/selector                                                  | -",
        "Service        | /spec/ports/0/targetport                                        | \"http\"",
        "NetworkPolicy  | /spec/egress/2/to/0/ipBlock/excpt                               | []",
        "PodDisruptionBudget | /spec/maxUnavailble                                        | 1",
        "HorizontalPodAutoscaler | /spec/behaviour                                        | {}",
      })
  void bothValidatorsSeeAMistakeInKubernetesOwnKinds(String kind, String pointer, String value)
      throws JsonProcessingException {
    JsonNode object = planted(kind, "livegate", pointer, value);
    var first = new ArrayList<String>();
    assertTrue(Strict.byKubernetesJava(object, first));
    assertEquals(1, first.size(), "kubernetes-client/java");
    var second = new ArrayList<String>();
    assertTrue(Strict.byFabric8(object, second));
    // That a field is missing only the first one sees.
    assertEquals(value.equals("-") ? 0 : 1, second.size(), "fabric8");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "HTTPRoute      | /spec/rules/0/timeouts/requests           | \"0s\"",
        "HTTPRoute      | /spec/rules/0/backendRefs/0/port          | {\"number\":80}",
        "ServiceMonitor | /spec/endpoints/0/scrape_interval         | \"15s\"",
        "PrometheusRule | /spec/groups/0/rules/0/severity           | \"page\"",
        "ExternalSecret | /spec/data/0/remoteRef/proprety           | \"key\"",
        "ExternalSecret | /spec/secretStoreRef                      | -",
      })
  void aMistakeInACustomResourceIsSeen(String kind, String pointer, String value)
      throws JsonProcessingException {
    assertEquals(1, Strict.mistakes(planted(kind, "livegate", pointer, value)).size());
  }

  @Test
  void aKindThatNobodyKnowsIsAMistake() throws JsonProcessingException {
    assertEquals(1, Strict.mistakes(planted("Service", "livegate", "/kind", "\"Sevice\"")).size());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "/spec/template/spec/hostNetwork                                              | true",
        "/spec/template/spec/hostPID                                                  | true",
        "/spec/template/spec/volumes/2                      | {\"name\":\"tmp\",\"hostPath\":{\"path\":\"/\"}}",
        "/spec/template/spec/securityContext/runAsNonRoot                             | -",
        "/spec/template/spec/securityContext/runAsUser                                | 0",
        "/spec/template/spec/securityContext/seccompProfile                           | -",
        "/spec/template/spec/securityContext/sysctls          | [{\"name\":\"a\",\"value\":\"1\"}]",
        "/spec/template/spec/containers/0/securityContext/privileged                  | true",
        "/spec/template/spec/containers/0/securityContext/allowPrivilegeEscalation    | -",
        "/spec/template/spec/containers/0/securityContext/capabilities/drop           | []",
        "/spec/template/spec/containers/0/securityContext/capabilities/add            | [\"SYS_ADMIN\"]",
        "/spec/template/spec/containers/0/securityContext/runAsNonRoot                | false",
        "/spec/template/spec/containers/0/securityContext/seccompProfile | {\"type\":\"Unconfined\"}",
        "/spec/template/spec/containers/0/securityContext/procMount                   | \"Unmasked\"",
        "/spec/template/spec/containers/0/securityContext/readOnlyRootFilesystem      | -",
        "/spec/template/spec/containers/0/ports/0/hostPort                            | 80",
        "/spec/template/spec/containers/0/resources/limits/memory                     | -",
        "/spec/template/spec/containers/0/resources/requests/cpu                      | -",
        "/spec/template/spec/containers/0/image                                | \"livegate:latest\"",
        "/spec/template/spec/containers/0/startupProbe                                | -",
        "/spec/template/spec/automountServiceAccountToken                             | -",
        "/spec/template/spec/enableServiceLinks                                       | -",
      })
  void everyLooseningIsSeen(String pointer, String value) throws JsonProcessingException {
    assertEquals(1, Hardening.violations(planted("Deployment", "livegate", pointer, value)).size());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Deployment | /spec/template/spec/containers/0/envFrom/0/configMapRef/name | \"livegat\"",
        "Deployment | /spec/template/spec/volumes/0/configMap/name                 | \"policy\"",
        "Deployment | /spec/template/spec/volumes/1/secret/secretName              | \"secret\"",
        "Deployment | /spec/template/spec/volumes/2/name                           | \"temp\"",
        "Deployment | /spec/template/spec/containers/0/livenessProbe/httpGet/port  | \"admin\"",
        "Deployment | /spec/template/spec/serviceAccountName                       | \"default\"",
        "Deployment | /spec/selector/matchLabels                                   | {\"a\":\"b\"}",
        "Deployment | /spec/replicas                                               | 3",
        "Deployment | /metadata/namespace                                          | \"default\"",
        "Service    | /spec/ports/0/targetPort                                     | \"https\"",
        "Service    | /spec/selector                                               | {\"app\":\"x\"}",
        "PodDisruptionBudget | /spec/selector/matchLabels                          | {\"app\":\"x\"}",
        "HorizontalPodAutoscaler | /spec/scaleTargetRef/name                       | \"gateway\"",
        "HTTPRoute  | /spec/rules/0/backendRefs/0/port                             | 8080",
        "ServiceMonitor | /spec/selector/matchLabels                               | {\"app\":\"x\"}",
        "ServiceMonitor | /spec/endpoints/0/port                                   | \"metrics\"",
        "NetworkPolicy | /spec/ingress/1/ports/0/port                              | \"metrics\"",
        "NetworkPolicy | /spec/egress/1/ports/0/port                               | 6380",
      })
  void everyReferenceThatLeadsNowhereIsSeen(String kind, String pointer, String value)
      throws JsonProcessingException {
    Manifests good = Manifests.rendered(Manifests.ROOT.resolve(PRODUCTION));
    JsonNode bad = good.the(kind, "livegate");
    put(bad, pointer, value);
    assertFalse(References.dangling(good).isEmpty());
  }

  @Test
  void aRenderingThatFailsIsNoRendering() throws IOException {
    edit(PRODUCTION.resolve("kustomization.yaml"), text -> text.replace("../../base", "../../bse"));
    Commands.Result result =
        Commands.run(List.of("kubectl", "kustomize", copy.resolve(PRODUCTION).toString()));
    assertFalse(result.status() == 0, result::output);
  }
}
