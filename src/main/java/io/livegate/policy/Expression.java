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
import dev.cel.runtime.CelRuntime;
import dev.cel.runtime.CelRuntimeFactory;
import dev.cel.runtime.CelUnknownSet;
import dev.cel.runtime.PartialVars;
import io.livegate.identity.Subject;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * One compiled expression of the Common Expression Language (cel.dev) over {@code claims}, {@code
 * issuer} and {@code subject}; the only class that knows the CEL library. Immutable and safe for
 * use by many threads.
 *
 * <p>Evaluation is bounded: claims are at most as large as a request header, loops share one
 * iteration budget, regular expressions run in linear time, and what could build ever larger values
 * (concatenation, {@code map}, {@code filter}) is not declared.
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
          .build();

  private static final CelCompiler CONDITIONS = compiler(SimpleType.BOOL);
  private static final CelCompiler VALUES = compiler(SimpleType.DYN);

  private static final CelRuntime RUNTIME =
      CelRuntimeFactory.legacyCelRuntimeBuilder()
          .setOptions(OPTIONS)
          .addLibraries(CelExtensions.strings())
          .build();

  private final String text;
  private final CelAbstractSyntaxTree ast;
  private final CelRuntime.Program program;

  private Expression(CelCompiler compiler, String text) throws InvalidException {
    this.text = text;
    try {
      ast = compiler.compile(text).getAst();
      program = RUNTIME.createProgram(ast);
    } catch (CelValidationException e) {
      // "ERROR: <input>:1:7: undeclared reference ...", then a copy of the line and a caret.
      throw new InvalidException(
          String.valueOf(e.getMessage())
              .lines()
              .findFirst()
              .orElse("")
              .replace("ERROR: <input>:1:", "column "));
    } catch (CelEvaluationException | IllegalArgumentException e) {
      throw new InvalidException(String.valueOf(e.getMessage()));
    }
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
    try {
      Object value =
          withheld.isEmpty()
              ? program.eval(variables)
              : program.eval(PartialVars.of(variables, patterns(withheld)));
      return value instanceof CelUnknownSet
          ? new Outcome.Withheld(withheld)
          : new Outcome.Value(value);
    } catch (CelEvaluationException e) {
      String why = String.valueOf(e.getMessage()).replace("<input>:", "column ");
      // The same code covers a member asked of something that has no members: a mistake, not an
      // absence.
      boolean absent =
          e.getErrorCode() == CelErrorCode.ATTRIBUTE_NOT_FOUND
              && !why.contains("Error resolving field");
      return absent ? new Outcome.Absent(why) : new Outcome.Failed(why);
    } catch (RuntimeException | StackOverflowError e) {
      return new Outcome.Failed(e.getClass().getSimpleName());
    }
  }

  /** Whether it mentions the variable {@code claims}. */
  boolean readsClaims() {
    return reads(Set.of("claims"));
  }

  /** Its value, when that depends on no variable. */
  Optional<Boolean> constant() {
    if (reads(VARIABLES)) {
      return Optional.empty();
    }
    return evaluate(new Subject("", "", Map.of())) instanceof Outcome.Value value
        ? Optional.of(Boolean.TRUE.equals(value.value()))
        : Optional.of(false);
  }

  /** The parts joined by {@code &&}, in normalised form; all of them hold when the whole does. */
  List<String> conjuncts() {
    return parts(ast.getExpr(), "_&&_").stream().map(this::unparsed).toList();
  }

  /**
   * Whether everything that satisfies this also satisfies {@code other}, as far as the shape of the
   * two shows: each part of {@code other}, or one of its alternatives, is a part of this.
   */
  boolean implies(Expression other) {
    if (other.constant().isPresent()) {
      return other.constant().get();
    }
    var mine = new HashSet<>(conjuncts());
    return parts(other.ast.getExpr(), "_&&_").stream()
        .allMatch(
            part ->
                mine.contains(other.unparsed(part))
                    || parts(part, "_||_").stream()
                        .anyMatch(choice -> mine.contains(other.unparsed(choice))));
  }

  @Override
  public String toString() {
    return text;
  }

  private boolean reads(Set<String> variables) {
    return CelNavigableAst.fromAst(ast)
        .getRoot()
        .allNodes()
        .map(node -> node.expr())
        .anyMatch(
            expr ->
                expr.exprKind().getKind() == CelExpr.ExprKind.Kind.IDENT
                    && variables.contains(expr.ident().name()));
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

  private String unparsed(CelExpr expr) {
    return CelUnparserFactory.newUnparser()
        .unparse(CelAbstractSyntaxTree.newParsedAst(expr, ast.getSource()));
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
