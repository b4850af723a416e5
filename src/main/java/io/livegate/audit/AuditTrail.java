package io.livegate.audit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.livegate.audit.AuditConfig.Kind;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.redis.datasource.ReactiveRedisDataSource;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import jakarta.annotation.Priority;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import jakarta.enterprise.event.Observes;
import jakarta.enterprise.inject.Instance;
import jakarta.enterprise.inject.spi.EventMetadata;
import jakarta.enterprise.util.AnnotationLiteral;
import jakarta.inject.Qualifier;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jboss.logging.Logger;

/**
 * Writes each event to every sink. Fire a {@link GatewayEvent} that needs no answer; {@link
 * #record} one that something is handed out by.
 */
@ApplicationScoped
public class AuditTrail {

  private static final Logger LOG = Logger.getLogger(AuditTrail.class);
  private static final Duration RETRY_AFTER = Duration.ofSeconds(5);
  private static final long SUMMARY_MILLIS = 60_000;

  /** Marks an event, as it is told to others, that has been written already. */
  @Qualifier
  @Retention(RetentionPolicy.RUNTIME)
  @interface Recorded {
    final class Literal extends AnnotationLiteral<Recorded> implements Recorded {
      static final Literal INSTANCE = new Literal();
      private static final long serialVersionUID = 1;
    }
  }

  private final AuditConfig config;
  private final Replica replica;
  private final ObjectMapper json;
  private final MeterRegistry metrics;
  private final Vertx vertx;
  private final Instance<ReactiveRedisDataSource> redis;
  private final Event<GatewayEvent> events;
  private final Sampling sampling = new Sampling();
  private final AtomicBoolean summaryComes = new AtomicBoolean();
  private final String run = Replica.random(8);
  private final List<SinkWriter> durable = new ArrayList<>();
  private final List<SinkWriter> others = new ArrayList<>();

  AuditTrail(
      AuditConfig config,
      Replica replica,
      ObjectMapper json,
      MeterRegistry metrics,
      Vertx vertx,
      Instance<ReactiveRedisDataSource> redis,
      Event<GatewayEvent> events) {
    this.config = config;
    this.replica = replica;
    this.json = json;
    this.metrics = metrics;
    this.vertx = vertx;
    this.redis = redis;
    this.events = events;
  }

  void start(@Observes StartupEvent event) {
    if (AuditKey.of(config).isEmpty()) {
      LOG.warn(
          "The audit has no key: its lines are numbered, but who can write them can change them."
              + " Set livegate.audit.key-file");
    }
    for (Kind kind : config.sinks()) {
      String name = kind.name().toLowerCase(Locale.ROOT);
      var chain = new Chain(text(replica.name()), run, AuditKey.of(config));
      List<SinkWriter> writers = kind.durable() ? durable : others;
      int bit = kind.durable() ? 1 << writers.size() : 0;
      writers.add(new SinkWriter(name, bit, sink(kind), chain, metrics));
    }
    durable.forEach(SinkWriter::start);
    others.forEach(SinkWriter::start);
  }

  /** After everybody else, who may still have something to tell. */
  void stop(@Observes @Priority(Integer.MAX_VALUE) ShutdownEvent event) {
    summarize();
    durable.forEach(writer -> writer.close(config.timeout()));
    others.forEach(writer -> writer.close(config.timeout()));
  }

  private Sink sink(Kind kind) {
    return switch (kind) {
      case STDOUT -> new LogSink();
      case FILE -> file();
      case REDIS -> new RedisSink(redis.get(), config.redis(), run, config.timeout());
    };
  }

  private Sink file() {
    Path path =
        config
            .file()
            .path()
            .orElseThrow(
                () ->
                    new IllegalStateException("livegate.audit.file.path is missing: name a file"));
    try {
      return new FileSink(
          path, config.file().maxSize().asLongValue(), config.file().maxFiles(), config.required());
    } catch (IOException e) {
      throw new UncheckedIOException("livegate.audit.file.path cannot be written: " + e, e);
    }
  }

  /** Writes an event that was fired by others. */
  void observe(@Observes GatewayEvent event, EventMetadata metadata) {
    if (metadata.getQualifiers().contains(Recorded.Literal.INSTANCE)) {
      return;
    }
    if (sampling.takes(event)) {
      write(Entry.of(text(event)));
    } else if (summaryComes.compareAndSet(false, true)) {
      vertx.setTimer(SUMMARY_MILLIS, timer -> summarize());
    }
  }

  private void write(Entry entry) {
    durable.forEach(writer -> writer.offer(entry));
    others.forEach(writer -> writer.offer(entry));
  }

  private void summarize() {
    summaryComes.set(false);
    sampling.summary(Instant.now()).ifPresent(left -> write(Entry.of(text(left))));
  }

  /**
   * Writes an event and then fires it, once, whether or not the answer is waited for.
   *
   * @return completes on the caller's context: when a durable sink has it, or at once where that is
   *     not required; fails with a {@link GatewayException} {@code audit-unavailable} when none can
   *     take it in time, and then the event is not fired
   */
  public Uni<Void> record(GatewayEvent event) {
    if (!config.required()) {
      events.fire(event);
      return Uni.createFrom().voidItem();
    }
    Entry entry = Entry.awaited(text(event), (1 << durable.size()) - 1);
    durable.forEach(writer -> writer.offer(entry));
    if (durable.isEmpty()) {
      entry.failed(0);
    }
    CompletableFuture<Void> answer =
        entry
            .recorded()
            .orTimeout(config.timeout().toMillis(), TimeUnit.MILLISECONDS)
            .handleAsync(
                (there, failure) -> told(event, entry, Optional.ofNullable(failure)), caller());
    return Uni.createFrom().completionStage(answer);
  }

  private Void told(GatewayEvent event, Entry entry, Optional<Throwable> failure) {
    if (failure.isPresent()) {
      throw new GatewayException(
              ErrorCode.AUDIT_UNAVAILABLE, "What would be handed out cannot be recorded.")
          .retryAfter(RETRY_AFTER);
    }
    others.forEach(writer -> writer.offer(entry));
    events.select(Recorded.Literal.INSTANCE).fire(event);
    return null;
  }

  private static Executor caller() {
    Context context = Vertx.currentContext();
    return context == null
        ? Infrastructure.getDefaultExecutor()
        : task -> context.runOnContext(ignored -> task.run());
  }

  private String text(GatewayEvent event) {
    ObjectNode line = json.createObjectNode();
    line.put("time", event.time().toString());
    line.put("event", event.event());
    line.put("outcome", event.outcome());
    ObjectNode values = json.valueToTree(event);
    values
        .properties()
        .forEach(
            value -> {
              if (!line.has(value.getKey()) && !value.getValue().isNull()) {
                line.set(value.getKey(), value.getValue());
              }
            });
    return text((Object) line);
  }

  private String text(Object value) {
    try {
      return json.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("plain values cannot be written", e);
    }
  }
}
