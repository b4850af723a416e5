package io.livegate.request;

import io.livegate.error.Violation;
import io.livegate.grant.SetupSchema;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The Live setup inside a client's request, taken apart: the model and the session to resume are
 * questions of their own.
 *
 * @param fields canonical, without model and sessionResumption
 */
record RequestedSetup(
    Optional<String> model, Optional<String> resumptionHandle, Map<String, Object> fields) {

  /** Reads a setup as it came; what is no setup of Google's is added to the violations. */
  static RequestedSetup of(String field, Map<String, ?> raw, List<Violation> violations) {
    Map<String, Object> setup =
        new LinkedHashMap<>(
            SetupSchema.canonical(
                raw,
                (path, what) ->
                    violations.add(
                        new Violation(path.isEmpty() ? field : field + "." + path, null, what))));
    Optional<String> model = Optional.ofNullable((String) setup.remove("model"));
    Optional<String> handle =
        setup.remove("sessionResumption") instanceof Map<?, ?> resumption
            ? Optional.ofNullable((String) resumption.get("handle"))
            : Optional.empty();
    return new RequestedSetup(model, handle, setup);
  }
}
