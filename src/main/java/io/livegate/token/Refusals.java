package io.livegate.token;

import io.livegate.audit.GatewayEvent;
import io.livegate.audit.GatewayEvent.TokenRefused;
import io.livegate.error.Problem;
import io.livegate.identity.Subject;
import io.livegate.identity.Subjects;
import io.livegate.trace.Tracing;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.net.SocketAddress;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import jakarta.enterprise.event.Observes;
import java.time.Instant;
import java.util.regex.Pattern;

/**
 * Tells every refused request for a token, once, whichever layer refused it: it looks at the
 * finished response, because authentication and body limits act before any resource.
 */
@ApplicationScoped
class Refusals {

  private static final Pattern PATHS =
      Pattern.compile("/v1/tokens/*|/(v1|v1beta|v1alpha)/auth_tokens/*");

  /** Before everything that can refuse. */
  private static final int PRIORITY = 400;

  private final Event<GatewayEvent> events;
  private final Tracing tracing;

  Refusals(Event<GatewayEvent> events, Tracing tracing) {
    this.events = events;
    this.tracing = tracing;
  }

  void register(@Observes Filters filters) {
    filters.register(this::watch, PRIORITY);
  }

  private void watch(RoutingContext context) {
    if (context.request().method().equals(HttpMethod.POST)
        && PATHS.matcher(context.normalizedPath()).matches()) {
      tracing.request(context, route(context));
      context.addEndHandler(ended -> tell(context));
    }
    context.next();
  }

  private static String route(RoutingContext context) {
    return context.normalizedPath().startsWith("/v1/tokens")
        ? "/v1/tokens"
        : "/{version}/auth_tokens";
  }

  private void tell(RoutingContext context) {
    Problem problem = context.get(Problem.KEY);
    if (problem != null) {
      events.fire(
          new TokenRefused(
              Instant.now(),
              Subjects.of(context).map(Subject::id),
              problem.rule(),
              problem.code().label(),
              peer(context)));
    }
  }

  /** The address of the caller, as far as trusted proxies tell it. */
  static String peer(RoutingContext context) {
    SocketAddress address = context.request().remoteAddress();
    return address == null ? "unknown" : String.valueOf(address.hostAddress());
  }
}
