package io.livegate.policy;

import dev.cel.checker.CelStandardDeclarations;
import dev.cel.checker.CelStandardDeclarations.StandardFunction;
import dev.cel.checker.CelStandardDeclarations.StandardFunction.Overload.Arithmetic;
import dev.cel.common.CelAbstractSyntaxTree;
import dev.cel.common.CelErrorCode;
import dev.cel.common.CelOptions;
import dev.cel.common.CelValidationException;
import dev.cel.common.ast.CelExpr;
import dev.cel.common.navigation.CelNavigableAst;
import dev.cel.common.navigation.CelNavigableExpr;
import dev.cel.common.types.CelType;
import dev.cel.common.types.MapType;
import dev.cel.common.types.SimpleType;
import dev.cel.compiler.CelCompiler;
import dev.cel.compiler.CelCompilerFactory;
import dev.cel.extensions.CelExtensions;
import dev.cel.extensions.CelStringExtensions;
import dev.cel.parser.CelStandardMacro;
import dev.cel.parser.CelUnparserFactory;
import dev.cel.runtime.CelAttribute.Qualifier;
import dev.cel.runtime.CelAttributePattern;
import dev.cel.runtime.CelEvaluationException;
import dev.cel.runtime.CelEvaluationListener;
import dev.cel.runtime.CelRuntime;
import dev.cel.runtime.CelRuntimeFactory;
import dev.cel.runtime.CelUnknownSet;
import dev.cel.runtime.PartialVars;
import io.livegate.identity.Subject;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * One compiled expression of the Common Expression Language (cel.dev) over {@code claims}, {@code
 * issuer} and {@code subject}; the only class that knows the CEL library. Immutable and safe for
 * use by many threads.
 *
 * <p>Evaluation is bounded, however claims and expression play together: every step is charged by
 * the size of its value against one budget, loops share an iteration budget, regular expressions
 * are literals and run in linear time, and what could build ever larger values (concatenation,
 * {@code map}, {@code filter}) is not declared. What runs out of budget has failed. The budgets
 * count work, not time, so that the same input gives the same answer on a busy machine.
 *
 * <p>The library's newer planner runtime takes all of {@code claims} for unknown when one claim is
 * withheld and another is read by index ({@code claims['https://example.com/roles']}), so the
 * interpreter it calls legacy is used.
 */
final class Expression {

  /** What came of an evaluation. */
  sealed interface Outcome {
    record Value(Object value) implements Outcome {}

    /** A claim that it needs is not in the token. */
    record Absent(String why) implements Outcome {}

    /** It depends on a claim that the provider withheld for its size. */
    record Withheld(Set<String> claims) implements Outcome {}

    record Failed(String why) implements Outcome {}
  }

  /** The text is no expression, and why. */
  static final class InvalidException extends Exception {
    private static final long serialVersionUID = 1;

    InvalidException(String message) {
      super(message);
    }
  }

  private static final Set<String> VARIABLES = Set.of("claims", "issuer", "subject");

  private static final CelOptions OPTIONS =
      CelOptions.current()
          .comprehensionMaxIterations(1000)
          .maxExpressionCodePointSize(4000)
          .maxParseRecursionDepth(40)
          .maxRegexProgramSize(200)
          .enableHeterogeneousNumericComparisons(true)
          .enableUnknownTracking(true)
          // Without them a loop cannot be written out again, which comparing conditions needs.
          .populateMacroCalls(true)
          .build();

  /**
   * Steps, plus the characters and elements they handle. Some fifty times what a condition over a
   * token with hundreds of groups takes; spending it all takes a tenth of a second.
   */
  private static final int WORK = 250_000;

  private static final CelCompiler CONDITIONS = compiler(SimpleType.BOOL);
  private static final CelCompiler VALUES = compiler(SimpleType.DYN);

  private static final CelRuntime RUNTIME =
      CelRuntimeFactory.legacyCelRuntimeBuilder()
          .setOptions(OPTIONS)
          .addLibraries(CelExtensions.strings())
          .build();

  /** Whether a text is a pattern, and one of a size allowed above. */
  private static final CelRuntime.Program PATTERN_CHECK = patternCheck();

  private static final Pattern REPETITION = Pattern.compile("\\{([0-9]{1,4})(?:,([0-9]{0,4}))?\\}");
  private static final Pattern PLACE = Pattern.compile("<input>:([0-9]+)(?::([0-9]+))?:?");

  private final String text;
  private final CelAbstractSyntaxTree ast;
  private final CelRuntime.Program program;
  private final boolean readsAllClaims;

