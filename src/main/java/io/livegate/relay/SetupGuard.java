package io.livegate.relay;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import io.livegate.grant.Grant;
import io.livegate.grant.LiveSetup;
import io.livegate.grant.SetupPath;
import io.livegate.grant.SetupSchema;
import java.io.IOException;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * What becomes of a client's setup under its grant, as Google does with a locked token: a fixed
 * field that is sent differently is replaced, one that does not exist is ignored, and what stands
 * in an open place is taken. Pure.
 */
final class SetupGuard {

  private static final ObjectReader OBJECT =
      new ObjectMapper()
          .enable(JsonParser.Feature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .readerFor(new TypeReference<LinkedHashMap<String, Object>>() {});

  /** The outcome. */
  sealed interface Outcome {
    /**
     * The session may start so.
     *
     * @param handle of the session to resume, if any; to be opened
     * @param resumes whether the client wants handles
     */
    record Accepted(
        String model, Map<String, Object> setup, Optional<String> handle, boolean resumes)
        implements Outcome {}

    /** It may not; the code and reason to close with. */
    record Refused(int code, String reason) implements Outcome {}
  }

  private SetupGuard() {}

  /**
   * Judges the first message.
   *
   * @param models what the client may choose from; empty where the grant's model is fixed
   */
  static Outcome judge(byte[] message, Grant grant, List<String> models) {
    Map<String, Object> object = Map.of();
    try {
      if (ClientMessages.isUtf8(message, message.length)) {
        object = OBJECT.readValue(message);
      }
    } catch (IOException e) {
      // The message would quote the client's.
      return new Outcome.Refused(1007, "the first message is not one JSON object");
    }
    if (object == null || object.size() != 1 || !(object.get("setup") instanceof Map<?, ?> raw)) {
      return new Outcome.Refused(1007, "the first message must be setup, and nothing else");
    }
    return judge(raw, grant, models);
  }

  private static Outcome judge(Map<?, ?> raw, Grant grant, List<String> models) {
    var named = new LinkedHashMap<String, Object>();
    raw.forEach((name, value) -> named.put(String.valueOf(name), value));
    var mistakes = new LinkedHashMap<String, String>();
    var asked =
        new LinkedHashMap<>(SetupSchema.canonical(named, (at, what) -> mistakes.put(at, what)));
    for (var mistake : mistakes.entrySet()) {
      SetupPath place = place(mistake.getKey());
      if (grant.open().stream().anyMatch(open -> open.covers(place))) {
        return new Outcome.Refused(1007, "setup." + mistake.getKey() + " " + mistake.getValue());
      }
    }
    String model = grant.model();
    if (asked.remove("model") instanceof String wanted && !models.isEmpty()) {
      model = wanted.startsWith("models/") ? wanted : "models/" + wanted;
      if (!models.contains(model)) {
        return new Outcome.Refused(
            1008, "the model is not allowed; allowed: " + String.join(", ", models));
      }
    }
    boolean resumes = asked.get("sessionResumption") instanceof Map<?, ?>;
    Optional<String> handle =
        asked.remove("sessionResumption") instanceof Map<?, ?> resumption
                && resumption.get("handle") instanceof String given
            ? Optional.of(given)
            : Optional.empty();
    return new Outcome.Accepted(
        model,
        new LiveSetup(grant.setup(), grant.open()).narrow(asked).setup(),
        grant.resumptionHandle().or(() -> handle),
        resumes);
  }

  /** Where a mistake is: {@code tools[0].google_search} is in {@code tools.googleSearch}. */
  private static SetupPath place(String at) {
    return SetupPath.of(
        Arrays.stream(at.replaceAll("\\[[0-9]+]", "").split("\\.", -1))
            .map(SetupGuard::camelCase)
            .collect(Collectors.joining(".")));
  }

  private static String camelCase(String name) {
    var camel = new StringBuilder();
    for (int i = 0; i < name.length(); i++) {
      boolean underscore = name.charAt(i) == '_' && i + 1 < name.length();
      camel.append(underscore ? Character.toUpperCase(name.charAt(++i)) : name.charAt(i));
    }
    return camel.toString();
  }
}
