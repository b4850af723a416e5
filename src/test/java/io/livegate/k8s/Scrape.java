package io.livegate.k8s;

import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The series of some scrapes: label values by label, by metric. */
final class Scrape {

  private static final Pattern SERIES =
      Pattern.compile("(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{(.*)\\})? [^ ]+$");
  private static final Pattern LABEL =
      Pattern.compile("([a-zA-Z_][a-zA-Z0-9_]*)=\"((?:[^\"\\\\]|\\\\.)*)\"");

  private final Map<String, Map<String, Set<String>>> metrics = new HashMap<>();

  void add(String exposition) {
    Matcher series = SERIES.matcher(exposition);
    while (series.find()) {
      Map<String, Set<String>> labels =
          metrics.computeIfAbsent(series.group(1), name -> new TreeMap<>());
      if (series.group(2) != null) {
        Matcher label = LABEL.matcher(series.group(2));
        while (label.find()) {
          labels.computeIfAbsent(label.group(1), name -> new TreeSet<>()).add(label.group(2));
        }
      }
    }
  }

  boolean has(String metric) {
    return metrics.containsKey(metric);
  }

  /** The values that a label of a metric has; none if it has no such label. */
  Set<String> values(String metric, String label) {
    return metrics.getOrDefault(metric, Map.of()).getOrDefault(label, Set.of());
  }

  Set<String> labels(String metric) {
    return metrics.getOrDefault(metric, Map.of()).keySet();
  }
}
