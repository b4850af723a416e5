package io.livegate.grant;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The place of a field in a Live setup, such as {@code generationConfig.temperature}: names in
 * lowerCamelCase, relative to the setup, as in Google's field masks.
 */
public record SetupPath(List<String> names) {

  /** The setup itself. */
  public static final SetupPath ROOT = new SetupPath(List.of());

  public SetupPath {
    names = List.copyOf(names);
  }

  /** Reads the dotted form; does not check that such a field exists. */
  public static SetupPath of(String dotted) {
    return new SetupPath(List.of(dotted.split("\\.", -1)));
  }

  /** This path with one more name. */
  public SetupPath child(String name) {
    var longer = new ArrayList<>(names);
    longer.add(name);
    return new SetupPath(longer);
  }

  /** Whether {@code other} is this field or lies inside it. */
  public boolean covers(SetupPath other) {
    return other.names.size() >= names.size() && other.names.subList(0, names.size()).equals(names);
  }

  /** The value at this place, if the setup has one. */
  public Optional<Object> in(Map<String, Object> setup) {
    Object value = setup;
    for (String name : names) {
      if (!(value instanceof Map<?, ?> object) || !object.containsKey(name)) {
        return Optional.empty();
      }
      value = object.get(name);
    }
    return Optional.ofNullable(value);
  }

  /** A copy of the setup in which this place holds {@code value}; parents are made as needed. */
  public Map<String, Object> set(Map<String, Object> setup, @Nullable Object value) {
    return set(setup, names, value);
  }

  @SuppressWarnings("unchecked") // every object in a canonical setup has string keys
  private static Map<String, Object> set(
      Map<String, Object> object, List<String> names, @Nullable Object value) {
    var copy = new LinkedHashMap<String, @Nullable Object>(object);
    String name = names.get(0);
    if (names.size() == 1) {
      copy.put(name, value);
    } else {
      var inner = copy.get(name) instanceof Map<?, ?> map ? (Map<String, Object>) map : Map.of();
      copy.put(name, set((Map<String, Object>) inner, names.subList(1, names.size()), value));
    }
    return Collections.unmodifiableMap(copy);
  }

  @Override
  public String toString() {
    return String.join(".", names);
  }
}
