package io.livegate.error;

import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.PathParam;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import org.eclipse.microprofile.openapi.annotations.Operation;

/** Explains each problem type at the address that its {@code type} names. */
@Path("/problems")
public class ProblemPages {

  @GET
  @Path("/{code}")
  @Produces(MediaType.TEXT_PLAIN)
  @Operation(summary = "Explains a problem type", description = "Text for people; 404 for no code.")
  public String page(@PathParam("code") String label) {
    ErrorCode code =
        ErrorCode.of(label)
            .orElseThrow(
                () ->
                    new GatewayException(ErrorCode.NOT_FOUND, "There is no problem type " + label));
    return "%s (HTTP %d): %s%n%n%s%n"
        .formatted(code.label(), code.status(), code.title(), code.explanation());
  }
}
