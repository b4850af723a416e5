package io.livegate.k8s;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.livegate.policy.PolicyFile;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The files below {@code k8s/} as they are; {@link RenderedE2E} sees what becomes of them. */
class ManifestsTest {

  private static final List<String> NOT_APPLIED =
      List.of("adapter-rules.yaml", "cilium-fqdn.example.yaml", "cpu-only.yaml");

  private static List<Path> files(String ending) throws IOException {
    try (Stream<Path> files = Files.walk(Manifests.ROOT)) {
      return files
          .filter(file -> Files.isRegularFile(file) && file.toString().endsWith(ending))
          .sorted()
          .toList();
    }
  }

  @Test
  void everyFileIsUsedByTheKustomizationBesideIt() throws IOException {
    for (Path file : files("")) {
      String name = file.getFileName().toString();
      if (!name.equals("kustomization.yaml") && !NOT_APPLIED.contains(name)) {
        Path kustomization = file.resolveSibling("kustomization.yaml");
        assertTrue(Files.readString(kustomization).contains(name), file::toString);
      }
    }
  }

  @Test
  void everyObjectInAFileIsWhatItsKindAllows() throws IOException {
    var mistakes = new ArrayList<String>();
    int objects = 0;
    for (Path file : files(".yaml")) {
      String name = file.getFileName().toString();
      if (NOT_APPLIED.contains(name)
          || Set.of("kustomization.yaml", "policy.yaml", "replacements.yaml", "beside.yaml")
              .contains(name)) {
        continue;
      }
      for (JsonNode object : Manifests.read(file).objects()) {
        mistakes.addAll(Strict.mistakes(object));
        objects++;
      }
    }
    assertTrue(objects > 15);
    assertEquals(List.of(), mistakes);
  }

  @Test
  void everyPolicyIsAccepted() throws IOException {
    List<Path> policies = files("/policy.yaml");
    assertEquals(3, policies.size());
    for (Path policy : policies) {
      var compiled =
          PolicyFile.compile(Files.readString(policy).getBytes(StandardCharsets.UTF_8), false);
      assertTrue(compiled instanceof PolicyFile.Compiled.Accepted, policy + ": " + compiled);
    }
  }

  @Test
  void thePortsAreTheApps() throws IOException {
    Properties properties = application();
    JsonNode gateway =
        Manifests.container(
            Manifests.read(Manifests.ROOT.resolve("base/deployment.yaml"))
                .the("Deployment", "livegate"),
            "gateway");
    assertEquals("true", properties.getProperty("quarkus.management.enabled"));
    for (JsonNode port : gateway.path("ports")) {
      assertEquals(
          properties.getProperty("quarkus." + port.path("name").asText() + ".port"),
          port.path("containerPort").asText());
    }
    for (String probe : List.of("startupProbe", "readinessProbe", "livenessProbe")) {
      assertEquals("management", gateway.path(probe).at("/httpGet/port").asText());
    }
  }

  @Test
  void noManifestHoldsASecret() throws IOException {
    // What base64 of 32 bytes, a PEM file or Google's keys look like.
    Pattern secret = Pattern.compile("[A-Za-z0-9+/]{43}=|-----BEGIN|AIza[0-9A-Za-z_-]{10}");
    for (Path file : files("")) {
      assertFalse(secret.matcher(Files.readString(file)).find(), file::toString);
    }
  }

  @Test
  void theExampleForCiliumIsForTheGatewaysPods() {
    JsonNode policy =
        Manifests.read(Manifests.ROOT.resolve("components/network-policy/cilium-fqdn.example.yaml"))
            .the("CiliumNetworkPolicy", "livegate-hosts");
    JsonNode deployment =
        Manifests.read(Manifests.ROOT.resolve("base/deployment.yaml"))
            .the("Deployment", "livegate");
    assertEquals(
        deployment.at("/spec/selector/matchLabels"),
        policy.at("/spec/endpointSelector/matchLabels"));
    assertTrue(policy.toString().contains("generativelanguage.googleapis.com"));
  }

  @Test
  void theDashboardsPanelsAreApartAndHaveNumbersOfTheirOwn() throws IOException {
    JsonNode dashboard =
        new ObjectMapper()
            .readTree(Manifests.ROOT.resolve("components/monitoring/dashboard.json").toFile());
    Set<Integer> ids = new TreeSet<>();
    Set<String> cells = new TreeSet<>();
    for (JsonNode panel : dashboard.path("panels")) {
      assertTrue(ids.add(panel.path("id").asInt()));
      JsonNode at = panel.path("gridPos");
      assertTrue(at.path("x").asInt() + at.path("w").asInt() <= 24);
      for (int x = 0; x < at.path("w").asInt(); x++) {
        for (int y = 0; y < at.path("h").asInt(); y++) {
          assertTrue(cells.add((at.path("x").asInt() + x) + "," + (at.path("y").asInt() + y)));
        }
      }
    }
  }

  private static Properties application() throws IOException {
    var properties = new Properties();
    try (var in = Files.newBufferedReader(Path.of("src/main/resources/application.properties"))) {
      properties.load(in);
    }
    return properties;
  }
}
