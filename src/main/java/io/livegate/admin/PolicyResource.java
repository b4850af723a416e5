package io.livegate.admin;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.livegate.error.GatewayException;
import io.livegate.error.Violation;
import io.livegate.grant.MintBody;
import io.livegate.identity.Subject;
import io.livegate.identity.Subjects;
import io.livegate.policy.Decision;
import io.livegate.policy.Policy;
import io.livegate.policy.PolicyStore;
import io.livegate.request.JsonFields;
import io.livegate.request.TokenRequest;
import io.smallrye.common.annotation.NonBlocking;
import io.vertx.ext.web.RoutingContext;
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

/** What administrators ask of the gateway. */
@Path("/admin/v1")
@Tag(name = "Administration")
@SecurityRequirement(name = "accessToken")
@Produces(MediaType.APPLICATION_JSON)
@NonBlocking
public class AdminResource {

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

  private final Subjects subjects;
  private final PolicyStore policies;

  AdminResource(Subjects subjects, PolicyStore policies) {
    this.subjects = subjects;
    this.policies = policies;
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
    Subject caller = subjects.current();
    Policy policy = policies.policy();
    policy
        .adminDenial(caller)
        .ifPresent(
            denied -> {
              throw new GatewayException(denied.code(), denied.detail());
            });
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
