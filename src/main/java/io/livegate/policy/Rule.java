package io.livegate.policy;

import io.livegate.error.ErrorCode;
import io.livegate.error.Violation;
import io.livegate.grant.Grant;
import io.livegate.grant.Limit;
import io.livegate.grant.Limits;
import io.livegate.grant.LiveSetup;
import io.livegate.grant.Login;
import io.livegate.grant.Mode;
import io.livegate.grant.SetupPath;
import io.livegate.identity.Subject;
import io.livegate.policy.Expression.Outcome;
import io.livegate.policy.LimitsTemplate.Resolved;
import io.livegate.policy.SetupTemplate.Rendered;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * One rule of the policy.
 *
 * @param models resource names, {@code models/...}; the first is the default
 * @param modes the first is the default
 * @param uses the most sessions a token may start; 0 for no limit
 * @param open places of the setup that a request may set
 * @param limits what bounds it beyond the token
 */
public record Rule(
    String name,
    Gate gate,
    List<String> models,
    List<Mode> modes,
    int uses,
    Duration expiresIn,
    Duration startWithin,
    SetupTemplate setup,
    List<SetupPath> open,
    LimitsTemplate limits) {

  /** What bounds a subject's use of the rule. */
  public sealed interface Bounds {
    record Known(Limits limits) implements Bounds {}

    /** It cannot be told whose counts they are, so everything is denied. */
    record Unknown(Decision.Denied denied) implements Bounds {}
  }

  /**
   * A limit that many share, for one value.
   *
   * @param per as the policy writes it
   * @param value to be read by people
   */
  public record Share(String per, String value, long max) {}

  public Rule {
    models = List.copyOf(models);
    modes = List.copyOf(modes);
    open = List.copyOf(open);
  }

  /** What bounds a subject's use of the rule, whatever it will ask for. Pure. */
  public Bounds bounds(Subject subject) {
    Resolved resolved = limits.resolve(name, subject);
    return resolved instanceof Resolved.Found found
        ? new Bounds.Known(found.limits())
        : new Bounds.Unknown(
            undecided(
                ((Resolved.Failed) resolved).outcome(),
                "A limit of rule " + name + " could not be found for this user."));
  }

  /**
   * The most that it allows of a kind.
   *
   * @param per whose limit, as the policy writes it; where it has a value for each of many, each
   *     may use as much
   */
  public Optional<Long> most(Limit.Kind kind, String per) {
    return limits.entries().stream()
        .filter(entry -> entry.per().text().equals(per))
        .flatMap(entry -> Optional.ofNullable(entry.maxima().get(kind)).stream())
        .findFirst();
  }

  /** What a count is of, if one of its limits bounds it. */
  public Optional<Share> share(Limit.Kind kind, String key) {
    return limits.share(name, kind, key);
  }

  /** Why a subject gets nothing whatever it asks for, if so; for the policy's author. */
  Optional<String> troubleWith(Subject subject) {
    if (setup.render(subject) instanceof Rendered.Failed failed) {
      return Optional.of(
          "its setup cannot be written: ${"
              + failed.expression()
              + "}: "
              + Gate.undecided(failed.outcome()).why());
    }
    return limits.resolve(name, subject) instanceof Resolved.Failed failed
        ? Optional.of(
            "a limit cannot be found: per "
                + failed.per().text()
                + ": "
                + Gate.undecided(failed.outcome()).why())
        : Optional.empty();
  }

  /** What the rule makes of a request by a subject that it matched. Pure. */
  Decision narrow(Subject subject, GrantRequest request) {
    Rendered rendered = setup.render(subject);
    if (rendered instanceof Rendered.Failed failed) {
      return undecided(
          failed.outcome(), "The setup of rule " + name + " could not be written for this user.");
    }
    Bounds bounds = bounds(subject);
    return bounds instanceof Bounds.Unknown unknown
        ? unknown.denied()
        : narrow(
            subject,
            request,
            ((Rendered.Setup) rendered).values(),
            ((Bounds.Known) bounds).limits());
  }

  private Decision.Denied undecided(Outcome outcome, String detail) {
    return denied(Gate.undecided(outcome).code(), detail, List.of());
  }

  private Decision narrow(
      Subject subject, GrantRequest request, Map<String, Object> values, Limits limits) {
    var violations = new ArrayList<Violation>();

    String model = request.model().map(Rule::resourceName).orElse(models.get(0));
    if (!models.contains(model)) {
      violations.add(new Violation("model", request.model().orElse(""), models));
    }
    Mode mode = request.mode().orElse(modes.get(0));
    if (!modes.contains(mode)) {
      violations.add(new Violation("mode", mode.label(), modes.stream().map(Mode::label).toList()));
    }
    int granted = request.uses().orElse(uses);
    if (granted < 0 || (uses != 0 && (granted == 0 || granted > uses))) {
      violations.add(
          new Violation(
              "uses",
              granted,
              uses == 0
                  ? "at least 1, or 0 for no limit"
                  : "at least 1, at most " + uses + (granted == 0 ? "; 0 is no limit" : "")));
    }
    Duration expires = within("expiresIn", request.expiresIn(), expiresIn, request, violations);
    Duration start = within("startWithin", request.startWithin(), startWithin, request, violations);
    var narrowed = new LiveSetup(values, open).narrow(request.setup());
    violations.addAll(narrowed.violations());

    if (!violations.isEmpty()) {
      return denied(
          ErrorCode.BEYOND_POLICY,
          "The request goes beyond rule " + name + "; a request can only narrow it.",
          violations);
    }
    if (start.compareTo(expires) > 0) {
      if (request.startWithin().isPresent()) {
        return denied(
            ErrorCode.INVALID_REQUEST,
            "Sessions cannot start after the token has expired.",
            List.of(
                new Violation(
                    "startWithin",
                    start.toSeconds(),
                    "at most expiresIn, " + expires.toSeconds())));
      }
      start = expires;
    }
    return new Decision.Granted(
        new Grant(
            subject.id(),
            name,
            model,
            mode,
            granted,
            expires,
            start,
            narrowed.setup(),
            mode == Mode.RELAY ? narrowed.open() : List.of(),
            request.resumptionHandle(),
            limits,
            Login.of(subject.id(), subject.claims())),
        this);
  }

  private static Duration within(
      String field,
      Optional<Duration> asked,
      Duration maximum,
      GrantRequest request,
      List<Violation> violations) {
    // Google's times are written in whole seconds.
    Duration value = asked.orElse(maximum).truncatedTo(ChronoUnit.SECONDS);
    if (value.toSeconds() >= 1 && value.compareTo(maximum) <= 0) {
      return value;
    }
    if (value.toSeconds() < 1 || value.compareTo(maximum.plus(request.tolerance())) > 0) {
      violations.add(
          new Violation(
              field, value.toSeconds(), "at least 1, at most " + maximum.toSeconds() + " seconds"));
    }
    return maximum;
  }

  private Decision.Denied denied(ErrorCode code, String detail, List<Violation> violations) {
    return new Decision.Denied(code, Optional.of(name), detail, List.copyOf(violations));
  }

  /** Google's resource name of a model, given with or without its prefix. */
  static String resourceName(String model) {
    return model.startsWith("models/") ? model : "models/" + model;
  }
}
