package io.livegate.policy;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** What is found wrong or doubtful while a file is read. */
final class Findings {

  private final List<Mistake> mistakes = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();
  private Optional<String> rule = Optional.empty();

  /** What follows is about that rule, or about none. */
  void about(Optional<String> rule) {
    this.rule = rule;
  }

  void mistake(int line, String what) {
    mistakes.add(new Mistake(line, rule, what));
  }

  void warn(String what) {
    warnings.add(rule.map(name -> "rule " + name + ": ").orElse("") + what);
  }

  int count() {
    return mistakes.size();
  }

  /** In the order of the file; what is found by two ways is said once. */
  List<Mistake> mistakes() {
    return mistakes.stream().distinct().sorted(Comparator.comparingInt(Mistake::line)).toList();
  }

  List<String> warnings() {
    return List.copyOf(warnings);
  }
}
