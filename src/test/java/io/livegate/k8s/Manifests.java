package io.livegate.k8s;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;

/** Kubernetes objects that are applied together. */
record Manifests(List<JsonNode> objects) {

  static final Path ROOT = Path.of("k8s");

  private static final ObjectMapper JSON = new ObjectMapper();

  /** What {@code kubectl apply -k} would send. */
  static Manifests rendered(Path overlay) {
    Commands.Result result = Commands.run(List.of("kubectl", "kustomize", overlay.toString()));
    assertEquals(0, result.status(), () -> overlay + ": " + result.output());
    return parsed(result.output());
  }

  static Manifests parsed(String yaml) {
    var options = new LoaderOptions();
    options.setAllowDuplicateKeys(false);
    var objects = new ArrayList<JsonNode>();
    for (Object document : new Yaml(options).loadAll(new StringReader(yaml))) {
      objects.add(JSON.valueToTree(document));
    }
    return new Manifests(List.copyOf(objects));
  }

  static Manifests read(Path file) {
    try {
      return parsed(Files.readString(file));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The one object of that kind whose name begins so; generated names end in a hash. */
  JsonNode the(String kind, String name) {
    List<JsonNode> found = of(kind).filter(object -> unhashed(name(object)).equals(name)).toList();
    assertEquals(1, found.size(), () -> kind + " " + name);
    return found.get(0);
  }

  Stream<JsonNode> of(String kind) {
    return objects.stream().filter(object -> object.path("kind").asText().equals(kind));
  }

  boolean has(String kind, Predicate<JsonNode> what) {
    return of(kind).anyMatch(what);
  }

  /** Everything that makes pods. */
  Stream<JsonNode> workloads() {
    return objects.stream().filter(object -> object.path("spec").has("template"));
  }

  static JsonNode podSpec(JsonNode workload) {
    return workload.at("/spec/template/spec");
  }

  static JsonNode podLabels(JsonNode workload) {
    return workload.at("/spec/template/metadata/labels");
  }

  /** All containers of a pod, those beside and before the others included. */
  static Stream<JsonNode> containers(JsonNode workload) {
    JsonNode spec = podSpec(workload);
    return Stream.concat(each(spec.path("initContainers")), each(spec.path("containers")));
  }

  static JsonNode container(JsonNode workload, String name) {
    return containers(workload).filter(c -> name(c, "name").equals(name)).findFirst().orElseThrow();
  }

  static Stream<JsonNode> each(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false);
  }

  static String name(JsonNode object) {
    return object.at("/metadata/name").asText();
  }

  static String name(JsonNode node, String field) {
    return node.path(field).asText();
  }

  /** A name without the hash of what a generated object contains. */
  private static String unhashed(String name) {
    return name.replaceFirst("-[bcdfghkmt24-9]{10}$", "");
  }

  static String label(JsonNode object) {
    return object.path("kind").asText() + " " + name(object);
  }
}
