package io.livegate.ledger;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import io.quarkus.redis.datasource.ReactiveRedisDataSource;
import io.smallrye.mutiny.Uni;
import io.vertx.mutiny.redis.client.Response;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.jboss.logging.Logger;

/**
 * Runs the ledger's scripts: each in one round trip, by its digest, and with its text where Redis
 * does not have it. Every failure is {@code ledger-unavailable}, counted, and logged now and then.
 */
final class LedgerScripts {

  /** The scripts, by the names of their files. */
  enum Operation {
    ISSUE,
    ACCEPT,
    CANCEL,
    REDEEM,
    OPEN,
    BEAT,
    RESTORE,
    CLOSE,
    STANDINGS,
    SESSIONS,
    SESSION,
    END,
    CUT_OFF,
    UNBLOCK,
    BLOCKED_UNTIL,
    USAGE,
    SHARES,
    POST;

    String label() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  private record Script(String text, String digest) {

    static Script of(String text) {
      try {
        // Redis names scripts so; nothing secret hangs on it.
        byte[] digest =
            MessageDigest.getInstance("SHA-1").digest(text.getBytes(StandardCharsets.UTF_8));
        return new Script(text, HexFormat.of().formatHex(digest));
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every JDK has SHA-1", e);
      }
    }
  }

  private static final Logger LOG = Logger.getLogger(LedgerScripts.class);
  private static final Duration RETRY_AFTER = Duration.ofSeconds(5);
  private static final Duration SILENCE = Duration.ofSeconds(5);

  private final ReactiveRedisDataSource redis;
  private final String prefix;
  private final Duration timeout;
  private final MeterRegistry metrics;
  private final Supplier<Duration> offset;
  private final Map<Operation, Script> scripts = new EnumMap<>(Operation.class);
  private final AtomicLong quietUntil = new AtomicLong(System.nanoTime());

  LedgerScripts(
      ReactiveRedisDataSource redis,
      String prefix,
      Duration timeout,
      MeterRegistry metrics,
      Supplier<Duration> offset) {
    this.redis = redis;
    this.prefix = prefix;
    this.timeout = timeout;
    this.metrics = metrics;
    this.offset = offset;
    String prelude = text("prelude");
    for (Operation operation : Operation.values()) {
      // There from the start, so that the first one is seen as an increase.
      failures(operation);
      scripts.put(operation, Script.of(prelude + text(operation.label())));
    }
  }

  private static String text(String name) {
    try (InputStream file = LedgerScripts.class.getResourceAsStream(name + ".lua")) {
      if (file == null) {
        throw new IllegalStateException("no script " + name);
      }
      return new String(file.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  Uni<Response> run(Operation operation, String... arguments) {
    return run(operation, Arrays.asList(arguments));
  }

  Uni<Response> run(Operation operation, List<String> arguments) {
    return Uni.createFrom()
        .deferred(
            () -> {
              var timer = Timer.start(metrics);
              Script script = Objects.requireNonNull(scripts.get(operation));
              return send("EVALSHA", script.digest, arguments)
                  .onFailure(LedgerScripts::isUnknown)
                  .recoverWithUni(() -> send("EVAL", script.text, arguments))
                  .ifNoItem()
                  .after(timeout)
                  .fail()
                  .onItemOrFailure()
                  .invoke((answer, failure) -> stop(timer, operation, failure == null))
                  .onFailure()
                  .transform(failure -> unavailable(operation, failure));
            });
  }

  private Uni<Response> send(String command, String script, List<String> arguments) {
    var all = new ArrayList<String>(arguments.size() + 4);
    all.add(script);
    all.add("1");
    all.add(prefix);
    all.add(Long.toString(offset.get().toMillis()));
    all.addAll(arguments);
    return redis.execute(command, all.toArray(String[]::new));
  }

  private static boolean isUnknown(Throwable failure) {
    String message = failure.getMessage();
    return message != null && message.startsWith("NOSCRIPT");
  }

  private void stop(Timer.Sample timer, Operation operation, boolean ok) {
    timer.stop(
        Timer.builder("livegate.ledger.duration")
            .description("Operations of the ledger in Redis, as the gateway sees them")
            .tags("operation", operation.label(), "outcome", ok ? "ok" : "failed")
            .publishPercentileHistogram()
            .register(metrics));
  }

  private Counter failures(Operation operation) {
    return metrics.counter("livegate.ledger.failures", "operation", operation.label());
  }

  private GatewayException unavailable(Operation operation, Throwable failure) {
    failures(operation).increment();
    long now = System.nanoTime();
    long quiet = quietUntil.get();
    if (now - quiet >= 0 && quietUntil.compareAndSet(quiet, now + SILENCE.toNanos())) {
      LOG.warnf("The ledger is unavailable: operation=%s, %s", operation.label(), failure);
    }
    return new GatewayException(
            ErrorCode.LEDGER_UNAVAILABLE, ErrorCode.LEDGER_UNAVAILABLE.explanation())
        .retryAfter(RETRY_AFTER);
  }
}
