package io.livegate.request;

import io.livegate.grant.SetupSchema;
import java.util.LinkedHashMap;
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

  /** Reads a setup as it came; what is no setup of Google's is told to the fields. */
  static RequestedSetup of(String field, Map<String, ?> raw, JsonFields fields) {
    Map<String, Object> setup =
        new LinkedHashMap<>(
            SetupSchema.canonical(
                raw,
                (path, what) ->
                    fields.wrong(path.isEmpty() ? field : field + "." + path, null, what)));
    Optional<String> model = Optional.ofNullable((String) setup.remove("model"));
    Optional<String> handle =
        setup.remove("sessionResumption") instanceof Map<?, ?> resumption
            ? Optional.ofNullable((String) resumption.get("handle"))
            : Optional.empty();
    if (handle.map(String::length).orElse(1) > TokenRequest.MAX_HANDLE) {
      fields.wrong(
          field + ".sessionResumption.handle",
          null,
          "text of 1 to " + TokenRequest.MAX_HANDLE + " characters");
    }
    return new RequestedSetup(model, handle, setup);
  }
}
