package io.livegate.gemini;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.util.RawValue;
import com.google.genai.Client;
import com.google.genai.errors.ApiException;
import com.google.genai.errors.GenAiIOException;
import com.google.genai.types.AuthToken;
import com.google.genai.types.ClientOptions;
import com.google.genai.types.CreateAuthTokenConfig;
import com.google.genai.types.HttpOptions;
import com.google.genai.types.HttpRetryOptions;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.grant.Grant;
import io.livegate.grant.MintBody;
import io.livegate.trace.Tracing;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.quarkus.runtime.StartupEvent;
import io.quarkus.tls.TlsConfigurationRegistry;
import io.smallrye.faulttolerance.api.CircuitBreakerState;
import io.smallrye.faulttolerance.api.TypedGuard;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.vertx.UniHelper;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.util.TypeLiteral;
import java.io.InterruptedIOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeoutException;
import okhttp3.OkHttpClient;
import org.eclipse.microprofile.faulttolerance.exceptions.BulkheadException;
import org.eclipse.microprofile.faulttolerance.exceptions.CircuitBreakerOpenException;
import org.jboss.logging.Logger;

/**
 * Mints ephemeral tokens at Google (Gemini API, {@code auth_tokens.create}).
 *
 * <p>One deadline, {@code livegate.gemini.timeout}, bounds a call with its waiting and its one
 * retry. Only what a second try can mend is retried: 503 and failed connections. The circuit
 * breaker counts what speaks against Google's health: time-outs, failed connections and 5xx; never
 * a refused request. Each success is a new token; one that comes too late to be handed out expires
 * unused.
 */
@ApplicationScoped
public class GeminiTokens {

  private static final Logger LOG = Logger.getLogger(GeminiTokens.class);

  private static final int BREAKER_WINDOW = 20;
  private static final Duration BREAKER_DELAY = Duration.ofSeconds(5);
  private static final Duration RETRY_DELAY = Duration.ofMillis(50);
  private static final Duration RETRY_AFTER = Duration.ofSeconds(5);
  private static final Duration RETRY_AFTER_LIMIT = Duration.ofSeconds(30);

  /** More than can be served within any sensible timeout; only keeps memory bounded. */
  private static final int MAX_WAITING = 4096;

  /** The call's deadline passed before its turn came. */
  private static final class TooBusyException extends RuntimeException {
    private static final long serialVersionUID = 1;

    TooBusyException() {
      super("no turn within the timeout", null, false, false);
    }
  }

  /** A call's turn at the bulkhead. */
  private static final class Turn {
    private final long deadline;
    private volatile boolean came;

    Turn(long deadline) {
      this.deadline = deadline;
    }
  }

  /** The SDK's client is bound to one key. */
  private record Keyed(String key, Client client) {}

  private final GeminiConfig config;
  private final ApiKey apiKey;
  private final OkHttpClient http;
  private final ObjectMapper json;
  private final Vertx vertx;
  private final TypedGuard<Uni<String>> guard;
  private final MeterRegistry metrics;
  private final Tracing tracing;
  private volatile CircuitBreakerState breaker = CircuitBreakerState.CLOSED;
  private volatile Keyed keyed;
  private volatile boolean keyRefused;

  GeminiTokens(
      GeminiConfig config,
      ApiKey apiKey,
      TlsConfigurationRegistry tls,
      ObjectMapper json,
      Vertx vertx,
      MeterRegistry metrics,
      Tracing tracing) {
    this.config = config;
    this.apiKey = apiKey;
    this.http = GeminiHttp.client(config, tls);
    this.json = json;
    this.vertx = vertx;
    this.metrics = metrics;
    this.tracing = tracing;
    this.guard = guard();
    this.keyed = connect(apiKey.current());
  }

  /**
   * Mints a token.
   *
   * @return the token, on the caller's context; or a {@link GatewayException} that says {@code
   *     mint-refused}, {@code mint-unavailable}, {@code mint-timeout} or {@code upstream-limit} and
   *     nothing of what Google answered
   */
  public Uni<EphemeralToken> mint(Grant grant) {
    return tracing.steps("mint", () -> mint(grant, System.nanoTime()));
  }

