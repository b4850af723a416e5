package io.livegate.admin;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.livegate.error.Violation;
import io.livegate.grant.MintBody;
import io.livegate.identity.Subject;
import io.livegate.identity.Subjects;
import io.livegate.policy.Decision;
import io.livegate.policy.Policy;
import io.livegate.policy.PolicyStore;
import io.livegate.policy.Rule;
import io.livegate.request.JsonFields;
import io.livegate.request.TokenRequest;
import io.smallrye.common.annotation.NonBlocking;
import io.vertx.ext.web.RoutingContext;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.ExampleObject;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.security.SecurityRequirement;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** The policy in force, and what it makes of somebody. */
@Path("/admin/v1")
@Tag(name = "Administration")
@SecurityRequirement(name = "accessToken")
@Produces(MediaType.APPLICATION_JSON)
@NonBlocking
public class PolicyResource {

  /**
   * How a decision comes about.
   *
   * @param subject who the claims would be
   * @param outcome {@code granted}, or a problem code
   * @param rule the rule in force, if one matched
   * @param rules every rule that was asked, in order, and what it made of the claims
   * @param detail why it is refused
   * @param violations what goes beyond the rule
   * @param mintBody the body that would be sent to Google; nothing is minted
   */
  @Schema(name = "Explanation")
  @JsonInclude(JsonInclude.Include.NON_EMPTY)
  public record Explanation(
      String subject,
      String outcome,
      @Nullable String rule,
      List<Policy.Trace> rules,
      @Nullable String detail,
      List<Violation> violations,
      Map<String, Object> mintBody) {}

  /**
   * The policy in force.
   *
   * @param digest SHA-256 of the file, in hex
   * @param loadedAt RFC 3339
   * @param rules their names, in order
   * @param rejected a newer file that was refused, if there is one
   */
  @Schema(name = "Policy")
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record PolicyView(
      String digest, String loadedAt, List<String> rules, @Nullable Rejected rejected) {

    /** What there is to say of a policy. */
    public static PolicyView of(PolicyStore.State state) {
      return new PolicyView(
          state.policy().digest(),
          state.loadedAt().toString(),
          state.policy().rules().stream().map(Rule::name).toList(),
          state.rejected().map(PolicyResource::view).orElse(null));
    }
  }

  /** A file that was refused, and every mistake in it. */
  @Schema(name = "RejectedPolicy")
  public record Rejected(String digest, String at, List<MistakeView> mistakes) {}

  /** A mistake, with its line from 1 and the rule that it is in, if it is in one. */
  @Schema(name = "PolicyMistake")
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record MistakeView(int line, @Nullable String rule, String what) {}

  private final Admins admins;
  private final Subjects subjects;
  private final PolicyStore policies;

  PolicyResource(Admins admins, Subjects subjects, PolicyStore policies) {
    this.admins = admins;
    this.subjects = subjects;
    this.policies = policies;
  }

  /** Shows which policy is in force. */
  @GET
  @Path("/policy")
  @Operation(
      summary = "Shows the policy in force",
      description = "Its digest, when it was loaded, and a newer file that was refused.")
  @APIResponse(
      responseCode = "200",
      content =
          @Content(
              schema = @Schema(implementation = PolicyView.class),
              examples =
                  @ExampleObject(
                      name = "a mistake in a newer file",
                      value =
                          "{\"digest\":\"394e...\",\"loadedAt\":\"2026-11-22T19:00:00Z\","
                              + "\"rules\":[\"voice-pilots\"],\"rejected\":{\"digest\":\"b1c2...\","
                              + "\"at\":\"2026-11-22T19:05:00Z\",\"mistakes\":[{\"line\":4,"
                              + "\"rule\":\"voice-pilots\",\"what\":\"models are missing\"}]}}")))
  public PolicyView policy() {
    admins.admit();
    return PolicyView.of(policies.state());
  }

  private static Rejected view(PolicyStore.Rejected rejected) {
    return new Rejected(
        rejected.digest(),
        rejected.at().toString(),
        rejected.mistakes().stream()
            .map(m -> new MistakeView(m.line(), m.rule().orElse(null), m.what()))
            .toList());
  }

  /** Says what the policy makes of some claims, without minting anything. */
  @POST
  @Path("/explain")
  @Operation(
      summary = "Explains a decision",
      description =
          "Which rule matches the claims, why the earlier ones do not, and the exact body that would"
              + " be sent to Google. Without issuer, the caller's own.")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              examples =
                  @ExampleObject(
                      name = "a pilot",
                      value =
                          "{\"claims\":{\"sub\":\"ada\",\"groups\":[\"voice-pilots\"]},"
                              + "\"request\":{\"expiresIn\":600}}")))
  @APIResponse(
      responseCode = "200",
      content = @Content(schema = @Schema(implementation = Explanation.class)))
  public Explanation explain(byte @Nullable [] body, RoutingContext context) {
    Subject caller = admins.admit().actor();
    Policy policy = policies.policy();
    var fields =
        JsonFields.of(
            JsonFields.parse(body, context.request().getHeader("Content-Type")),
            "issuer",
            "claims",
            "request");
    String issuer = fields.string("issuer", 2000).orElse(caller.issuer());
    Map<String, Object> claims = fields.object("claims").orElse(Map.of());
    Map<String, Object> request = fields.object("request").orElse(Map.of());
    fields.check();
    Subject subject = subjects.supposed(issuer, claims, caller);
    return explanation(subject, policy.explain(subject, TokenRequest.read(request)));
  }

  private static Explanation explanation(Subject subject, Policy.Explanation explained) {
    if (explained.decision() instanceof Decision.Granted granted) {
      return new Explanation(
          subject.id(),
          "granted",
          granted.grant().rule(),
          explained.rules(),
          null,
          List.of(),
          MintBody.of(granted.grant(), Instant.now()).json());
    }
    var denied = (Decision.Denied) explained.decision();
    return new Explanation(
        subject.id(),
        denied.code().label(),
        denied.rule().orElse(null),
        explained.rules(),
        denied.detail(),
        denied.violations(),
        Map.of());
  }
}
