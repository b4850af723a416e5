package io.livegate.policy;

import java.util.Optional;

/**
 * Something wrong in a policy file.
 *
 * @param line from 1
 * @param rule the rule it is in, if it is in one
 * @param what what is wrong, and what would be right
 */
public record Mistake(int line, Optional<String> rule, String what) {

  public Mistake {
    // It quotes the file, and goes into one line of a log.
    what = what.replaceAll("\\p{Cntrl}+", " ");
  }

  @Override
  public String toString() {
    return "line " + line + rule.map(name -> ", rule " + name).orElse("") + ": " + what;
  }
}
