package io.livegate.admin;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.error.Violation;
import io.livegate.ledger.CutOff;
import io.livegate.ledger.Ledger;
import io.livegate.request.JsonFields;
import io.smallrye.common.annotation.NonBlocking;
import io.smallrye.mutiny.Uni;
import io.vertx.ext.web.RoutingContext;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.PUT;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.ExampleObject;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.security.SecurityRequirement;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** Subjects that are cut off for a time. For good, the policy's {@code blocked} does it. */
@Path("/admin/v1/subjects/{subject}/block")
@Tag(name = "Administration")
@SecurityRequirement(name = "accessToken")
@Produces(MediaType.APPLICATION_JSON)
@NonBlocking
public class SubjectResource {

  /**
   * A block.
   *
   * @param until RFC 3339
   */
  @Schema(name = "Block")
  public record Block(String until) {}

  private final Admins admins;
  private final Ledger ledger;

  SubjectResource(Admins admins, Ledger ledger) {
    this.admins = admins;
    this.ledger = ledger;
  }

  /** Blocks a subject. */
  @PUT
  @Operation(
      summary = "Blocks a subject until a time",
      description =
          "No tokens and no sessions from now on; running sessions end within two seconds, and"
              + " tokens for the relay are no longer accepted. Replaces an earlier block. The"
              + " subject, <tenant>:<sub>, is percent-encoded.")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = Block.class),
              examples =
                  @ExampleObject(
                      name = "until noon",
                      value = "{\"until\":\"2026-11-22T12:00:00Z\"}")))
  @APIResponse(
      responseCode = "200",
      content = @Content(schema = @Schema(implementation = Block.class)))
  public Uni<Block> block(
      @PathParam("subject") String subject, byte @Nullable [] body, RoutingContext context) {
    var act = admins.admit();
    check(subject);
    var fields =
        JsonFields.of(JsonFields.parse(body, context.request().getHeader("Content-Type")), "until");
    Optional<String> asked = fields.string("until", 100);
    fields.check();
    Instant until = until(asked.orElse(""));
    return ledger
        .cutOff(new CutOff(CutOff.Kind.BLOCK, subject, Instant.now(), until))
        .onFailure()
        .invoke(
            failure ->
                act.tried("subject.blocked", failure, "subject", subject, Optional.of(until)))
        .map(
            done -> {
              act.done("subject.blocked", "subject", subject, Optional.of(until));
              return new Block(until.toString());
            });
  }

  private static Instant until(String asked) {
    try {
      Instant until = Instant.parse(asked);
      if (until.isAfter(Instant.now())) {
        return until;
      }
    } catch (DateTimeParseException e) {
      // Answered like a time that is over.
    }
    throw GatewayException.of(
        ErrorCode.INVALID_REQUEST,
        "A block needs an end.",
        List.of(
            new Violation(
                "until", asked, "a time to come in RFC 3339, such as 2027-01-01T00:00:00Z")));
  }

  /** Shows until when a subject is blocked. */
  @GET
  @Operation(summary = "Shows a subject's block", description = "404 when it is not blocked.")
  @APIResponse(
      responseCode = "200",
      content = @Content(schema = @Schema(implementation = Block.class)))
  public Uni<Block> show(@PathParam("subject") String subject) {
    admins.admit();
    check(subject);
    return ledger
        .blockedUntil(subject)
        .map(until -> until.map(end -> new Block(end.toString())).orElseThrow(() -> none(subject)));
  }

  /** Lifts a block. */
  @DELETE
  @Operation(summary = "Lifts a subject's block", description = "404 when it is not blocked.")
  @APIResponse(responseCode = "204")
  public Uni<Response> unblock(@PathParam("subject") String subject) {
    var act = admins.admit();
    check(subject);
    return ledger
        .unblock(subject)
        .onFailure()
        .invoke(
            failure ->
                act.tried("subject.unblocked", failure, "subject", subject, Optional.empty()))
        .map(
            was -> {
              if (!was) {
                throw none(subject);
              }
              act.done("subject.unblocked", "subject", subject, Optional.empty());
              return Response.noContent().build();
            });
  }

  private static void check(String subject) {
    if (!subject.matches("(?s)[^:]+:.+")) {
      throw new GatewayException(
          ErrorCode.INVALID_REQUEST, "A subject is <tenant>:<sub>, percent-encoded in the path.");
    }
  }

  private static GatewayException none(String subject) {
    return new GatewayException(ErrorCode.NOT_FOUND, "The subject " + subject + " is not blocked.");
  }
}
