package io.livegate.admin;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.ledger.EndOf;
import io.livegate.ledger.Ledger;
import io.livegate.ledger.Running;
import io.smallrye.common.annotation.NonBlocking;
import io.smallrye.mutiny.Uni;
import jakarta.ws.rs.DELETE;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.ExampleObject;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.Parameter;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.security.SecurityRequirement;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** Sessions that run, at all replicas. */
@Path("/admin/v1/sessions")
@Tag(name = "Administration")
@SecurityRequirement(name = "accessToken")
@Produces(MediaType.APPLICATION_JSON)
@NonBlocking
public class SessionResource {

  private static final int PAGE = 100;
  private static final int LARGEST_PAGE = 1000;

  /**
   * A session.
   *
   * @param id names it in the audit too; no secret
   * @param subject {@code <tenant>:<sub>}
   * @param model {@code models/...}
   * @param mode how it was granted: {@code relay}, or {@code direct} with a token that also works
   *     at Google
   * @param replica the process that runs it
   * @param startedAt RFC 3339
   */
  @Schema(name = "Session")
  public record SessionView(
      String id,
      String subject,
      String rule,
      String grantId,
      String model,
      String mode,
      String replica,
      String startedAt,
      Usage usage) {

    static SessionView of(Running running) {
      var grant = running.issue().grant();
      return new SessionView(
          running.lease().sessionId(),
          grant.subject(),
          grant.rule(),
          running.issue().grantId(),
          running.model(),
          grant.mode().label(),
          running.lease().replica(),
          running.startedAt().toString(),
          new Usage(
              running.use().total(),
              running.use().tokens(),
              running.use().time().toSeconds(),
              running.use().turns(),
              running.use().legs()));
    }
  }

  /**
   * What a session used so far, as its replica last told.
   *
   * @param totalTokens Gemini tokens as they count against budgets
   * @param tokens by direction and modality
   * @param seconds since it was admitted
   * @param turns that the model completed
   * @param legs connections to Google, one after the other
   */
  @Schema(name = "SessionUsage")
  public record Usage(
      long totalTokens, Map<String, Map<String, Long>> tokens, long seconds, int turns, int legs) {}

  /** A part of the list. */
  @Schema(name = "Sessions")
  @JsonInclude(JsonInclude.Include.NON_NULL)
  public record SessionList(List<SessionView> sessions, @Nullable String nextPageToken) {}

  /** How many sessions are being ended. */
  @Schema(name = "Ended")
  public record Ended(int ended) {}

  private final Admins admins;
  private final Ledger ledger;

  SessionResource(Admins admins, Ledger ledger) {
    this.admins = admins;
    this.ledger = ledger;
  }

  /** Lists sessions in the order of their ids. */
  @GET
  @Operation(
      summary = "Lists running sessions",
      description = "Of all replicas, in the order of their ids; all filters must hold.")
  @APIResponse(
      responseCode = "200",
      content =
          @Content(
              schema = @Schema(implementation = SessionList.class),
              examples =
                  @ExampleObject(
                      name = "one session",
                      value =
                          "{\"sessions\":[{\"id\":\"5f7c...\",\"subject\":\"default:ada\","
                              + "\"rule\":\"voice-pilots\",\"grantId\":\"8c4c...\","
                              + "\"model\":\"models/gemini-3.8-live\",\"mode\":\"relay\","
                              + "\"replica\":\"livegate-0\",\"startedAt\":\"2026-11-22T19:00:00Z\","
                              + "\"usage\":{\"totalTokens\":180,\"tokens\":{\"input\":{\"audio\":100},"
                              + "\"output\":{\"audio\":80}},\"seconds\":42,\"turns\":3,\"legs\":1}}]}")))
  public Uni<SessionList> list(
      @Parameter(description = "<tenant>:<sub>") @QueryParam("subject") @Nullable String subject,
      @QueryParam("rule") @Nullable String rule,
      @Parameter(description = "models/...") @QueryParam("model") @Nullable String model,
      @QueryParam("replica") @Nullable String replica,
      @Parameter(description = "at most 1000") @QueryParam("pageSize") @Nullable String pageSize,
      @QueryParam("pageToken") @Nullable String pageToken) {
    admins.admit();
    var filter =
        new Running.Filter(
            Optional.ofNullable(subject),
            Optional.ofNullable(rule),
            Optional.ofNullable(model).map(m -> m.startsWith("models/") ? m : "models/" + m),
            Optional.ofNullable(replica));
    return ledger
        .sessions(filter, size(pageSize), Optional.ofNullable(pageToken))
        .map(
            page ->
                new SessionList(
                    page.sessions().stream().map(SessionView::of).toList(),
                    page.nextPageToken().orElse(null)));
  }