  /** What && and || join, of a condition; empty where they join nothing. */
  private final List<Expression> operands;

  private final Optional<Boolean> constant;
  private final Set<String> conjuncts;
  private final List<Part> parts;

  /**
   * One of the parts of a condition that are joined by {@code &&}, in normalised form.
   *
   * @param alternatives the texts of what is joined by {@code ||} in it; one at least
   * @param choices of each of these, the texts of what is joined by {@code &&} in it
   */
  private record Part(Set<String> alternatives, List<Set<String>> choices) {}

  private Expression(CelCompiler compiler, String text) throws InvalidException {
    this.text = text;
    try {
      ast = compiler.compile(text).getAst();
      program = RUNTIME.createProgram(ast);
    } catch (CelValidationException e) {
      throw new InvalidException(explained(String.valueOf(e.getMessage())));
    } catch (CelEvaluationException | IllegalArgumentException e) {
      throw new InvalidException(String.valueOf(e.getMessage()));
    }
    for (CelExpr expr : calls("matches")) {
      checkPattern(expr);
    }
    readsAllClaims = nodes().anyMatch(Expression::isAllClaims);
    var joined = operands(ast.getExpr());
    var compiled = new ArrayList<Expression>();
    for (CelExpr operand : joined.size() > 1 ? joined : List.<CelExpr>of()) {
      compiled.add(new Expression(VALUES, unparsed(operand)));
    }
    operands = List.copyOf(compiled);
    constant =
        nodes().anyMatch(Expression::isVariable)
            ? Optional.empty()
            : Optional.of(evaluate(new Subject("", "", Map.of())).equals(new Outcome.Value(true)));
    var conditions = parts(ast.getExpr(), "_&&_");
    conjuncts = unparsed(conditions);
    parts =
        conditions.stream()
            .map(condition -> parts(condition, "_||_"))
            .map(
                choices ->
                    new Part(
                        unparsed(choices),
                        choices.stream().map(choice -> unparsed(parts(choice, "_&&_"))).toList()))
            .toList();
  }

  /** Compiles an expression that must be true or false. */
  static Expression condition(String text) throws InvalidException {
    return new Expression(CONDITIONS, text);
  }

  /** Compiles an expression of any value. */
  static Expression value(String text) throws InvalidException {
    return new Expression(VALUES, text);
  }

  Outcome evaluate(Subject subject) {
    Map<String, Object> variables =
        Map.of("claims", subject.claims(), "issuer", subject.issuer(), "subject", subject.id());
    Set<String> withheld = subject.withheldClaims();
    if (readsAllClaims && !withheld.isEmpty()) {
      // A loop over claims would not notice that some are missing.
      return new Outcome.Withheld(withheld);
    }
    var meter = new Meter();
    try {
      Object value =
          withheld.isEmpty()
              ? program.trace(variables, meter)
              : program.trace(PartialVars.of(variables, patterns(withheld)), meter);
      if (meter.exhausted()) {
        return tooMuchWork();
      }
      return value instanceof CelUnknownSet
          ? new Outcome.Withheld(withheld)
          : new Outcome.Value(value);
    } catch (CelEvaluationException e) {
      if (meter.exhausted()) {
        return tooMuchWork();
      }
      String why = placed(String.valueOf(e.getMessage()).replace("evaluation error at ", ""));
      // The same code covers a member asked of something that has no members: a mistake, not an
      // absence.
      boolean absent =
          e.getErrorCode() == CelErrorCode.ATTRIBUTE_NOT_FOUND
              && !why.contains("Error resolving field");
      return absent ? absent(why, subject) : new Outcome.Failed(why);
    } catch (RuntimeException | StackOverflowError e) {
      return meter.exhausted() ? tooMuchWork() : new Outcome.Failed(e.getClass().getSimpleName());
    }
  }

  /** As {@link #evaluate}; what is neither text, nor a number, nor true or false has failed. */
  Outcome scalar(Subject subject) {
    Outcome outcome = evaluate(subject);
    return outcome instanceof Outcome.Value value
            && !(value.value() instanceof String)
            && !(value.value() instanceof Number)
            && !(value.value() instanceof Boolean)
        ? new Outcome.Failed("is neither text nor a number")
        : outcome;
  }

  /**
   * Of two errors CEL tells the first; an absent claim must not hide that the other side failed.
   */
  private Outcome absent(String why, Subject subject) {
    return operands.stream()
        .map(operand -> operand.evaluate(subject))
        .filter(Outcome.Failed.class::isInstance)
        .findFirst()
        .orElseGet(() -> new Outcome.Absent(why));
  }

