package io.livegate.policy;

import io.livegate.identity.Subject;
import io.livegate.policy.Expression.InvalidException;
import io.livegate.policy.Expression.Outcome;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * A rule's setup with CEL expressions in its strings, each between a dollar sign with an opening
 * brace and the closing brace; two dollar signs stand for a plain one there.
 *
 * <p>What an expression puts in is a person's data, and may be a person's choice: it becomes at
 * most {@value #MAX_LENGTH} characters of one line, so that a name cannot format itself as an
 * instruction of its own.
 */
final class SetupTemplate {

  static final int MAX_LENGTH = 200;

  /** The setup for one subject, or why there is none. */
  sealed interface Rendered {
    record Setup(Map<String, Object> values) implements Rendered {}

    record Failed(Expression expression, Outcome outcome) implements Rendered {}
  }

  /** A string with expressions in it: what stands between them is a {@code String}. */
  private record Text(List<Object> parts) {}

  /** Told of an expression that is wrong. */
  interface Mistakes {
    /**
     * Takes note.
     *
     * @param path the place of the string in the setup
     * @param offset of the expression in the string
     */
    void add(String path, int offset, String what);
  }

  private static final class FailedException extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final transient Rendered.Failed failed;

    FailedException(Expression expression, Outcome outcome) {
      super(null, null, false, false);
      this.failed = new Rendered.Failed(expression, outcome);
    }
  }

  private final Map<String, Object> values;
  private final List<String> readingClaims = new ArrayList<>();

  /**
   * Compiles a canonical setup.
   *
   * @param mistakes told of every expression that is wrong
   */
  SetupTemplate(Map<String, Object> setup, Mistakes mistakes) {
    values = object(setup, "", mistakes);
  }

  /** The places in which a claim ends up. */
  List<String> readingClaims() {
    return Collections.unmodifiableList(readingClaims);
  }

  Rendered render(Subject subject) {
    try {
      return new Rendered.Setup(object(values, subject));
    } catch (FailedException e) {
      return e.failed;
    }
  }

  private Map<String, Object> object(Map<?, ?> object, String at, Mistakes mistakes) {
    var compiled = new LinkedHashMap<String, Object>();
    object.forEach(
        (name, value) -> {
          String path = at.isEmpty() ? String.valueOf(name) : at + "." + name;
          compiled.put(String.valueOf(name), compiled(value, path, mistakes));
        });
    return compiled;
  }

  @SuppressWarnings("NullAway") // null can stand in the parts of a setup that are taken as they are
  private Object compiled(Object value, String path, Mistakes mistakes) {
    if (value instanceof Map<?, ?> map) {
      return object(map, path, mistakes);
    }
    if (value instanceof List<?> list) {
      var compiled = new ArrayList<Object>();
      for (int i = 0; i < list.size(); i++) {
        compiled.add(compiled(list.get(i), path + "[" + i + "]", mistakes));
      }
      return compiled;
    }
    return value instanceof String text && text.contains("${") ? text(text, path, mistakes) : value;
  }

  private Object text(String text, String path, Mistakes mistakes) {
    var parts = new ArrayList<>();
    var plain = new StringBuilder();
    int i = 0;
    while (i < text.length()) {
      if (text.startsWith("$${", i)) {
        plain.append("${");
        i += 3;
      } else if (text.startsWith("${", i)) {
        int end = end(text, i + 2);
        if (end < 0) {
          mistakes.add(path, i, "has a ${ without its }; write $${ for a plain ${");
          return text;
        }
        parts.add(plain.toString());
        plain.setLength(0);
        try {
          var expression = Expression.value(text.substring(i + 2, end));
          if (expression.readsClaims()) {
            readingClaims.add(path);
          }
          parts.add(expression);
        } catch (InvalidException e) {
          mistakes.add(
              path, i, text.substring(i, end + 1) + " is no CEL expression: " + e.getMessage());
        }
        i = end + 1;
      } else {
        plain.append(text.charAt(i++));
      }
    }
    parts.add(plain.toString());
    return new Text(List.copyOf(parts));
  }

  /**
   * The brace that closes an expression, past its own braces, quoted text and comments; -1 for
   * none.
   */
  private static int end(String text, int from) {
    int depth = 0;
    int i = from;
    while (i < text.length()) {
      char c = text.charAt(i);
      if (c == '"' || c == '\'') {
        i = pastQuoted(text, i);
      } else if (text.startsWith("//", i)) {
        int newline = text.indexOf('\n', i);
        i = newline < 0 ? text.length() : newline;
      } else if (c == '}' && depth-- == 0) {
        return i;
      } else {
        depth += c == '{' ? 1 : 0;
        i++;
      }
    }
    return -1;
  }

  /** The index after a string literal of CEL that starts there: plain, triple or raw. */
  private static int pastQuoted(String text, int start) {
    String quote = text.substring(start, start + 1);
    if (text.startsWith(quote.repeat(3), start)) {
      quote = quote.repeat(3);
    }
    String before = text.substring(Math.max(0, start - 2), start).toLowerCase(Locale.ROOT);
    boolean raw = before.endsWith("r") || before.equals("rb");
    int i = start + quote.length();
    while (i < text.length() && !text.startsWith(quote, i)) {
      i += !raw && text.charAt(i) == '\\' ? 2 : 1;
    }
    return i + quote.length();
  }

  private static Map<String, Object> object(Map<?, ?> object, Subject subject) {
    var rendered = new LinkedHashMap<String, Object>();
    object.forEach((name, value) -> rendered.put(String.valueOf(name), rendered(value, subject)));
    return Collections.unmodifiableMap(rendered);
  }

  private static Object rendered(Object value, Subject subject) {
    if (value instanceof Map<?, ?> map) {
      return object(map, subject);
    }
    if (value instanceof List<?> list) {
      var rendered = new ArrayList<Object>();
      list.forEach(element -> rendered.add(rendered(element, subject)));
      return Collections.unmodifiableList(rendered);
    }
    if (!(value instanceof Text text)) {
      return value;
    }
    var line = new StringBuilder();
    for (Object part : text.parts()) {
      line.append(part instanceof Expression expression ? insert(expression, subject) : part);
    }
    return line.toString();
  }

  private static String insert(Expression expression, Subject subject) {
    Outcome outcome = expression.scalar(subject);
    if (outcome instanceof Outcome.Value value) {
      return oneLine(String.valueOf(value.value()));
    }
    throw new FailedException(expression, outcome);
  }

  /** Without control, line, format and bidirectional characters, and cut to length. */
  private static String oneLine(String text) {
    var line = new StringBuilder();
    text.codePoints()
        .filter(
            c ->
                switch (Character.getType(c)) {
                  case Character.CONTROL,
                      Character.FORMAT,
                      Character.LINE_SEPARATOR,
                      Character.PARAGRAPH_SEPARATOR,
                      Character.SURROGATE,
                      Character.PRIVATE_USE,
                      Character.UNASSIGNED ->
                      false;
                  default -> true;
                })
        .limit(MAX_LENGTH)
        .forEach(line::appendCodePoint);
    return line.toString();
  }
}
