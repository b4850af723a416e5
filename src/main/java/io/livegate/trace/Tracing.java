package io.livegate.trace;

import io.livegate.error.GatewayException;
import io.livegate.error.Problem;
import io.opentelemetry.api.OpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.api.trace.TracerProvider;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import io.opentelemetry.context.propagation.TextMapGetter;
import io.opentelemetry.context.propagation.TextMapPropagator;
import io.smallrye.mutiny.Uni;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import java.net.URI;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Function;
import java.util.function.Supplier;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jspecify.annotations.Nullable;

/**
 * Makes spans. The current one is kept by the request's context; what begins there is its child.
 * Where traces are off it does nothing.
 */
@ApplicationScoped
public class Tracing {

  /** What went wrong: the label of an error code, or a class. */
  public static final String ERROR = "error.type";

  /** The rule that decided. */
  public static final String RULE = "livegate.rule";

  private static final String STATUS = "http.response.status_code";

  private static final TextMapGetter<HttpServerRequest> HEADERS =
      new TextMapGetter<>() {
        @Override
        public Iterable<String> keys(HttpServerRequest request) {
          return request.headers().names();
        }

        @Override
        public @Nullable String get(@Nullable HttpServerRequest request, String name) {
          return request == null ? null : request.getHeader(name);
        }
      };

  private final boolean off;
  private final Tracer tracer;
  private final TextMapPropagator propagator;

  Tracing(
      @ConfigProperty(name = "quarkus.otel.sdk.disabled") boolean off,
      OpenTelemetry openTelemetry) {
    this.off = off;
    TracerProvider provider = off ? TracerProvider.noop() : openTelemetry.getTracerProvider();
    this.tracer = provider.get("io.livegate");
    this.propagator = openTelemetry.getPropagators().getTextMapPropagator();
  }

  /** For spans without an end in view. It makes none where traces are off. */
  public Tracer tracer() {
    return tracer;
  }

  /**
   * A request, in the trace of its caller if it names one, until it is answered.
   *
   * @param route its path, with names for what varies
   */
  public void request(RoutingContext request, String route) {
    if (off) {
      return;
    }
    String method = request.request().method().name();
    Context caller = propagator.extract(Context.root(), request.request(), HEADERS);
    Span span =
        tracer
            .spanBuilder(method + " " + route)
            .setParent(caller)
            .setSpanKind(SpanKind.SERVER)
            .setAttribute("http.request.method", method)
            .setAttribute("http.route", route)
            .startSpan();
    makeCurrent(caller.with(span));
    request.addHeadersEndHandler(headers -> answered(span, request));
    // If it is never answered. A span ends once.
    request.addEndHandler(end -> span.end());
  }

  private static void answered(Span span, RoutingContext request) {
    int status = request.response().getStatusCode();
    span.setAttribute(STATUS, status);
    Problem problem = request.get(Problem.KEY);
    if (problem != null) {
      span.setAttribute(ERROR, problem.code().label());
      problem.rule().ifPresent(rule -> span.setAttribute(RULE, rule));
    }
    if (status >= 500) {
      span.setStatus(StatusCode.ERROR);
    }
    span.end();
  }

  /**
   * Makes a span's context that of all that happens from now on in the current context, which is a
   * request's own and lives no longer.
   */
  @SuppressWarnings("MustBeClosedChecker")
  public static Scope makeCurrent(Context context) {
    return context.makeCurrent();
  }

  /** A step of a request. */
  public <T> T step(String name, Supplier<T> work) {
    if (off) {
      return work.get();
    }
    Span span = tracer.spanBuilder(name).startSpan();
    try {
      return Context.current().with(span).wrapSupplier(work).get();
    } catch (RuntimeException failure) {
      failed(span, failure);
      throw failure;
    } finally {
      span.end();
    }
  }

  /** A step of a request that takes its time. */
  public <T> Uni<T> steps(String name, Supplier<Uni<T>> work) {
    if (off) {
      return Uni.createFrom().deferred(work::get);
    }
    return Uni.createFrom()
        .deferred(
            () -> {
              Span span = tracer.spanBuilder(name).startSpan();
              Context here = Context.current().with(span);
              Scope scope = makeCurrent(here);
              // Mutiny restores what was current when a pipeline was made, at every step of it.
              return Uni.createFrom()
                  .deferred(here.wrapSupplier(work::get))
                  .onTermination()
                  .invoke(
                      (item, failure, cancelled) -> {
                        scope.close();
                        if (failure != null) {
                          failed(span, failure);
                        }
                        span.end();
                      });
            });
  }

  /**
   * An HTTP call to others, who are not told of the trace, as a part of the current step, wherever
   * and whenever it runs.
   *
   * @param status the status of an answer that became a failure, if it was one
   */
  public <T> Callable<T> call(
      String method, URI server, Callable<T> work, Function<Exception, Optional<Integer>> status) {
    if (off) {
      return work;
    }
    // Taken now: threads of one request share what is current.
    Context here = Context.current();
    return () -> {
      Span span =
          tracer
              .spanBuilder(method)
              .setParent(here)
              .setSpanKind(SpanKind.CLIENT)
              .setAttribute("http.request.method", method)
              .setAttribute("server.address", server.getHost())
              .startSpan();
      try {
        T answer = work.call();
        span.setAttribute(STATUS, 200);
        return answer;
      } catch (Exception failure) {
        failed(span, failure);
        status
            .apply(failure)
            .ifPresent(
                code -> {
                  span.setAttribute(STATUS, code);
                  span.setAttribute(ERROR, Integer.toString(code));
                });
        throw failure;
      } finally {
        span.end();
      }
    };
  }

  /** Says more of the current span: never a secret, and never who somebody is. */
  public void note(String key, String value) {
    if (!off) {
      Span.current().setAttribute(key, value);
    }
  }

  /** A span has failed. Of a failure that is not ours only the kind is told: its text can quote. */
  private static void failed(Span span, Throwable failure) {
    if (failure instanceof GatewayException refusal) {
      span.setAttribute(ERROR, refusal.code().label());
    } else {
      span.setAttribute(ERROR, failure.getClass().getName());
    }
    span.setStatus(StatusCode.ERROR);
  }
}
