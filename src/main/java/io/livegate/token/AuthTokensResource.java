package io.livegate.token;

import io.livegate.identity.Subject;
import io.livegate.identity.Subjects;
import io.livegate.issue.TokenService;
import io.livegate.request.AuthTokenRequest;
import io.livegate.request.JsonFields;
import io.smallrye.common.annotation.NonBlocking;
import io.smallrye.mutiny.Uni;
import io.vertx.ext.web.RoutingContext;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.time.Instant;
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

/**
 * Google's own minting method ({@code auth_tokens.create}, Gemini API), so that its SDKs mint
 * through the gateway with the user's access token as their API key. Same policy, the rule's first
 * mode; errors in Google's envelope.
 */
@Path("/")
@Tag(name = "Tokens")
@SecurityRequirement(name = "accessToken")
@SecurityRequirement(name = "apiKey")
@Produces(MediaType.APPLICATION_JSON)
@NonBlocking
public class AuthTokensResource {

  private final TokenService service;
  private final Subjects subjects;

  AuthTokensResource(TokenService service, Subjects subjects) {
    this.service = service;
    this.subjects = subjects;
  }

  /** Issues a token, Google's way: {@code {"name":"auth_tokens/..."}}. */
  @POST
  @Path("/{version: v1|v1beta|v1alpha}/auth_tokens")
  @Operation(
      summary = "Issues an ephemeral token in Google's form",
      description =
          "What authTokens.create of Google's SDKs calls. A fieldMask means: lock at least this;"
              + " every token is locked as a whole.")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema =
                  @Schema(
                      type = org.eclipse.microprofile.openapi.annotations.enums.SchemaType.OBJECT),
              examples =
                  @ExampleObject(
                      name = "Google's sample",
                      value =
                          "{\"uses\":1,\"expireTime\":\"2026-11-22T19:30:00Z\","
                              + "\"newSessionExpireTime\":\"2026-11-22T19:01:00Z\","
                              + "\"bidiGenerateContentSetup\":{\"model\":\"models/gemini-3.8-live\","
                              + "\"generationConfig\":{\"temperature\":0.7,"
                              + "\"responseModalities\":[\"AUDIO\"]},\"sessionResumption\":{}}}")))
  @APIResponse(
      responseCode = "200",
      content =
          @Content(
              examples = @ExampleObject(name = "token", value = "{\"name\":\"auth_tokens/...\"}")))
  public Uni<Response> create(byte @Nullable [] body, RoutingContext context) {
    Subject subject = subjects.current();
    var request =
        AuthTokenRequest.read(
            JsonFields.parse(body, context.request().getHeader("Content-Type")), Instant.now());
    return service
        .issue(subject, request, Refusals.peer(context))
        .map(
            issued ->
                Response.ok(Map.of("name", issued.token()))
                    .header("Cache-Control", "no-store")
                    .build());
  }
}
