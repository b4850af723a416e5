package io.livegate.admin;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.error.Violation;
import io.livegate.ledger.Ledger;
import io.livegate.ledger.UsageRow;
import io.smallrye.common.annotation.NonBlocking;
import io.smallrye.mutiny.Uni;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.QueryParam;
import jakarta.ws.rs.core.MediaType;
import java.time.Clock;
import java.time.LocalDate;
import java.time.format.DateTimeParseException;
import java.util.List;
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

/** What was used. */
@Path("/admin/v1/usage")
@Tag(name = "Administration")
@SecurityRequirement(name = "accessToken")
@Produces(MediaType.APPLICATION_JSON)
@NonBlocking
public class UsageResource {

  /**
   * What one subject used on one UTC day under one rule with one model.
   *
   * @param tokens Gemini tokens that Google reported of sessions through the relay
   * @param estimatedTokens booked for direct tokens, whose real use is not seen
   */
  @Schema(name = "UsageRow")
  public record Row(
      String day,
      String subject,
      String rule,
      String model,
      long grants,
      long sessions,
      long tokens,
      long estimatedTokens,
      long sessionSeconds) {

    static Row of(UsageRow row) {
      return new Row(
          row.day().toString(),
          row.subject(),
          row.rule(),
          row.model(),
          row.grants(),
          row.sessions(),
          row.tokens(),
          row.estimatedTokens(),
          row.sessionTime().toSeconds());
    }
  }

  /** All rows that were asked for. */
  @Schema(name = "Usage")
  public record Rows(List<Row> usage) {}

  private final Admins admins;
  private final Ledger ledger;

  UsageResource(Admins admins, Ledger ledger) {
    this.admins = admins;
    this.ledger = ledger;
  }

  /** Lists what was used; today, where no day is named. */
  @GET
  @Operation(
      summary = "Lists usage by day, subject, rule and model",
      description = "UTC days, both inclusive; today by default. Kept for 31 days.")
  @APIResponse(
      responseCode = "200",
      content =
          @Content(
              schema = @Schema(implementation = Rows.class),
              examples =
                  @ExampleObject(
                      name = "one row",
                      value =
                          "{\"usage\":[{\"day\":\"2026-11-22\",\"subject\":\"default:ada\","
                              + "\"rule\":\"voice-pilots\",\"model\":\"models/gemini-3.8-live\","
                              + "\"grants\":3,\"sessions\":2,\"tokens\":1800,"
                              + "\"estimatedTokens\":20000,\"sessionSeconds\":95}]}")))
  public Uni<Rows> list(
      @Parameter(description = "such as 2026-11-22") @QueryParam("from") @Nullable String from,
      @QueryParam("to") @Nullable String to,
      @QueryParam("subject") @Nullable String subject,
      @QueryParam("rule") @Nullable String rule,
      @QueryParam("model") @Nullable String model) {
    admins.admit();
    LocalDate today = LocalDate.now(Clock.systemUTC());
    LocalDate end = day("to", to, today);
    return ledger
        .usage(
            new UsageRow.Filter(
                day("from", from, end),
                end,
                Optional.ofNullable(subject),
                Optional.ofNullable(rule),
                Optional.ofNullable(model).map(m -> m.startsWith("models/") ? m : "models/" + m)))
        .map(rows -> new Rows(rows.stream().map(Row::of).toList()));
  }

  private static LocalDate day(String name, @Nullable String asked, LocalDate otherwise) {
    if (asked == null) {
      return otherwise;
    }
    try {
      return LocalDate.parse(asked);
    } catch (DateTimeParseException e) {
      throw GatewayException.of(
          ErrorCode.INVALID_REQUEST,
          "A day is malformed.",
          List.of(new Violation(name, asked, "a day such as 2026-11-22")));
    }
  }
}
