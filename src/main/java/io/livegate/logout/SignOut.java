package io.livegate.logout;

import io.livegate.audit.GatewayEvent;
import io.livegate.audit.GatewayEvent.LoggedOut;
import io.livegate.grant.Login;
import io.livegate.identity.Subject;
import io.livegate.identity.Subjects;
import io.livegate.ledger.CutOff;
import io.livegate.session.Heart;
import io.quarkus.oidc.IdTokenCredential;
import io.quarkus.oidc.OidcConfigurationMetadata;
import io.quarkus.security.identity.SecurityIdentity;
import io.smallrye.common.annotation.NonBlocking;
import io.vertx.core.http.Cookie;
import io.vertx.core.net.SocketAddress;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Event;
import jakarta.ws.rs.POST;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import java.net.URI;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.eclipse.microprofile.openapi.annotations.Operation;

/** Where a page ends the login by which it is seen. */
@Path("/sign-out")
@Produces(MediaType.APPLICATION_JSON)
@NonBlocking
public class SignOut {

  /** What the names of the pages' cookies begin with; a large login has several. */
  private static final String COOKIE = "q_session_pages";

  private static final String SIGNED_OUT = "/pages/signed-out.html";

  /**
   * Where the browser is to go next.
   *
   * @param location the provider, so that its login ends, too, or a page that says so
   */
  public record Next(String location) {}

  private final Subjects subjects;
  private final SecurityIdentity identity;
  private final Heart heart;
  private final Duration remember;
  private final Optional<URI> publicUrl;
  private final Event<GatewayEvent> events;

  SignOut(
      Subjects subjects,
      SecurityIdentity identity,
      Heart heart,
      LogoutConfig config,
      @ConfigProperty(name = "livegate.public-url") Optional<URI> publicUrl,
      Event<GatewayEvent> events) {
    this.subjects = subjects;
    this.identity = identity;
    this.heart = heart;
    this.remember = config.remember();
    this.publicUrl = publicUrl;
    this.events = events;
  }

  /** Ends the login: its cookie, and where its token names it, the token and its sessions. */
  @POST
  @Operation(hidden = true)
  public Next signOut(RoutingContext context) {
    Subject subject = subjects.current();
    Optional<String> login = Login.of(subject.id(), subject.claims()).sid();
    String tenant = subject.id().substring(0, subject.id().indexOf(':'));
    login.ifPresent(
        sid ->
            heart.cutOff(
                new CutOff(
                    CutOff.Kind.LOGOUT_SID,
                    tenant + ":" + sid,
                    Instant.now().plusSeconds(1),
                    Instant.now().plus(remember))));
    SocketAddress address = context.request().remoteAddress();
    events.fire(
        new LoggedOut(
            Instant.now(),
            "ok",
            tenant,
            Optional.of(subject.id()),
            login,
            address == null ? "unknown" : String.valueOf(address.hostAddress())));
    for (Cookie cookie : List.copyOf(context.request().cookies())) {
      if (cookie.getName().startsWith(COOKIE)) {
        context.response().addCookie(Cookie.cookie(cookie.getName(), "").setPath("/").setMaxAge(0));
      }
    }
    URI here =
        publicUrl.orElseGet(() -> URI.create(context.request().absoluteURI())).resolve(SIGNED_OUT);
    OidcConfigurationMetadata provider = identity.getAttribute("configuration-metadata");
    IdTokenCredential token = identity.getCredential(IdTokenCredential.class);
    if (provider == null || provider.getEndSessionUri() == null || token == null) {
      return new Next(here.toString());
    }
    String end = provider.getEndSessionUri();
    return new Next(
        end
            + (end.contains("?") ? "&" : "?")
            + "id_token_hint="
            + token.getToken()
            + "&post_logout_redirect_uri="
            + URLEncoder.encode(here.toString(), StandardCharsets.UTF_8));
  }
}
