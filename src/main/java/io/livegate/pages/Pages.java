package io.livegate.pages;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.gemini.GeminiTokens;
import io.quarkus.oidc.AccessTokenCredential;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.quarkus.vertx.http.runtime.security.QuarkusHttpUser;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.net.URI;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * The way to every page. It keeps the cookie of a login from all other paths, tells browsers what
 * pages may do, and hands their calls on to the API.
 */
@ApplicationScoped
public class Pages {

  /** Where the cookie counts: quarkus.oidc.pages.tenant-paths, in other words. */
  private static final Pattern SIGNED_IN =
      Pattern.compile("/|/index\\.html|/sign-out|/(playground|console)(/.*)?");

  /** What pages share, and whoever is not signed in may see. */
  private static final String SHARED = "/pages/";

  private static final String FAILED = SHARED + "failed.html";

  /** What pages may call, and which part of the API that is. */
  private static final Pattern CALL = Pattern.compile("/(playground|console)/api(/.*)");

  /** After what only watches, before authentication. */
  private static final int PRIORITY = 260;

  private static final String BEFORE = Pages.class.getName();

  private final boolean enabled;
  private final Optional<URI> publicUrl;
  private final GeminiTokens gemini;

  Pages(
      @ConfigProperty(name = "quarkus.oidc.pages.tenant-enabled") boolean enabled,
      @ConfigProperty(name = "livegate.public-url") Optional<URI> publicUrl,
      GeminiTokens gemini) {
    this.enabled = enabled;
    this.publicUrl = publicUrl;
    // Not to be asked yet: routes are laid before the settings are checked.
    this.gemini = gemini;
  }

  void watch(@Observes Filters filters) {
    filters.register(this::enter, PRIORITY);
  }

  private void enter(RoutingContext context) {
    String path = context.normalizedPath();
    boolean signedIn = SIGNED_IN.matcher(path).matches();
    if (!signedIn) {
      // It is none of the others' business, though quarkus-oidc would take it there, too.
      context.request().headers().remove(HttpHeaders.COOKIE);
    }
    if (signedIn || path.startsWith(SHARED)) {
      if (!enabled) {
        throw new GatewayException(
            ErrorCode.NOT_FOUND,
            "The pages are switched off; quarkus.oidc.pages.tenant-enabled and a client by which"
                + " people sign in switch them on.");
      }
      restrict(context, path);
      context.addHeadersEndHandler(sent -> explain(context));
    }
    context.put(BEFORE, Set.copyOf(context.data().keySet()));
    context.next();
  }

  /** Nothing runs or looks in a page but what this gateway serves. */
  private void restrict(RoutingContext context, String path) {
    var headers = context.response().headers();
    headers.set(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src"
            + " 'self'"
            + (path.startsWith("/console") ? "" : elsewhere())
            + "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
    headers.set("X-Content-Type-Options", "nosniff");
    headers.set("Referrer-Policy", "no-referrer");
    headers.set("Cross-Origin-Opener-Policy", "same-origin");
    headers.set("Permissions-Policy", "microphone=(self), camera=(), geolocation=()");
    // Pages are asked for again when the gateway is updated; answers are nobody else's.
    headers.set(HttpHeaders.CACHE_CONTROL, path.startsWith(SHARED) ? "no-cache" : "no-store");
  }

  /** To somebody who looks at a page, a problem in JSON says nothing. */
  private static void explain(RoutingContext context) {
    int status = context.response().getStatusCode();
    String accepted = String.valueOf(context.request().getHeader(HttpHeaders.ACCEPT));
    if ((status == 401 || status == 503) && accepted.contains("text/html")) {
      context.response().setStatusCode(303).putHeader(HttpHeaders.LOCATION, FAILED);
    }
  }

  /** Where the playground talks: Google, and this gateway by its published name. */
  private String elsewhere() {
    return " "
        + origin(URI.create(gemini.address().webSocketUrl()))
        + publicUrl.map(url -> " " + origin(url).replaceFirst("^http", "ws")).orElse("");
  }

  private static String origin(URI url) {
    return url.getScheme() + "://" + url.getRawAuthority();
  }

  /** Before the pages' own routes. */
  void register(@Observes @Priority(1) Router router) {
    router.routeWithRegex(SIGNED_IN.pattern()).handler(this::guard);
    router.routeWithRegex(CALL.pattern()).handler(this::call);
  }

  private void guard(RoutingContext context) {
    if (!context.request().method().equals(HttpMethod.GET)) {
      checkOrigin(context.request());
    }
    context.next();
  }

  /**
   * The cookie goes with whatever a browser sends here, so who made it send that must be one of our
   * own pages.
   *
   * @throws GatewayException {@code origin-forbidden}
   */
  public void checkOrigin(HttpServerRequest request) {
    String origin = String.valueOf(request.getHeader(HttpHeaders.ORIGIN));
    String own = request.scheme() + "://" + request.authority();
    if (!origin.equalsIgnoreCase(own)
        && !publicUrl.map(url -> origin.equalsIgnoreCase(origin(url))).orElse(false)) {
      throw new GatewayException(
          ErrorCode.ORIGIN_FORBIDDEN, "Only pages of this gateway may ask for that.");
    }
  }

  /**
   * Begins the request anew as one with an access token, so that it is verified, judged and told
   * like all others.
   */
  private void call(RoutingContext context) {
    String token = token(identity(context));
    String path = context.request().path();
    var parts = CALL.matcher(path);
    if (!parts.matches()) {
      throw new GatewayException(ErrorCode.NOT_FOUND, "Nothing is served at this path.");
    }
    String query = context.request().query();
    // What authentication has noted, it would find again.
    Set<String> before = context.get(BEFORE);
    context.data().keySet().retainAll(before);
    context.request().headers().set(HttpHeaders.AUTHORIZATION, "Bearer " + token);
    context.reroute(
        (parts.group(1).equals("console") ? "/admin/v1" : "/v1")
            + parts.group(2)
            + (query == null ? "" : "?" + query));
  }

  private static SecurityIdentity identity(RoutingContext context) {
    if (context.user() instanceof QuarkusHttpUser user
        && !user.getSecurityIdentity().isAnonymous()) {
      return user.getSecurityIdentity();
    }
    throw new GatewayException(ErrorCode.UNAUTHENTICATED, "Nobody is signed in.");
  }

  private static String token(SecurityIdentity identity) {
    AccessTokenCredential credential = identity.getCredential(AccessTokenCredential.class);
    if (credential == null) {
      throw new GatewayException(ErrorCode.UNAUTHENTICATED, "The login gave no access token.");
    }
    return credential.getToken();
  }
}
