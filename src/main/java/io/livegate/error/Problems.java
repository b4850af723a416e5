package io.livegate.error;

import io.quarkus.oidc.OIDCException;
import io.quarkus.security.AuthenticationCompletionException;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.AuthenticationRedirectException;
import io.quarkus.security.UnauthorizedException;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.core.json.Json;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.ws.rs.WebApplicationException;
import jakarta.ws.rs.core.Response;
import java.io.IOException;
import java.time.Duration;
import java.util.regex.Pattern;
import org.jboss.logging.Logger;
import org.jboss.resteasy.reactive.server.ServerExceptionMapper;
import org.jspecify.annotations.Nullable;

/**
 * Writes every failed request, whichever layer it failed in: resources by the exception mapper,
 * what comes before them (authentication, limits, unknown paths) by the router's failure handler.
 */
@ApplicationScoped
public class Problems {

  private static final Logger LOG = Logger.getLogger(Problems.class);
  private static final Pattern GOOGLE_PATH =
      Pattern.compile("/+(v1|v1beta|v1alpha)/+auth_tokens/*");

  /** Before anything reads a body, after what only watches. */
  private static final int LIMIT_PRIORITY = 350;

  /** The most that a request body may have, in bytes. */
  public static final int MAX_BODY = 256 * 1024;

  void register(@Observes Router router) {
    router.route().order(Integer.MIN_VALUE).failureHandler(this::write);
  }

  /** Quarkus has a limit for bodies too, but answers it without saying why. */
  void limit(@Observes Filters filters) {
    filters.register(
        context -> {
          if (context.request().path().indexOf(';') >= 0) {
            // Matrix parameters are part of no address here, and would make one look like another.
            context.fail(404);
            return;
          }
          String length = context.request().getHeader(HttpHeaders.CONTENT_LENGTH);
          if (length != null
              && length.matches("[0-9]{1,18}")
              && Long.parseLong(length) > MAX_BODY) {
            // The rest of the body is not worth reading.
            context.response().putHeader(HttpHeaders.CONNECTION, HttpHeaders.CLOSE);
            context.fail(413);
          } else {
            context.next();
          }
        },
        LIMIT_PRIORITY);
  }

  @ServerExceptionMapper({Throwable.class})
  Response map(Throwable failure, RoutingContext context) {
    Problem problem = problem(failure, status(failure), context);
    var response = Response.status(problem.code().status()).type(mediaType(context));
    problem.headers().forEach(response::header);
    return response.entity(isGoogles(context) ? problem.googleBody() : problem.body()).build();
  }

  private void write(RoutingContext context) {
    HttpServerResponse response = context.response();
    if (response.headWritten()) {
      response.reset();
      return;
    }
    if (context.failure() instanceof AuthenticationRedirectException redirect) {
      // A step of signing in at a page.
      response.setStatusCode(redirect.getCode());
      response.putHeader(HttpHeaders.LOCATION, redirect.getRedirectUri());
      response.putHeader(HttpHeaders.CACHE_CONTROL, "no-store");
      response.end();
      return;
    }
    Problem problem = problem(context.failure(), context.statusCode(), context);
    response.setStatusCode(problem.code().status());
    problem.headers().forEach(response::putHeader);
    response.putHeader("Content-Type", mediaType(context));
    Object body = isGoogles(context) ? problem.googleBody() : problem.body();
    response.end(Json.encodeToBuffer(body));
  }

  private static Problem problem(@Nullable Throwable failure, int status, RoutingContext context) {
    Problem problem;
    if (failure instanceof GatewayException refusal) {
      problem = Problem.of(refusal);
    } else if (failure instanceof AuthenticationFailedException) {
      String reason = failure.getMessage();
      problem =
          reason == null || failure.getCause() != null
              ? Problem.of(ErrorCode.INVALID_TOKEN)
              : Problem.of(ErrorCode.INVALID_TOKEN, "The access token is refused: " + reason + ".");
    } else if (failure instanceof AuthenticationCompletionException) {
      // Signing in at a page came to nothing; quarkus-oidc has logged why.
      problem = Problem.of(ErrorCode.INVALID_TOKEN);
    } else if (failure instanceof UnauthorizedException) {
      problem = Problem.of(ErrorCode.UNAUTHENTICATED);
    } else if (failure instanceof OIDCException) {
      LOG.warnf("An access token cannot be verified: %s", failure.getMessage());
      problem =
          Problem.of(
              new GatewayException(
                      ErrorCode.ISSUER_UNAVAILABLE, ErrorCode.ISSUER_UNAVAILABLE.explanation())
                  .retryAfter(Duration.ofSeconds(5)));
    } else if (failure instanceof IOException && context.response().headWritten()) {
      // Quarkus has cut off an endless body and answered 413.
      problem = Problem.of(ErrorCode.REQUEST_TOO_LARGE);
    } else {
      problem = Problem.of(ErrorCode.ofStatus(status));
      if (problem.code() == ErrorCode.INTERNAL_ERROR) {
        LOG.errorf(failure, "%s %s failed", context.request().method(), context.normalizedPath());
      }
    }
    context.put(Problem.KEY, problem);
    return problem;
  }

  private static int status(Throwable failure) {
    return failure instanceof WebApplicationException web ? web.getResponse().getStatus() : 500;
  }

  private static String mediaType(RoutingContext context) {
    return isGoogles(context) ? "application/json" : "application/problem+json";
  }

  private static boolean isGoogles(RoutingContext context) {
    return GOOGLE_PATH.matcher(context.request().path()).matches();
  }
}
