package io.livegate.k8s;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What an expression of PromQL names: metrics with the labels and values that it selects them by,
 * and the labels that it groups by.
 *
 * @param selected values as patterns by label, by metric; a metric without a selector has none
 * @param grouped labels that stay when series are added up or matched
 */
record PromQl(Map<String, Map<String, Set<String>>> selected, Set<String> grouped) {

  private static final Set<String> KEYWORDS =
      Set.of("and", "or", "unless", "by", "on", "without", "ignoring", "group_left", "offset");

  private static final Pattern GROUPING =
      Pattern.compile("\\b(?:by|on|without|ignoring|group_left|group_right)\\s*\\(([^)]*)\\)");
  private static final Pattern SELECTOR =
      Pattern.compile("([a-zA-Z_:][a-zA-Z0-9_:]*)\\s*(?:\\{([^}]*)\\})?(\\s*\\()?");
  private static final Pattern MATCHER =
      Pattern.compile("([a-zA-Z_][a-zA-Z0-9_]*)\\s*(=~|!=|!~|=)\\s*\"((?:[^\"\\\\]|\\\\.)*)\"");

  static PromQl of(String expression) {
    Set<String> grouped = new TreeSet<>();
    Matcher grouping = GROUPING.matcher(expression);
    while (grouping.find()) {
      for (String label : grouping.group(1).split(",", -1)) {
        if (!label.isBlank()) {
          grouped.add(label.strip());
        }
      }
    }
    // Durations, and Grafana's variables for them, are no names.
    String rest = GROUPING.matcher(expression).replaceAll(" ").replaceAll("\\[[^\\]]*\\]", " ");
    rest =
        rest.replaceAll("\\boffset\\s+[0-9a-z]+", " ")
            .replaceAll("(?<![\"a-zA-Z_:0-9.])[0-9][0-9.]*", " ");
    Map<String, Map<String, Set<String>>> selected = new TreeMap<>();
    Matcher name = SELECTOR.matcher(rest);
    while (name.find()) {
      boolean function = name.group(3) != null;
      if (function || KEYWORDS.contains(name.group(1))) {
        continue;
      }
      Map<String, Set<String>> labels =
          selected.computeIfAbsent(name.group(1), metric -> new TreeMap<>());
      if (name.group(2) != null) {
        Matcher matcher = MATCHER.matcher(name.group(2));
        while (matcher.find()) {
          labels
              .computeIfAbsent(matcher.group(1), label -> new TreeSet<>())
              .add(
                  matcher.group(2).equals("=")
                      ? Pattern.quote(matcher.group(3))
                      : matcher.group(3));
        }
      }
    }
    return new PromQl(selected, grouped);
  }
}
