package io.livegate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** What the app is made of is told, may be used, and has a reason. */
class SupplyChainIT {

  /** What may be passed on with Apache-2.0. Of several licences of a component one is enough. */
  private static final Set<String> LICENCES =
      Set.of(
          "Apache-2.0",
          "BSD-2-Clause",
          "BSD-3-Clause",
          "CC0-1.0",
          "EPL-2.0",
          // With the Classpath exception, or CDDL.
          "(CDDL-1.0 OR GPL-2.0-with-classpath-exception)",
          // RE2/J's: BSD of three clauses.
          "Go License",
          "MIT",
          "MIT-0");

  private static JsonArray components() throws IOException {
    return new JsonObject(Files.readString(Path.of("target", "bom.json")))
        .getJsonArray("components");
  }

  @Test
  void everyJarOfTheAppIsInTheBillOfMaterials() throws IOException {
    Set<String> listed = new TreeSet<>();
    for (Object one : components()) {
      var component = (JsonObject) one;
      listed.add(
          "%s.%s-%s"
              .formatted(
                  component.getString("group"),
                  component.getString("name"),
                  component.getString("version")));
    }
    try (Stream<Path> jars = Files.list(Path.of("target", "quarkus-app", "lib", "main"))) {
      Set<String> missing =
          jars.map(jar -> jar.getFileName().toString())
              .map(name -> name.replaceFirst("(-linux-(x86_64|aarch_64))?\\.jar$", ""))
              .filter(name -> !listed.contains(name))
              .collect(Collectors.toCollection(TreeSet::new));
      assertEquals(Set.of(), missing);
    }
  }

  @Test
  void everyComponentHasALicenceThatAllowsItsUse() throws IOException {
    Set<String> refused = new TreeSet<>();
    for (Object one : components()) {
      var component = (JsonObject) one;
      if (licences(component).stream().noneMatch(LICENCES::contains)) {
        refused.add(component.getString("purl") + " " + licences(component));
      }
    }
    assertEquals(Set.of(), refused);
  }

  private static Set<String> licences(JsonObject component) {
    Set<String> licences = new TreeSet<>();
    for (Object one : component.getJsonArray("licenses", new JsonArray())) {
      var choice = (JsonObject) one;
      var licence = choice.getJsonObject("license", new JsonObject());
      licences.add(
          choice.getString("expression", licence.getString("id", licence.getString("name"))));
    }
    return licences;
  }

  @Test
  void everyDependencyHasItsReason() throws IOException {
    String pom = Files.readString(Path.of("pom.xml"));
    String dependencies =
        pom.substring(
            pom.indexOf("</dependencyManagement>"), pom.indexOf("  </dependencies>\n\n  <build>"));
    long all = count("<dependency>", dependencies);
    assertTrue(all > 10, "found the dependencies");
    assertEquals(all, count("-->\\s*<dependency>", dependencies), "each follows a comment");
  }

  private static long count(String pattern, String text) {
    return Pattern.compile(pattern).matcher(text).results().count();
  }
}
