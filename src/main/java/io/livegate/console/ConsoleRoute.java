package io.livegate.console;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.identity.Subject;
import io.livegate.identity.Subjects;
import io.livegate.policy.PolicyStore;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Everything below {@code /console}: for administrators. */
@ApplicationScoped
class ConsoleRoute {

  private static final String PATH = "/console";

  private final PolicyStore policies;
  private final String forbidden = text("/META-INF/resources/pages/forbidden.html");

  ConsoleRoute(PolicyStore policies) {
    this.policies = policies;
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

  void register(@Observes Router router) {
    router.route(PATH).handler(this::guard);
    router.route(PATH + "/*").handler(this::guard);
    router.get(PATH).handler(context -> context.reroute(PATH + "/index.html"));
  }

  private void guard(RoutingContext context) {
    try {
      admit(Subjects.of(context));
    } catch (GatewayException denied) {
      if (isPage(context)) {
        context.response().putHeader(HttpHeaders.CONTENT_TYPE, "text/html; charset=utf-8");
        context.response().setStatusCode(denied.code().status()).end(forbidden);
        return;
      }
      throw denied;
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
}
