package io.livegate.policy;

import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.DumperOptions.ScalarStyle;
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

  private static final Pattern DURATION = Pattern.compile("([1-9][0-9]{0,5})(s|m|h)");
  private static final Pattern WHOLE = Pattern.compile("[-+]?(0|[1-9][0-9]{0,29})");
  private static final Pattern DECIMAL =
      Pattern.compile("[-+]?([0-9]{1,300}(\\.[0-9]*)?|\\.[0-9]+)([eE][-+]?[0-9]{1,2})?");

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

  /** A mistake within a text; names its own line where the file has the text line by line. */
  void mistakeAt(int offset, String what) {
    int line = line();
    if (node instanceof ScalarNode text && text.getScalarStyle() == ScalarStyle.LITERAL) {
      line += 1 + (int) text.getValue().substring(0, offset).chars().filter(c -> c == '\n').count();
    }
    mistakes.accept(line, path + " " + what);
  }

  /** The members of a mapping; unknown names and repeated ones are mistakes. */
  Map<String, YamlNode> members(Set<String> known) {
    if (!isMapping()) {
      mistake("must be a mapping of names to values; known here: " + known);
    }
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
      return members;
    }
    for (NodeTuple tuple : mapping.getValue()) {
      if (!(tuple.getKeyNode() instanceof ScalarNode key)) {
        at(tuple.getKeyNode(), path).mistake("has a name that is not plain text");
        continue;
      }
      String name = key.getValue();
      var member = at(tuple.getValueNode(), path.isEmpty() ? name : path + "." + name);
      if (key.getTag().equals(Tag.MERGE)) {
        // Flattened, its members would stand at lines that do not show them.
        at(key, member.path).mistake("merges mappings, which is not supported; write them out");
      } else if (members.putIfAbsent(name, member) != null) {
        at(key, member.path).mistake("is given twice");
      }
    }
    return members;
  }

  /** The text of a member, if there is one; whatever is wrong is left to be found otherwise. */
  Optional<String> textOf(String name) {
    if (node instanceof MappingNode mapping) {
      for (NodeTuple tuple : mapping.getValue()) {
        if (tuple.getKeyNode() instanceof ScalarNode key
            && key.getValue().equals(name)
            && tuple.getValueNode() instanceof ScalarNode value) {
          return Optional.of(value.getValue());
        }
      }
    }
    return Optional.empty();
  }

  /** The elements of a list. */
  List<YamlNode> elements() {
    var elements = new ArrayList<YamlNode>();
    if (!(node instanceof SequenceNode sequence)) {
      mistake("must be a list");
      return elements;
    }
    for (Node element : sequence.getValue()) {
      elements.add(at(element, path + "[" + elements.size() + "]"));
    }
    return elements;
  }

  /** The elements of a list that must have some. */
  List<YamlNode> someElements(String whyAndWhich) {
    var elements = elements();
    if (elements.isEmpty() && node instanceof SequenceNode) {
      mistake(whyAndWhich);
    }
    return elements;
  }

  private YamlNode at(Node place, String name) {
    return new YamlNode(place, name, mistakes);
  }

  boolean isMapping() {
    return node instanceof MappingNode;
  }

  Optional<String> string() {
    Object value = plain();
    if (value instanceof String text && !text.isBlank()) {
      return Optional.of(text);
    }
    boolean other = value instanceof Boolean || value instanceof Number;
    mistake(other ? "must be text; put it in quotes" : "must be text");
    return Optional.empty();
  }

  Optional<Boolean> bool() {
    if (plain() instanceof Boolean value) {
      return Optional.of(value);
    }
    mistake("must be true or false");
    return Optional.empty();
  }

  Optional<Long> wholeNumber(long minimum, long maximum) {
    if (plain() instanceof Long value && value >= minimum && value <= maximum) {
      return Optional.of(value);
    }
    mistake("must be a whole number of at least " + minimum + ", at most " + maximum);
    return Optional.empty();
  }

  /** A time of at least a second. */
  Optional<Duration> duration() {
    Matcher matcher = DURATION.matcher(plain() instanceof String text ? text : "");
    if (!matcher.matches()) {
      mistake("must be a duration such as 45s, 30m or 2h");
      return Optional.empty();
    }
    long amount = Long.parseLong(matcher.group(1));
    return Optional.of(
        switch (matcher.group(2)) {
          case "s" -> Duration.ofSeconds(amount);
          case "m" -> Duration.ofMinutes(amount);
          default -> Duration.ofHours(amount);
        });
  }

  /** The place of the named field below this one, or the nearest place above it that exists. */
  YamlNode nearest(String below) {
    if (below.isEmpty()) {
      return this;
    }
    if (node instanceof SequenceNode && below.startsWith("[")) {
      int close = below.indexOf(']');
      int index = Integer.parseInt(below.substring(1, close));
      var elements = elements();
      return index < elements.size()
          ? elements.get(index).nearest(below.substring(close + 1))
          : this;
    }
    // A name can have dots of its own, so the names that are there say where one ends.
    String rest = below.startsWith(".") ? below.substring(1) : below;
    for (var member : allMembers().entrySet()) {
      if (rest.startsWith(member.getKey())) {
        String beyond = rest.substring(member.getKey().length());
        if (beyond.isEmpty() || beyond.startsWith(".") || beyond.startsWith("[")) {
          return member.getValue().nearest(beyond);
        }
      }
    }
    return this;
  }

  /** The value as plain JSON types; {@code Long} for whole numbers, {@code Double} for others. */
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
    // Likewise octal, sexagesimal and grouped numbers are left as the text that they look like.
    if (tag.equals(Tag.INT) && WHOLE.matcher(text).matches()) {
      return number(new BigInteger(text.startsWith("+") ? text.substring(1) : text));
    }
    if (tag.equals(Tag.FLOAT) && DECIMAL.matcher(text).matches()) {
      double value = Double.parseDouble(text);
      boolean whole = value == Math.rint(value) && Math.abs(value) < 1L << 53;
      return whole ? (Object) (long) value : (Object) value;
    }
    return text;
  }

  private static Object number(BigInteger value) {
    return value.bitLength() < Long.SIZE ? (Object) value.longValue() : value.doubleValue();
  }
}
