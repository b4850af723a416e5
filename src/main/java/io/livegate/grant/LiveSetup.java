package io.livegate.grant;

import io.livegate.error.Violation;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * What a rule says about the Live setup: values, and the places that a client may set.
 *
 * @param values the rule's own values, canonical ({@link SetupSchema})
 * @param open the places a client may set; a value of the rule at or in such a place is the default
 *     that the client's value replaces as a whole, as Google's field masks do
 */
public record LiveSetup(Map<String, Object> values, List<SetupPath> open) {

  /** A Content is one text to us, whatever parts it comes in. */
  private static final SetupPath INSTRUCTION = SetupPath.of("systemInstruction");

  public LiveSetup {
    open = List.copyOf(open);
  }

  /**
   * A client's setup laid over the rule's.
   *
   * @param setup the result
   * @param open the open places that the client left alone
   * @param violations what went beyond the rule
   */
  public record Narrowed(
      Map<String, Object> setup, List<SetupPath> open, List<Violation> violations) {}

  /**
   * Lays a client's setup over this one. What stands in an open place is taken; what repeats the
   * rule's own value changes nothing; all else is a violation and leaves the rule's value.
   *
   * @param asked the client's setup, canonical, without model and sessionResumption
   */
  public Narrowed narrow(Map<String, Object> asked) {
    var violations = new ArrayList<Violation>();
    var setup = narrow(SetupPath.ROOT, asked, values, violations);
    return new Narrowed(setup, leftAlone(asked), List.copyOf(violations));
  }

  /** A place that the client set, or that lies in one, is no longer open. */
  private List<SetupPath> leftAlone(Map<String, Object> asked) {
    var set = open.stream().filter(place -> place.in(asked).isPresent()).toList();
    return open.stream()
        .filter(place -> set.stream().noneMatch(taken -> taken.covers(place)))
        .toList();
  }

  @SuppressWarnings("unchecked") // every object in a canonical setup has string keys
  private Map<String, Object> narrow(
      SetupPath at, Map<String, Object> asked, Map<String, Object> setup, List<Violation> found) {
    for (var field : asked.entrySet()) {
      SetupPath path = at.child(field.getKey());
      @Nullable Object value = field.getValue(); // null is taken within objects that are not ours
      if (open.stream().anyMatch(place -> place.covers(path))) {
        setup = path.set(setup, value);
      } else if (!path.in(values).map(own -> own.equals(value)).orElse(false)) {
        // Objects are judged field by field where the rule says something inside them.
        boolean divisible =
            !path.equals(INSTRUCTION)
                && (path.in(values).map(Map.class::isInstance).orElse(false)
                    || open.stream().anyMatch(path::covers));
        if (divisible && value instanceof Map<?, ?> inner) {
          setup = narrow(path, (Map<String, Object>) inner, setup, found);
        } else {
          found.add(new Violation("setup." + path, value, allowedAt(path)));
        }
      }
    }
    return setup;
  }

  private Object allowedAt(SetupPath path) {
    var places = new TreeSet<String>();
    open.forEach(place -> places.add("setup." + place));
    return path.in(values)
        .map(own -> "only the rule's own value")
        .orElse(places.isEmpty() ? "no setup field" : "of the setup only " + places);
  }
}
