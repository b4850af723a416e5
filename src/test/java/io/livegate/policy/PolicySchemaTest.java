package io.livegate.policy;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion.VersionFlag;
import io.livegate.grant.SetupPath;
import io.livegate.grant.SetupSchema;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** That the JSON Schema and the parser take and refuse the same files. */
class PolicySchemaTest {

  private static final ObjectMapper JSON = new ObjectMapper();
  private static final JsonNode SCHEMA = read("/META-INF/resources/policy.schema.json");
  private static final JsonSchema VALIDATOR =
      JsonSchemaFactory.getInstance(VersionFlag.V202012).getSchema(SCHEMA);

  /** What a schema cannot see, by the words in which the parser refuses it. */
  private static final List<String> BEYOND_A_SCHEMA =
      List.of(
          "is no CEL",
          "has a ${ without its }",
          "cannot be reached by any input",
          "is the name of the rule",
          "must be under 20h",
          "must be at most expires-in",
          "needs issuers",
          "is the second one per",
          "has one value for everybody",
          // The same model with and without its prefix, and a place within another.
          "is listed twice, with and without",
          "overlaps a place",
          // What is gone when YAML has become data.
          "is given twice",
          "merges mappings",
          "has a name that is not plain text");

  private static JsonNode read(String resource) {
    try (var stream = PolicySchemaTest.class.getResourceAsStream(resource)) {
      return JSON.readTree(stream);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String text(String resource) {
    try (var stream = PolicySchemaTest.class.getResourceAsStream(resource)) {
      return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The data that is in a file; nothing if it is no YAML document. */
  private static Optional<JsonNode> dataIn(String yaml) {
    var root = PolicyFile.parse(yaml.getBytes(StandardCharsets.UTF_8), new Findings());
    return Optional.ofNullable(root)
        .map(node -> JSON.valueToTree(new YamlNode(node, "", (line, what) -> {}).plain()));
  }

  private static JsonNode data(String yaml) {
    return dataIn(yaml).orElseThrow();
  }

  /** Compares the two verdicts; returns the parser's. */
  private static boolean agreed(String what, String file, JsonNode data) {
    var mistakes = Policies.mistakes(file, false);
    var errors = VALIDATOR.validate(data);
    boolean refusedForWhatASchemaSees =
        mistakes.stream()
            .anyMatch(m -> BEYOND_A_SCHEMA.stream().noneMatch(words -> m.what().contains(words)));
    assertEquals(
        refusedForWhatASchemaSees,
        !errors.isEmpty(),
        () -> what + "\n parser: " + mistakes + "\n schema: " + errors);
    return mistakes.isEmpty();
  }

  static Stream<Arguments> corpus() {
    return Stream.of(
            Stream.of(
                Arguments.of("the sample", text("/policy.yaml")),
                Arguments.of("everything", text("/policy/full.yaml"))),
            PolicyFileTest.fine(),
            PolicyFileTest.badFiles().map(bad -> Arguments.of(bad.get()[0], bad.get()[1])))
        .flatMap(files -> files)
        .filter(file -> dataIn((String) file.get()[1]).isPresent());
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("corpus")
  void theSchemaAgreesWithTheParser(String what, String yaml) {
    agreed(what, yaml, data(yaml));
  }

  @Test
  void theFullPolicyIsTakenByBothEvenWithSeveralIssuers() {
    String full = text("/policy/full.yaml");

    assertEquals(List.of(), Policies.mistakes(full, true));
    assertEquals(Set.of(), VALIDATOR.validate(data(full)));
  }

  @Test
  void theyAgreeOnEveryMutationOfAFullPolicy() {
    var mutations = new ArrayList<JsonNode>();
    var root = data(text("/policy/full.yaml"));
    mutate(root, root, changed -> mutations.add(changed.deepCopy()));

    int taken = 0;
    for (JsonNode mutation : mutations) {
      if (agreed(mutation.toString(), mutation.toString(), mutation)) {
        taken++;
      }
    }

    // That mutations are mostly refused, and that some are taken, shows that they try something.
    int all = mutations.size();
    int accepted = taken;
    assertTrue(all > 1500 && accepted > 100 && accepted < all / 2, () -> accepted + " of " + all);
  }

  /** Changes one thing below a node at a time, shows the whole, and changes it back. */
  private static void mutate(JsonNode root, JsonNode at, Consumer<JsonNode> show) {
    if (at instanceof ObjectNode object) {
      for (String added : List.of("unknownKey", "model", "")) {
        object.put(added, "x");
        show.accept(root);
        object.remove(added);
      }
      for (String name : new TreeSet<>(fieldNames(object))) {
        JsonNode value = object.get(name);
        object.remove(name);
        show.accept(root);
        for (JsonNode other : others()) {
          object.set(name, other);
          show.accept(root);
        }
        object.set(name, value);
        mutate(root, value, show);
      }
    } else if (at instanceof ArrayNode array) {
      for (int i = 0; i < array.size(); i++) {
        JsonNode value = array.get(i);
        array.add(value.deepCopy());
        show.accept(root);
        array.remove(array.size() - 1);
        for (JsonNode other : others()) {
          array.set(i, other);
          show.accept(root);
        }
        array.set(i, value);
        mutate(root, value, show);
      }
    }
  }

  private static List<String> fieldNames(ObjectNode object) {
    var names = new ArrayList<String>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  private static List<JsonNode> others() {
    try {
      return JSON.readerForListOf(JsonNode.class)
          .readValue(
              """
              [null, true, 7, -1, 1.5, 3000000000, "x y", "12", "", [], ["x y"], {},
               {"unknownKey": 1}]""");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void theSchemaKnowsTheSetupFieldsThatTheParserKnowsAndNoOthers() {
    var paths = new TreeSet<String>();
    collect(SetupPath.ROOT, paths);
    paths.removeIf(path -> path.startsWith("model") || path.startsWith("sessionResumption"));

    var places = new TreeSet<String>();
    SCHEMA.at("/$defs/place/anyOf/0/enum").forEach(place -> places.add(place.asText()));

    assertEquals(paths, places);
  }

  private static void collect(SetupPath path, Set<String> paths) {
    for (String name : SetupSchema.namesIn(path)) {
      paths.add(path.child(name).toString());
      collect(path.child(name), paths);
    }
  }

  @Test
  void editorsFindADescriptionForEveryKey() {
    var without = new ArrayList<String>();
    undescribed(SCHEMA, "", without);

    assertEquals(List.of(), without);
  }

  private static void undescribed(JsonNode node, String path, List<String> without) {
    for (var field : node.properties()) {
      if (field.getKey().equals("properties") && !path.contains("/if") && !path.contains("/then")) {
        for (var property : field.getValue().properties()) {
          var schema = property.getValue();
          var target =
              schema.has("$ref") ? SCHEMA.at(schema.get("$ref").asText().substring(1)) : schema;
          if (!schema.has("description") && !target.has("description")) {
            without.add(path + "/" + property.getKey());
          }
        }
      }
      undescribed(field.getValue(), path + "/" + field.getKey(), without);
    }
    if (node.isArray()) {
      node.forEach(element -> undescribed(element, path + "[]", without));
    }
  }
}
