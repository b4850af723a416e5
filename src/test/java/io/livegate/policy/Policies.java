package io.livegate.policy;

import io.livegate.grant.Mode;
import io.livegate.grant.SetupSchema;
import io.livegate.identity.Subject;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Policies, people and requests to test with. */
final class Policies {

  static final String ISSUER = "https://login.example";

  private Policies() {}

  static PolicyFile.Compiled compile(String yaml, boolean severalIssuers) {
    return PolicyFile.compile(yaml.getBytes(StandardCharsets.UTF_8), severalIssuers);
  }

  static Policy policy(String yaml) {
    return policy(yaml, false);
  }

  static Policy policy(String yaml, boolean severalIssuers) {
    var compiled = compile(yaml, severalIssuers);
    if (compiled instanceof PolicyFile.Compiled.Accepted accepted) {
      return accepted.policy();
    }
    throw new AssertionError(((PolicyFile.Compiled.Rejected) compiled).mistakes().toString());
  }

  static List<Mistake> mistakes(String yaml, boolean severalIssuers) {
    return compile(yaml, severalIssuers) instanceof PolicyFile.Compiled.Rejected rejected
        ? rejected.mistakes()
        : List.of();
  }

  /** One rule of that condition; everything else is ordinary. */
  static Policy when(String condition) {
    return policy(
        """
        version: 1
        rules:
          - name: only
            when: |
              %s
            models: [gemini-3.8-live]
        """
            .formatted(condition));
  }

  static Subject subject(Map<String, ?> claims) {
    return Subject.of("default", "ada", ISSUER, claims);
  }

  static Request request() {
    return new Request(GrantRequest.EMPTY);
  }

  /** A request, made part by part. */
  record Request(GrantRequest made) {

    Request model(String model) {
      return with(Optional.of(model), made.mode(), made.uses(), made.setup(), made.tolerance());
    }

    Request mode(Mode mode) {
      return with(made.model(), Optional.of(mode), made.uses(), made.setup(), made.tolerance());
    }

    Request uses(int uses) {
      return with(made.model(), made.mode(), Optional.of(uses), made.setup(), made.tolerance());
    }

    Request setup(Map<String, Object> raw) {
      var canonical =
          SetupSchema.canonical(
              raw,
              (path, what) -> {
                throw new IllegalArgumentException(path + " " + what);
              });
      return with(made.model(), made.mode(), made.uses(), canonical, made.tolerance());
    }

    Request tolerance(Duration tolerance) {
      return with(made.model(), made.mode(), made.uses(), made.setup(), tolerance);
    }

    Request expiresIn(Duration expiresIn) {
      return times(Optional.of(expiresIn), made.startWithin());
    }

    Request startWithin(Duration startWithin) {
      return times(made.expiresIn(), Optional.of(startWithin));
    }

    private Request times(Optional<Duration> expiresIn, Optional<Duration> startWithin) {
      return new Request(
          new GrantRequest(
              made.model(),
              made.mode(),
              made.uses(),
              expiresIn,
              startWithin,
              made.setup(),
              made.resumptionHandle(),
              made.tolerance()));
    }

    private Request with(
        Optional<String> model,
        Optional<Mode> mode,
        Optional<Integer> uses,
        Map<String, Object> setup,
        Duration tolerance) {
      return new Request(
          new GrantRequest(
              model,
              mode,
              uses,
              made.expiresIn(),
              made.startWithin(),
              setup,
              made.resumptionHandle(),
              tolerance));
    }
  }
}