  private Uni<EphemeralToken> mint(Grant grant, long start) {
    MintBody body = MintBody.of(grant, Instant.now());
    var turn = new Turn(start + config.timeout().toNanos());
    Context context = vertx.getOrCreateContext();
    // The call runs to its own end when the caller has given up, so that the breaker sees it and a
    // slot of the bulkhead stands for a call in flight.
    Callable<String> create =
        tracing.call("POST", config.baseUrl(), () -> create(body), GeminiTokens::status);
    Uni<String> call = guard.get(() -> attempt(create, turn, context)).memoize().indefinitely();
    return call.ifNoItem()
        .after(config.timeout())
        .failWith(() -> turn.came ? new TimeoutException() : new TooBusyException())
        .emitOn(task -> context.runOnContext(ignored -> task.run()))
        .map(name -> new EphemeralToken(name, body.expireTime(), body.newSessionExpireTime()))
        .onFailure()
        .transform(GeminiTokens::refusal)
        .onItemOrFailure()
        .invoke((token, failure) -> observe(start, Optional.ofNullable(failure)));
  }

  void start(@Observes StartupEvent event) {
    Gauge.builder("livegate.breaker.open", () -> breaker == CircuitBreakerState.CLOSED ? 0 : 1)
        .description("1 while the circuit breaker of minting is not closed")
        .register(metrics);
    Gauge.builder("livegate.gemini.key.refused", () -> keyRefused ? 1 : 0)
        .description("1 while Google's last word on a mint is that it does not accept the key")
        .register(metrics);
  }

  /** The state of the circuit breaker, for health data. */
  CircuitBreakerState breaker() {
    return breaker;
  }

  private Uni<String> attempt(Callable<String> create, Turn turn, Context context) {
    if (System.nanoTime() - turn.deadline >= 0) {
      return Uni.createFrom().failure(new TooBusyException());
    }
    turn.came = true;
    // The SDK's asynchronous call blocks a thread all the same, and starts another to read the
    // answer: a new one each time where there are no more than two processors.
    return UniHelper.toUni(context.executeBlocking(create, false));
  }

  /**
   * The setup as the text it will be: the SDK converts a body several times, with a new mapper each
   * call that would have to find out anew how to.
   */
  private Map<String, Object> written(MintBody body) {
    var written = new LinkedHashMap<>(body.json());
    written.replaceAll((field, value) -> value instanceof Map ? new RawValue(text(value)) : value);
    return written;
  }

  private String text(Object value) {
    try {
      return json.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("plain JSON cannot be written", e);
    }
  }

  private String create(MintBody body) {
    var options = HttpOptions.builder().extraBody(written(body)).build();
    var request = CreateAuthTokenConfig.builder().httpOptions(options).build();
    try {
      AuthToken token = client().authTokens.create(request);
      keyRefused = false;
      return token.name().filter(name -> name.startsWith("auth_tokens/")).orElseThrow();
    } catch (ApiException answer) {
      // A Google that fails says nothing of the key.
      if (answer.code() < 500) {
        keyRefused = refusesKey(answer);
      }
      throw answer;
    }
  }

  /** An unknown or expired key is an invalid argument to Google; its text alone tells which. */
  private static boolean refusesKey(ApiException answer) {
    return switch (answer.code()) {
      case 401, 403 -> true;
      case 400 -> answer.message() != null && answer.message().startsWith("API key ");
      default -> false;
    };
  }

  private Client client() {
    Keyed now = keyed;
    String key = apiKey.current();
    if (!now.key().equals(key)) {
      now = connect(key);
      keyed = now;
    }
    return now.client();
  }

  /** Everything explicit: what is left out, the SDK takes from environment variables. */
  private Keyed connect(String key) {
    // The SDK sleeps before it reports a status that it would retry, even on the last attempt.
    var noRetries = HttpRetryOptions.builder().attempts(1).httpStatusCodes(599).build();
    var options =
        HttpOptions.builder()
            .baseUrl(config.baseUrl().toString())
            .apiVersion(config.apiVersion())
            .retryOptions(noRetries)
            .build();
    var client =
        Client.builder()
            .vertexAI(false)
            .apiKey(key)
            .clientOptions(ClientOptions.builder().customHttpClient(http).build())
            .httpOptions(options)
            .build();
    return new Keyed(key, client);
  }

  private TypedGuard<Uni<String>> guard() {
    return TypedGuard.create(new TypeLiteral<Uni<String>>() {})
        .withDescription("mint")
        .withRetry()
        .maxRetries(1)
        .delay(RETRY_DELAY.toMillis(), ChronoUnit.MILLIS)
        .jitter(RETRY_DELAY.toMillis(), ChronoUnit.MILLIS)
        .whenException(GeminiTokens::isWorthRetrying)
        .done()
        .withCircuitBreaker()
        .requestVolumeThreshold(BREAKER_WINDOW)
        .failureRatio(0.5)
        .delay(BREAKER_DELAY.toMillis(), ChronoUnit.MILLIS)
        .when(GeminiTokens::speaksAgainstGoogle)
        .onStateChange(this::breakerChanged)
        .done()
        .withBulkhead()
        .limit(config.maxConcurrentMints())
        .queueSize(MAX_WAITING)
        .done()
        .build();
  }