  private static int size(@Nullable String asked) {
    if (asked == null) {
      return PAGE;
    }
    if (!asked.matches("[0-9]{1,9}") || Integer.parseInt(asked) == 0) {
      throw new GatewayException(
          ErrorCode.INVALID_REQUEST, "pageSize must be a number from 1 to " + LARGEST_PAGE + ".");
    }
    return Math.min(LARGEST_PAGE, Integer.parseInt(asked));
  }

  /** Shows one session. */
  @GET
  @Path("/{id}")
  @Operation(summary = "Shows a running session", description = "404 when it does not run.")
  @APIResponse(
      responseCode = "200",
      content = @Content(schema = @Schema(implementation = SessionView.class)))
  public Uni<SessionView> show(@PathParam("id") String id) {
    admins.admit();
    return ledger.session(id).map(found -> found.map(SessionView::of).orElseThrow(() -> none(id)));
  }

  /** Ends one session. */
  @DELETE
  @Path("/{id}")
  @Operation(
      summary = "Ends a session",
      description =
          "Its client sees close code 1008 within two seconds, whichever replica runs it. 404 when"
              + " it does not run.")
  @APIResponse(
      responseCode = "202",
      content = @Content(schema = @Schema(implementation = Ended.class)))
  public Uni<Response> end(@PathParam("id") String id) {
    var act = admins.admit();
    return ledger
        .end(new EndOf.Session(id))
        .onFailure()
        .invoke(failure -> act.tried("session.ended", failure, "session", id, Optional.empty()))
        .map(
            ended -> {
              if (ended == 0) {
                throw none(id);
              }
              act.done("session.ended", "session", id, Optional.empty());
              return accepted(ended);
            });
  }

  /** Ends all sessions of a subject or a rule. */
  @DELETE
  @Operation(
      summary = "Ends all sessions of a subject or a rule",
      description = "Exactly one of the two; it does not keep new ones from starting.")
  @APIResponse(
      responseCode = "202",
      content =
          @Content(
              schema = @Schema(implementation = Ended.class),
              examples = @ExampleObject(name = "two", value = "{\"ended\":2}")))
  public Uni<Response> endAll(
      @Parameter(description = "<tenant>:<sub>") @QueryParam("subject") @Nullable String subject,
      @QueryParam("rule") @Nullable String rule) {
    var act = admins.admit();
    if (subject != null && rule == null) {
      return end(act, new EndOf.Subject(subject), "subject", subject);
    }
    if (rule != null && subject == null) {
      return end(act, new EndOf.Rule(rule), "rule", rule);
    }
    throw new GatewayException(
        ErrorCode.INVALID_REQUEST,
        "Name whose sessions to end: subject=... or rule=..., not both.");
  }

  private Uni<Response> end(Admins.Act act, EndOf which, String what, String target) {
    return ledger
        .end(which)
        .onFailure()
        .invoke(failure -> act.tried("session.ended", failure, what, target, Optional.empty()))
        .map(
            ended -> {
              act.done("session.ended", what, target, Optional.empty());
              return accepted(ended);
            });
  }

  private static Response accepted(int ended) {
    return Response.accepted(new Ended(ended)).build();
  }

  private static GatewayException none(String id) {
    return new GatewayException(ErrorCode.NOT_FOUND, "No session " + id + " runs.");
  }
}
