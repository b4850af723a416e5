package io.livegate.logout;

import io.livegate.audit.GatewayEvent;
import io.livegate.audit.GatewayEvent.LoggedOut;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.ledger.CutOff;
import io.livegate.session.Heart;
import io.smallrye.common.annotation.NonBlocking;
import io.smallrye.mutiny.Uni;
import io.vertx.core.net.SocketAddress;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Event;
import jakarta.ws.rs.Consumes;
import jakarta.ws.rs.FormParam;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import org.eclipse.microprofile.openapi.annotations.Operation;
import org.eclipse.microprofile.openapi.annotations.responses.APIResponse;
import org.eclipse.microprofile.openapi.annotations.tags.Tag;
import org.jspecify.annotations.Nullable;

/**
 * Where an OpenID provider tells that a user has logged out (OpenID Connect Back-Channel Logout 1.0
 * section 2.5).
 */
@Path("/oidc/back-channel-logout")
@Tag(name = "Logout")
@NonBlocking
public class BackChannelLogout {

  private final LogoutTokens tokens;
  private final Heart heart;
  private final Duration remember;
  private final Event<GatewayEvent> events;

  BackChannelLogout(
      LogoutTokens tokens, Heart heart, LogoutConfig config, Event<GatewayEvent> events) {
    this.tokens = tokens;
    this.heart = heart;
    this.remember = config.remember();
    this.events = events;
  }

  /** Ends a login, or all logins of a user. */
  @POST
  @Consumes(MediaType.APPLICATION_FORM_URLENCODED)
  @Operation(
      summary = "Ends what came of a login",
      description =
          "For OpenID providers. With a sid, sessions and tokens of that login end; with a sub"
              + " alone, those of all logins of the user. Access tokens of it are refused from now"
              + " on.")
  @APIResponse(responseCode = "200", description = "The login is ended, at all replicas.")
  @APIResponse(responseCode = "400", description = "The logout token is not valid.")
  public Uni<Response> logout(
      @FormParam("logout_token") @Nullable String logoutToken, RoutingContext context) {
    if (logoutToken == null) {
      throw new GatewayException(ErrorCode.INVALID_REQUEST, "The form has no logout_token.");
    }
    SocketAddress address = context.request().remoteAddress();
    String peer = address == null ? "unknown" : String.valueOf(address.hostAddress());
    return tokens
        .verify(logoutToken)
        .map(
            logout -> {
              heart.cutOff(cutOff(logout));
              events.fire(
                  new LoggedOut(
                      Instant.now(),
                      "ok",
                      logout.tenant(),
                      logout.sub().map(sub -> logout.tenant() + ":" + sub),
                      logout.sid(),
                      peer));
              return Response.ok().header("Cache-Control", "no-store").build();
            });
  }

  private CutOff cutOff(LogoutTokens.Logout logout) {
    Optional<String> sid = logout.sid();
    // Times in tokens are whole seconds: what was issued in the same one counts as before.
    Instant since = logout.issuedAt().plusSeconds(1);
    return new CutOff(
        sid.isPresent() ? CutOff.Kind.LOGOUT_SID : CutOff.Kind.LOGOUT_SUB,
        logout.tenant() + ":" + sid.orElseGet(() -> logout.sub().orElse("")),
        since,
        Instant.now().plus(remember));
  }
}
