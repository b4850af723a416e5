package io.livegate.policy;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.ScalarNode;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.nodes.Tag;

/**
 * A place in a YAML document that knows its line and its name, and reports what is not as asked;
 * reading goes on after a mistake, so that all of them are found at once.
 */
final class YamlNode {

  private final Node node;
  private final String path;
  private final BiConsumer<Integer, String> mistakes;

  YamlNode(Node node, String path, BiConsumer<Integer, String> mistakes) {
    this.node = node;
    this.path = path;
    this.mistakes = mistakes;
  }

  int line() {
    return node.getStartMark().getLine() + 1;
  }

  String path() {
    return path;
  }

  void mistake(String what) {
    mistakes.accept(line(), path.isEmpty() ? what : path + " " + what);
  }

  /** The members of a mapping; unknown names and repeated ones are mistakes. */
  Map<String, YamlNode> members(Set<String> known) {
    var members = allMembers();
    members.forEach(
        (name, member) -> {
          if (!known.contains(name)) {
            member.mistake("is not known; known here: " + known);
          }
        });
    members.keySet().retainAll(known);
    return members;
  }

  private Map<String, YamlNode> allMembers() {
    var members = new LinkedHashMap<String, YamlNode>();
    if (!(node instanceof MappingNode mapping)) {
      mistake("must be a mapping of names to values");
      return members;
    }
    for (NodeTuple tuple : mapping.getValue()) {
      if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
        mistake("has a name that is not plain text");
        continue;
      }
      String name = key.getValue();
      var member =
          new YamlNode(tuple.getValueNode(), path.isEmpty() ? name : path + "." + name, mistakes);
      if (members.putIfAbsent(name, member) != null) {
        member.mistake("is given twice");
      }
    }
    return members;
  }

  List<YamlNode> elements() {
    var elements = new ArrayList<YamlNode>();
    if (!(node instanceof SequenceNode sequence)) {
      mistake("must be a list");
      return elements;
    }
    for (Node element : sequence.getValue()) {
      elements.add(new YamlNode(element, path + "[" + elements.size() + "]", mistakes));
    }
    return elements;
  }

  boolean isMapping() {
    return node instanceof MappingNode;
  }

  Optional<String> string() {
    if (plain() instanceof String text && !text.isBlank()) {
      return Optional.of(text);
    }
    mistake("must be text");
    return Optional.empty();
  }

  Optional<Boolean> bool() {
    if (plain() instanceof Boolean value) {
      return Optional.of(value);
    }
    mistake("must be true or false");
    return Optional.empty();
  }

  Optional<Integer> wholeNumber(int minimum) {
    if (plain() instanceof Long value && value >= minimum && value <= Integer.MAX_VALUE) {
      return Optional.of(value.intValue());
    }
    mistake("must be a whole number of at least " + minimum);
    return Optional.empty();
  }

  /** The place of the named field below this one, or the nearest place above it that exists. */
  YamlNode nearest(String below) {
    YamlNode place = this;
    for (String name : below.split("[.\\[\\]]+", -1)) {
      if (place.node instanceof MappingNode) {
        var member = place.allMembers().get(name);
        if (member == null) {
          break;
        }
        place = member;
      } else if (place.node instanceof SequenceNode sequence
          && name.matches("[0-9]{1,6}")
          && Integer.parseInt(name) < sequence.getValue().size()) {
        place = place.elements().get(Integer.parseInt(name));
      } else {
        break;
      }
    }
    return place;
  }

  /** The value as plain JSON types; {@code Long} and {@code Double} for numbers. */
  @Nullable Object plain() {
    if (node instanceof MappingNode) {
      var object = new LinkedHashMap<String, @Nullable Object>();
      allMembers().forEach((name, member) -> object.put(name, member.plain()));
      return object;
    }
    if (node instanceof SequenceNode) {
      var list = new ArrayList<@Nullable Object>();
      elements().forEach(element -> list.add(element.plain()));
      return list;
    }
    String text = ((ScalarNode) node).getValue();
    Tag tag = node.getTag();
    if (tag.equals(Tag.NULL)) {
      return null;
    }
    // YAML 1.1 also takes yes, no, on, off; a policy that says "no" in a list of words means it.
    if (tag.equals(Tag.BOOL) && (text.equals("true") || text.equals("false"))) {
      return text.equals("true");
    }
    if (tag.equals(Tag.INT) && text.matches("-?[0-9]{1,18}")) {
      return Long.valueOf(text);
    }
    if (tag.equals(Tag.FLOAT) && text.matches("-?[0-9]+\\.[0-9]*([eE][-+]?[0-9]{1,3})?")) {
      return Double.valueOf(text);
    }
    return text;
  }
}
