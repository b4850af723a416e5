package io.livegate.token;

import com.fasterxml.jackson.annotation.JsonPropertyOrder;
import io.livegate.gemini.GeminiTokens;
import io.livegate.grant.Mode;
import io.livegate.identity.Subject;
import io.livegate.identity.Subjects;
import io.livegate.issue.Issued;
import io.livegate.issue.RateLimits;
import io.livegate.issue.TokenService;
import io.livegate.ledger.Ledger;
import io.livegate.policy.Decision;
import io.livegate.policy.GrantRequest;
import io.livegate.policy.PolicyStore;
import io.livegate.request.JsonFields;
import io.livegate.request.TokenRequest;
import io.smallrye.common.annotation.NonBlocking;
import io.smallrye.mutiny.Uni;
import io.vertx.ext.web.RoutingContext;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.net.URI;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.media.Content;
import org.eclipse.microprofile.openapi.annotations.media.ExampleObject;
import org.eclipse.microprofile.openapi.annotations.media.Schema;
import org.eclipse.microprofile.openapi.annotations.parameters.RequestBody;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.security.SecurityRequirement;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/** Tokens for the signed-in user, and what the policy gives them. */
@Path("/")
@Tag(name = "Tokens")
@SecurityRequirement(name = "accessToken")
@Produces(MediaType.APPLICATION_JSON)
@NonBlocking
public class TokenResource {

  /**
   * The answer of {@code POST /v1/tokens}.
   *
   * @param token the credential, {@code auth_tokens/...}; a bearer secret
   * @param model {@code models/...}
   * @param uses sessions it may start; 0 for no limit
   * @param expireTime RFC 3339; when its sessions end
   * @param newSessionExpireTime RFC 3339; until when sessions may start
   * @param baseUrl for Google's SDKs
   * @param apiVersion for Google's SDKs
   * @param webSocketUrl for others; the token goes into the query as {@code access_token}
   * @param grantId names this grant in the audit; no secret
   */
  @Schema(name = "Token")
  @JsonPropertyOrder({
    "token",
    "mode",
    "model",
    "uses",
    "expireTime",
    "newSessionExpireTime",
    "baseUrl",
    "apiVersion",
    "webSocketUrl",
    "rule",
    "grantId"
  })
  public record TokenResponse(
      String token,
      String mode,
      String model,
      int uses,
      String expireTime,
      String newSessionExpireTime,
      String baseUrl,
      String apiVersion,
      String webSocketUrl,
      String rule,
      String grantId) {}

  private final TokenService service;
  private final GeminiTokens gemini;
  private final Subjects subjects;
  private final PolicyStore policies;
  private final Ledger ledger;
  private final Optional<URI> publicUrl;

  TokenResource(
      TokenService service,
      GeminiTokens gemini,
      Subjects subjects,
      PolicyStore policies,
      Ledger ledger,
      @ConfigProperty(name = "livegate.public-url") Optional<URI> publicUrl) {
    this.service = service;
    this.gemini = gemini;
    this.subjects = subjects;
    this.policies = policies;
    this.ledger = ledger;
    this.publicUrl = publicUrl;
  }

  /** Issues a token; see the problem codes for refusals. */
  @POST
  @Path("/v1/tokens")
  @Operation(
      summary = "Issues an ephemeral token",
      description =
          "Decides by the policy over the caller's claims, narrowed by the request, and mints a"
              + " fully locked Gemini token. At most 256 KiB; no body is an empty object.")
  @RequestBody(
      content =
          @Content(
              mediaType = MediaType.APPLICATION_JSON,
              schema = @Schema(implementation = TokenRequest.class),
              examples = {
                @ExampleObject(name = "the rule as it is", value = "{}"),
                @ExampleObject(
                    name = "narrowed",
                    value =
                        "{\"expiresIn\":600,\"setup\":{\"generationConfig\":{\"temperature\":0.7}}}")
              }))
  @APIResponse(
      responseCode = "201",
      description = "The token, with where to connect. Cache-Control: no-store.",
      content =
          @Content(
              schema = @Schema(implementation = TokenResponse.class),
              examples =
                  @ExampleObject(
                      name = "direct",
                      value =
                          "{\"token\":\"auth_tokens/...\",\"mode\":\"direct\","
                              + "\"model\":\"models/gemini-3.8-live\",\"uses\":1,"
                              + "\"expireTime\":\"2026-11-22T19:30:00Z\","
                              + "\"newSessionExpireTime\":\"2026-11-22T19:01:00Z\","
                              + "\"baseUrl\":\"https://generativelanguage.googleapis.com\","
                              + "\"apiVersion\":\"v1beta\",\"webSocketUrl\":\"wss://...\","
                              + "\"rule\":\"voice-pilots\",\"grantId\":\"8c4c...\"}")))
  @APIResponse(
      responseCode = "4XX",
      description = "A problem (RFC 9457); its type explains it.",
      content = @Content(mediaType = "application/problem+json"))
  public Uni<Response> issue(byte @Nullable [] body, RoutingContext context) {
    Subject subject = subjects.current();
    var request =
        TokenRequest.read(JsonFields.parse(body, context.request().getHeader("Content-Type")));
    return service
        .issue(subject, request, Refusals.peer(context))
        .map(issued -> response(issued, context));
  }

  private Response response(Issued issued, RoutingContext context) {
    var grant = issued.grant();
    var address = grant.mode() == Mode.DIRECT ? gemini.address() : gemini.address(self(context));
    var entity =
        new TokenResponse(
            issued.token(),
            grant.mode().label(),
            grant.model(),
            grant.uses(),
            issued.issue().expireTime().toString(),
            issued.issue().newSessionExpireTime().toString(),
            address.baseUrl(),
            address.apiVersion(),
            address.webSocketUrl(),
            grant.rule(),
            issued.issue().grantId());
    var answer = Response.status(Response.Status.CREATED).header("Cache-Control", "no-store");
    RateLimits.fields(issued.standings()).forEach(answer::header);
    return answer.entity(entity).build();
  }

  /** This gateway as the caller reaches it, as far as trusted proxies tell it. */
  private URI self(RoutingContext context) {
    return publicUrl.orElseGet(() -> URI.create(context.request().absoluteURI()).resolve("/"));
  }

  /** Who the caller is here, and what the policy gives them. */
  @GET
  @Path("/v1/me")
  @Operation(
      summary = "Shows the caller and their rule",
      description = "The subject, and what its rule allows; or why no rule does.")
  @APIResponse(
      responseCode = "200",
      content = @Content(schema = @Schema(implementation = Me.class)))
  public Uni<Response> me() {
    Subject subject = subjects.current();
    Decision decision = policies.policy().decide(subject, GrantRequest.EMPTY);
    if (!(decision instanceof Decision.Granted granted)) {
      return Uni.createFrom().item(response(Me.of(subject, (Decision.Denied) decision)));
    }
    return ledger
        .standings(granted.grant())
        .map(standings -> response(Me.of(subject, granted, standings)));
  }

  private static Response response(Me me) {
    return Response.ok(me).header("Cache-Control", "no-store").build();
  }
}
