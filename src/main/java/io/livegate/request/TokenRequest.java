package io.livegate.request;

import io.livegate.grant.Mode;
import io.livegate.policy.GrantRequest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.media.Schema;

/**
 * The body of {@code POST /v1/tokens}: what to narrow the rule to. Everything is optional; what is
 * absent takes the rule's value.
 */
@Schema(
    description = "Narrows the rule; every field is optional, unknown fields are refused.",
    additionalProperties = Schema.False.class)
public record TokenRequest(
    @Schema(description = "One of the rule's models.", examples = "gemini-3.8-live") String model,
    @Schema(
            description = "How the session reaches Google.",
            enumeration = {"direct", "relay"})
        String mode,
    @Schema(description = "Sessions the token may start; 0 for no limit.", minimum = "0") int uses,
    @Schema(description = "Seconds until the token's sessions end.", minimum = "1") int expiresIn,
    @Schema(description = "Seconds within which a session may start.", minimum = "1")
        int startWithin,
    @Schema(
            description = "Fields of Google's BidiGenerateContentSetup that the rule leaves open.",
            examples = "{\"generationConfig\":{\"temperature\":0.7}}")
        Map<String, Object> setup,
    @Schema(description = "A Live session to resume, from sessionResumptionUpdate.newHandle.")
        String resumptionHandle) {

  static final int MAX_HANDLE = 8192;

  /**
   * Reads the request.
   *
   * @throws io.livegate.error.GatewayException {@code invalid-request} with every violation
   */
  public static GrantRequest read(Map<String, ?> object) {
    var fields =
        JsonFields.of(
            object,
            "model",
            "mode",
            "uses",
            "expiresIn",
            "startWithin",
            "setup",
            "resumptionHandle");
    Optional<String> model = fields.string("model", 200);
    Optional<Mode> mode =
        fields
            .string("mode", 20)
            .flatMap(
                label -> {
                  var known = Mode.of(label);
                  if (known.isEmpty()) {
                    fields.wrong("mode", label, List.of("direct", "relay"));
                  }
                  return known;
                });
    var setup = RequestedSetup.of("setup", fields.object("setup").orElse(Map.of()), fields);
    Optional<String> handle = fields.string("resumptionHandle", MAX_HANDLE);
    var request =
        new GrantRequest(
            fields.same("model", model, "setup.model", setup.model()),
            mode,
            fields.wholeNumber("uses", 0),
            fields.wholeNumber("expiresIn", 1).map(Duration::ofSeconds),
            fields.wholeNumber("startWithin", 1).map(Duration::ofSeconds),
            setup.fields(),
            fields.same(
                "resumptionHandle",
                handle,
                "setup.sessionResumption.handle",
                setup.resumptionHandle()),
            Duration.ZERO);
    fields.check();
    return request;
  }
}
