package io.livegate.console;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.identity.Subject;
import io.livegate.identity.Subjects;
import io.livegate.policy.PolicyStore;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Everything below {@code /console}: for administrators, asked for by pages of this gateway. */
@ApplicationScoped
class ConsoleRoute {

  private static final String PATH = "/console";

  /** Nothing but what this gateway serves, and nothing that is written into the page itself. */
  private static final String CONTENT =
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
          + " img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

  private static final int BEFORE_AUTHENTICATION = 250;

  private final PolicyStore policies;
  private final Optional<URI> publicUrl;
  private final String forbidden = text("/META-INF/resources/pages/forbidden.html");

  ConsoleRoute(
      PolicyStore policies, @ConfigProperty(name = "livegate.public-url") Optional<URI> publicUrl) {
    this.policies = policies;
    this.publicUrl = publicUrl;
  }

  private static String text(String resource) {
    try (InputStream file = ConsoleRoute.class.getResourceAsStream(resource)) {
      if (file == null) {
        throw new IllegalStateException("no " + resource);
      }
      return new String(file.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The cookie is none of the others' business, though quarkus-oidc would take it there, too. */
  void keep(@Observes Filters filters) {
    filters.register(
        context -> {
          if (!isBelow(context.normalizedPath())) {
            context.request().headers().remove(HttpHeaders.COOKIE);
          }
          context.next();
        },
        BEFORE_AUTHENTICATION);
  }

  private static boolean isBelow(String path) {
    return path.equals(PATH) || path.startsWith(PATH + "/");
  }

  void register(@Observes Router router) {
    router.route(PATH).handler(this::guard);
    router.route(PATH + "/*").handler(this::guard);
    router.get(PATH).handler(context -> context.reroute(PATH + "/index.html"));
  }

  private void guard(RoutingContext context) {
    var headers = context.response().headers();
    headers.set("Content-Security-Policy", CONTENT);
    headers.set("X-Content-Type-Options", "nosniff");
    headers.set("Referrer-Policy", "no-referrer");
    headers.set(HttpHeaders.CACHE_CONTROL, "no-store");
    try {
      admit(Subjects.of(context));
    } catch (GatewayException denied) {
      if (isPage(context)) {
        headers.set(HttpHeaders.CONTENT_TYPE, "text/html; charset=utf-8");
        context.response().setStatusCode(denied.code().status()).end(forbidden);
        return;
      }
      throw denied;
    }
    if (!context.request().method().equals(HttpMethod.GET)) {
      checkOrigin(context.request());
    }
    context.next();
  }

  private static boolean isPage(RoutingContext context) {
    return context.request().method().equals(HttpMethod.GET)
        && (context.normalizedPath().equals(PATH)
            || context.normalizedPath().equals(PATH + "/index.html"));
  }

  /**
   * Lets an administrator in.
   *
   * @throws GatewayException if it is none
   */
  Subject admit(Optional<Subject> caller) {
    Subject subject =
        caller.orElseThrow(
            () -> new GatewayException(ErrorCode.UNAUTHENTICATED, "Sign in at /console."));
    policies
        .policy()
        .adminDenial(subject)
        .ifPresent(
            denied -> {
              throw new GatewayException(denied.code(), denied.detail());
            });
    return subject;
  }

  /**
   * The cookie goes with whatever a browser sends here, so who made it send that must be one of our
   * own pages.
   *
   * @throws GatewayException {@code origin-forbidden}
   */
  void checkOrigin(HttpServerRequest request) {
    String origin = String.valueOf(request.getHeader(HttpHeaders.ORIGIN));
    String own = request.scheme() + "://" + request.authority();
    boolean published =
        publicUrl
            .map(url -> origin.equals(url.getScheme() + "://" + url.getAuthority()))
            .orElse(false);
    if (!origin.equalsIgnoreCase(own) && !published) {
      throw new GatewayException(
          ErrorCode.ORIGIN_FORBIDDEN, "Only pages of this gateway may ask for that.");
    }
  }
}