  private static List<CelExpr> operands(CelExpr expr) {
    for (String operator : List.of("_&&_", "_||_")) {
      var parts = parts(expr, operator);
      if (parts.size() > 1) {
        return parts.stream().flatMap(part -> operands(part).stream()).toList();
      }
    }
    return List.of(expr);
  }

  private static Outcome tooMuchWork() {
    return new Outcome.Failed("takes too much work for these claims");
  }

  /** Told every step of one evaluation, in one thread; ends it when it has taken too much work. */
  private static final class Meter implements CelEvaluationListener {
    private int work;

    @Override
    public void callback(CelExpr expr, Object value) {
      work += 1 + size(value);
      if (exhausted()) {
        throw new IllegalStateException("too much work");
      }
    }

    /** Asked at the end too: {@code ||} takes an error on one side for settled by the other. */
    boolean exhausted() {
      return work > WORK;
    }

    private static int size(Object value) {
      if (value instanceof String string) {
        return string.length();
      }
      if (value instanceof Collection<?> collection) {
        return collection.size();
      }
      return value instanceof Map<?, ?> map ? map.size() : 0;
    }
  }

  /** Whether it mentions the variable {@code claims}. */
  boolean readsClaims() {
    return nodes().anyMatch(node -> isVariable(node, "claims"));
  }

  /** Whether it holds, when that depends on no variable. */
  Optional<Boolean> constant() {
    return constant;
  }

  /** Whether no input satisfies it, as far as its shape shows. */
  boolean neverTrue() {
    return constant.isPresent()
        ? !constant.get()
        : conjuncts.contains("false")
            || conjuncts.stream().anyMatch(part -> conjuncts.contains("!" + part));
  }

  /** The parts joined by {@code &&}, in normalised form; all of them hold when the whole does. */
  Set<String> conjuncts() {
    return conjuncts;
  }

  /**
   * Whether everything that satisfies this also satisfies {@code other}, as far as the shape of the
   * two shows: of each part of {@code other}, this has a part with no more alternatives, or it has
   * all the parts of one alternative.
   */
  boolean implies(Expression other) {
    return other.constant.orElseGet(
        () ->
            other.parts.stream()
                .allMatch(
                    theirs ->
                        parts.stream()
                                .anyMatch(
                                    mine -> theirs.alternatives().containsAll(mine.alternatives()))
                            || theirs.choices().stream().anyMatch(conjuncts::containsAll)));
  }

  @Override
  public String toString() {
    return text;
  }

  private Stream<CelNavigableExpr> nodes() {
    return CelNavigableAst.fromAst(ast).getRoot().allNodes();
  }

  private List<CelExpr> calls(String function) {
    return nodes()
        .map(CelNavigableExpr::expr)
        .filter(expr -> expr.exprKind().getKind() == CelExpr.ExprKind.Kind.CALL)
        .filter(expr -> expr.call().function().equals(function))
        .toList();
  }

  private static boolean isVariable(CelNavigableExpr node) {
    return VARIABLES.stream().anyMatch(name -> isVariable(node, name));
  }

  private static boolean isVariable(CelNavigableExpr node, String name) {
    // A leading dot names the variable past all loop variables.
    return node.getKind() == CelExpr.ExprKind.Kind.IDENT
        && (node.expr().ident().name().equals(name)
            || node.expr().ident().name().equals("." + name));
  }

  /** Whether it is {@code claims} other than to take one claim of it. */
  private static boolean isAllClaims(CelNavigableExpr node) {
    if (!isVariable(node, "claims")) {
      return false;
    }
    return node.parent()
        .map(CelNavigableExpr::expr)
        .map(
            parent ->
                switch (parent.exprKind().getKind()) {
                  case SELECT -> false;
                  case CALL ->
                      !parent.call().function().equals("_[_]")
                          || parent.call().args().get(0).id() != node.id();
                  default -> true;
                })
        .orElse(true);
  }