  private void breakerChanged(CircuitBreakerState state) {
    breaker = state;
    LOG.warnf("The circuit breaker of minting is now %s", state);
  }

  private static Optional<Integer> status(Exception failure) {
    return failure instanceof ApiException answer ? Optional.of(answer.code()) : Optional.empty();
  }

  private static boolean isWorthRetrying(Throwable failure) {
    return failure instanceof ApiException answer
        ? answer.code() == 503
        : failure instanceof GenAiIOException io && failedToConnect(io);
  }

  private static boolean failedToConnect(Throwable failure) {
    Throwable cause = cause(failure);
    return cause instanceof ConnectException || cause instanceof UnknownHostException;
  }

  private static boolean speaksAgainstGoogle(Throwable failure) {
    return failure instanceof ApiException answer
        ? answer.code() >= 500
        : failure instanceof GenAiIOException;
  }

  private static Throwable cause(Throwable failure) {
    return failure.getCause() == null ? failure : failure.getCause();
  }

  /** What the caller is told; what Google said goes no further than a status name in our log. */
  private static GatewayException refusal(Throwable failure) {
    if (failure instanceof ApiException answer) {
      return refused(answer);
    }
    if (failure instanceof TimeoutException || cause(failure) instanceof InterruptedIOException) {
      return new GatewayException(
          ErrorCode.MINT_TIMEOUT, "Google did not mint a token within the timeout.");
    }
    if (failure instanceof CircuitBreakerOpenException) {
      return unavailable("Google has been failing; minting pauses for a moment.");
    }
    if (failure instanceof BulkheadException || failure instanceof TooBusyException) {
      return unavailable("Too many requests wait for Google.");
    }
    if (failure instanceof GenAiIOException) {
      LOG.warnf("Google cannot be reached: %s", cause(failure));
      return unavailable("Google cannot be reached.");
    }
    // Not its message: a library's can quote what it was given.
    LOG.errorf("Minting failed: %s at %s", failure.getClass().getName(), origin(failure));
    return new GatewayException(
        ErrorCode.MINT_REFUSED, "Google's answer to the request for a token was not understood.");
  }

  private static Object origin(Throwable failure) {
    StackTraceElement[] trace = failure.getStackTrace();
    return trace.length == 0 ? "an unknown place" : trace[0];
  }

  private static GatewayException refused(ApiException answer) {
    if (answer.code() == 429) {
      return new GatewayException(
              ErrorCode.UPSTREAM_LIMIT, "Google's quota or rate limit is reached.")
          .retryAfter(RETRY_AFTER_LIMIT);
    }
    if (answer.code() >= 500) {
      LOG.warnf("Google failed to mint: HTTP %s %s", answer.code(), name(answer.status()));
      return unavailable("Google failed to mint a token.");
    }
    LOG.errorf("Google refused to mint: HTTP %s %s", answer.code(), name(answer.status()));
    return new GatewayException(
        ErrorCode.MINT_REFUSED, "Google refused the gateway's request for a token.");
  }

  private static GatewayException unavailable(String detail) {
    return new GatewayException(ErrorCode.MINT_UNAVAILABLE, detail).retryAfter(RETRY_AFTER);
  }

  /** Only a name of google.rpc.Code: free text of an answer can echo a request. */
  private static String name(String status) {
    return status != null && status.matches("[A-Z_]{1,40}") ? status : "";
  }

  private void observe(long start, Optional<Throwable> failure) {
    String outcome =
        failure
            .map(f -> f instanceof GatewayException e ? e.code().label() : "fault")
            .orElse("minted");
    Timer.builder("livegate.mint.duration")
        .description("Minting at Google, with waiting and retry")
        .tag("outcome", outcome)
        .publishPercentileHistogram()
        .register(metrics)
        .record(Duration.ofNanos(System.nanoTime() - start));
  }

  /** Where a client connects with a token minted here. */
  public Address address() {
    return address(config.baseUrl());
  }

  /** Where a client connects that takes that address for Google's. */
  public Address address(URI baseUrl) {
    String base = baseUrl.toString().replaceAll("/+$", "");
    String service =
        "/ws/google.ai.generativelanguage."
            + config.apiVersion()
            + ".GenerativeService.BidiGenerateContentConstrained";
    return new Address(base, config.apiVersion(), base.replaceFirst("^http", "ws") + service);
  }

  /**
   * Where a client connects.
   *
   * @param baseUrl for SDKs
   * @param apiVersion for SDKs
   * @param webSocketUrl for those without an SDK; the token goes into {@code access_token}
   */
  public record Address(String baseUrl, String apiVersion, String webSocketUrl) {}
}
