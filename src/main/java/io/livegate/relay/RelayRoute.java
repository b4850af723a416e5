package io.livegate.relay;

import io.livegate.audit.GatewayEvent;
import io.livegate.audit.GatewayEvent.SessionRefused;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.error.Problem;
import io.livegate.gemini.GeminiTokens;
import io.livegate.gemini.LiveUpstream;
import io.livegate.identity.Credentials;
import io.livegate.identity.Subject;
import io.livegate.identity.Subjects;
import io.livegate.issue.Admission;
import io.livegate.issue.TokenService;
import io.livegate.session.Heart;
import io.livegate.session.ResumptionHandles;
import io.livegate.trace.Tracing;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.net.SocketAddress;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import jakarta.enterprise.event.Observes;
import java.net.URI;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Google's own WebSocket paths. Whatever can be refused is refused before the upgrade, by problem,
 * because not every SDK notices a close after it.
 */
@ApplicationScoped
class RelayRoute {

  /** Before everything that can refuse. */
  private static final int PRIORITY = 400;

  /** What a trace calls it. */
  private static final String ROUTE = "/ws/{service}";

  private final Relay relay;
  private final TokenService service;
  private final Optional<URI> publicUrl;

  RelayRoute(
      RelayConfig config,
      Sessions sessions,
      TokenService service,
      GeminiTokens gemini,
      LiveUpstream upstream,
      Heart heart,
      ResumptionHandles handles,
      Event<GatewayEvent> events,
      Tracing tracing,
      @ConfigProperty(name = "livegate.public-url") Optional<URI> publicUrl) {
    var messages = new ClientMessages(config.clientMessages().orElse(List.of()));
    this.relay =
        new Relay(config, sessions, messages, gemini, upstream, heart, handles, events, tracing);
    this.service = service;
    this.publicUrl = publicUrl;
  }

  void register(@Observes Router router) {
    if (relay.config().enabled()) {
      router.routeWithRegex(Credentials.RELAY.pattern()).handler(this::open);
    }
  }

  /** Refusals are told by the finished response, because authentication acts before the route. */
  void watch(@Observes Filters filters) {
    filters.register(
        context -> {
          if (Credentials.RELAY.matcher(context.normalizedPath()).matches()) {
            relay.tracing().request(context, ROUTE);
            context.addEndHandler(ended -> tell(context));
          }
          context.next();
        },
        PRIORITY);
  }

  private void open(RoutingContext context) {
    HttpServerRequest request = context.request();
    Upgrade upgrade = Upgrade.of(request);
    checkOrigin(request);
    Sessions sessions = relay.sessions();
    sessions.open();
    String peer = peer(context);
    Context current = Vertx.currentContext();
    Uni.createFrom()
        .deferred(() -> admission(context, peer))
        .emitOn(task -> current.runOnContext(ignored -> task.run()))
        .subscribe()
        .with(
            admission ->
                // Where the client is gone meanwhile, this throws rather than fails.
                Future.succeededFuture()
                    .compose(admitted -> upgrade.accept())
                    .map(socket -> new Session(relay, admission, peer, socket, current))
                    .onFailure(
                        failure -> {
                          sessions.closed(true);
                          relay.heart().close(admission.cameToNothing());
                        }),
            refusal -> {
              sessions.closed(true);
              context.fail(refusal);
            });
  }

  private Uni<Admission> admission(RoutingContext context, String peer) {
    Optional<String> token = Credentials.relayToken(context);
    if (token.isPresent()) {
      return service.redeem(token.get(), peer);
    }
    Subject subject =
        Subjects.of(context)
            .orElseThrow(
                () ->
                    new GatewayException(
                        ErrorCode.UNAUTHENTICATED,
                        "The connection carries no credential; send a token of POST /v1/tokens or"
                            + " an OpenID Connect access token."));
    return service.open(subject, peer);
  }

  /** Pages of other sites may not connect with what their visitors can reach here. */
  private void checkOrigin(HttpServerRequest request) {
    String origin = request.getHeader(HttpHeaders.ORIGIN);
    if (origin == null) {
      return;
    }
    List<String> allowed = relay.config().allowedOrigins().orElse(List.of());
    String own = "://" + String.valueOf(request.authority());
    boolean same =
        origin.regionMatches(true, Math.max(0, origin.indexOf(':')), own, 0, own.length())
            && origin.indexOf(':') + own.length() == origin.length();
    boolean published =
        publicUrl
            .map(url -> origin.equals(url.getScheme() + "://" + url.getAuthority()))
            .orElse(false);
    if (!same && !published && !allowed.contains("*") && !allowed.contains(origin)) {
      throw new GatewayException(
          ErrorCode.ORIGIN_FORBIDDEN, "Pages of this origin may not connect here.");
    }
  }

  private void tell(RoutingContext context) {
    Problem problem = context.get(Problem.KEY);
    if (problem != null) {
      relay
          .events()
          .fire(
              new SessionRefused(
                  Instant.now(),
                  Subjects.of(context).map(Subject::id),
                  problem.rule(),
                  problem.code().label(),
                  peer(context)));
    }
  }

  private static String peer(RoutingContext context) {
    SocketAddress address = context.request().remoteAddress();
    return address == null ? "unknown" : String.valueOf(address.hostAddress());
  }
}