  /**
   * A pattern is compiled whenever it is used, and one that repeats repetitions takes memory
   * without bound before its size is looked at; so it must be written in the policy, and be small.
   */
  private static void checkPattern(CelExpr matches) throws InvalidException {
    var args = matches.call().args();
    CelExpr pattern = args.get(args.size() - 1);
    if (pattern.exprKind().getKind() != CelExpr.ExprKind.Kind.CONSTANT) {
      throw new InvalidException("matches needs its pattern as plain text, not as an expression");
    }
    String text = pattern.constant().stringValue();
    long repetitions = 1;
    for (Matcher matcher = REPETITION.matcher(text); matcher.find(); ) {
      String most = matcher.group(2) == null ? matcher.group(1) : matcher.group(2);
      repetitions *= Math.max(1, most.isEmpty() ? 1 : Integer.parseInt(most));
      if (repetitions > 1000) {
        throw new InvalidException("the pattern " + text + " repeats too much");
      }
    }
    try {
      PATTERN_CHECK.eval(Map.of("subject", "", "issuer", text, "claims", Map.of()));
    } catch (CelEvaluationException e) {
      throw new InvalidException(
          placed(String.valueOf(e.getMessage())).replaceFirst("^.*?column [0-9]+: ", ""));
    }
  }

  /** What the compiler says, without its copy of the line and caret, and with a way out. */
  private static String explained(String message) {
    String first =
        placed(
            message
                .lines()
                .findFirst()
                .orElse("")
                .replaceFirst("^(ERROR: )?(<input>:-1:0: )?", ""));
    if (first.contains("overload for '_+_'")) {
      return first.replaceFirst(" \\(candidates.*", "")
          + "; text and lists cannot be joined, write ${...} parts side by side";
    }
    if (first.contains("undeclared reference")) {
      return first.replace(" (in container '')", "")
          + "; known are claims, issuer, subject, has, all, exists, exists_one, lowerAscii,"
          + " upperAscii, trim, substring, indexOf and the standard functions of CEL";
    }
    return first;
  }

  private static String placed(String message) {
    return PLACE
        .matcher(message)
        .replaceAll(
            at -> {
              String column = at.group(2) == null ? at.group(1) : at.group(2);
              boolean firstLine = at.group(2) == null || at.group(1).equals("1");
              return (firstLine ? "" : "its line " + at.group(1) + ", ") + "column " + column + ":";
            });
  }

  private static List<CelExpr> parts(CelExpr expr, String operator) {
    if (expr.exprKind().getKind() != CelExpr.ExprKind.Kind.CALL
        || !expr.call().function().equals(operator)) {
      return List.of(expr);
    }
    var parts = new ArrayList<CelExpr>();
    expr.call().args().forEach(arg -> parts.addAll(parts(arg, operator)));
    return parts;
  }

  private Set<String> unparsed(List<CelExpr> exprs) {
    var texts = new LinkedHashSet<String>();
    exprs.forEach(expr -> texts.add(unparsed(expr)));
    return Collections.unmodifiableSet(texts);
  }

  private String unparsed(CelExpr expr) {
    return CelUnparserFactory.newUnparser()
        .unparse(CelAbstractSyntaxTree.newParsedAst(expr, ast.getSource()));
  }

  private static CelRuntime.Program patternCheck() {
    try {
      return RUNTIME.createProgram(CONDITIONS.compile("subject.matches(issuer)").getAst());
    } catch (CelValidationException | CelEvaluationException e) {
      throw new IllegalStateException("a constant expression of ours must compile", e);
    }
  }

  private static CelAttributePattern[] patterns(Set<String> claims) {
    return claims.stream()
        .map(name -> CelAttributePattern.create("claims").qualify(Qualifier.ofString(name)))
        .toArray(CelAttributePattern[]::new);
  }

  private static CelCompiler compiler(CelType result) {
    var declarations =
        CelStandardDeclarations.newBuilder()
            .filterFunctions(
                (function, overload) ->
                    function != StandardFunction.ADD
                        || (overload != Arithmetic.ADD_STRING
                            && overload != Arithmetic.ADD_BYTES
                            && overload != Arithmetic.ADD_LIST))
            .build();
    return CelCompilerFactory.standardCelCompilerBuilder()
        .setOptions(OPTIONS)
        .setStandardEnvironmentEnabled(false)
        .setStandardDeclarations(declarations)
        .setStandardMacros(
            CelStandardMacro.HAS,
            CelStandardMacro.ALL,
            CelStandardMacro.EXISTS,
            CelStandardMacro.EXISTS_ONE)
        .addLibraries(
            CelExtensions.strings(
                CelStringExtensions.Function.LOWER_ASCII,
                CelStringExtensions.Function.UPPER_ASCII,
                CelStringExtensions.Function.TRIM,
                CelStringExtensions.Function.SUBSTRING,
                CelStringExtensions.Function.INDEX_OF))
        .addVar("claims", MapType.create(SimpleType.STRING, SimpleType.DYN))
        .addVar("issuer", SimpleType.STRING)
        .addVar("subject", SimpleType.STRING)
        .setResultType(result)
        .build();
  }
}
