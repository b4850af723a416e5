package io.livegate.policy;

import io.livegate.identity.Issuers;
import io.livegate.policy.PolicyFile.Compiled;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.LaunchMode;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.jboss.logging.Logger;

/**
 * The policy in force. A changed file is read, compiled as a whole and then swapped in by one
 * reference, so that every decision sees one policy; a file with mistakes changes nothing but what
 * health, metrics and the log say.
 */
@ApplicationScoped
public class PolicyStore {

  private static final Logger LOG = Logger.getLogger(PolicyStore.class);
  private static final String SAMPLE = "/policy.yaml";

  /** The policy in force, and the last file that was refused if it is newer. */
  public record State(Policy policy, Instant loadedAt, Optional<Rejected> rejected) {}

  /** A file that was refused at run time; the digest says which content it had. */
  public record Rejected(String digest, Instant at, List<Mistake> mistakes) {}

  private final PolicyConfig config;
  private final Issuers issuers;
  private final Vertx vertx;
  private final MeterRegistry metrics;
  private volatile State state;
  private long timer = -1;

  PolicyStore(PolicyConfig config, Issuers issuers, Vertx vertx, MeterRegistry metrics) {
    this.config = config;
    this.issuers = issuers;
    this.vertx = vertx;
    this.metrics = metrics;
    this.state = new State(first(), Instant.now(), Optional.empty());
  }

  void start(@Observes StartupEvent event) {
    Gauge.builder("livegate.policy.rejected", () -> state.rejected().isPresent() ? 1 : 0)
        .description("1 while the policy file has mistakes and an older policy is in force")
        .register(metrics);
    policy().warnings().forEach(warning -> LOG.warnf("Policy: %s", warning));
    if (config.file().isPresent()) {
      timer =
          vertx.setPeriodic(
              Math.max(1, config.reloadInterval().toMillis()),
              id -> vertx.executeBlocking(this::reload));
    }
  }

  void stop(@Observes ShutdownEvent event) {
    vertx.cancelTimer(timer);
  }

  public Policy policy() {
    return state.policy();
  }

  public State state() {
    return state;
  }

  private Policy first() {
    Compiled compiled;
    try {
      compiled = PolicyFile.compile(read(), issuers.several());
    } catch (IOException e) {
      throw new IllegalStateException("livegate.policy.file cannot be read: " + e, e);
    }
    if (compiled instanceof Compiled.Accepted accepted) {
      return accepted.policy();
    }
    var text = new StringBuilder("The policy " + name() + " is refused:");
    ((Compiled.Rejected) compiled).mistakes().forEach(m -> text.append("\n  ").append(m));
    throw new IllegalStateException(text.toString());
  }

  /** Looks at the file once; runs on a worker thread, never twice at a time. */
  private synchronized Void reload() {
    State now = state;
    byte[] file;
    try {
      file = read();
    } catch (IOException e) {
      // Between the two steps of an update the file can be away for a moment; if it stays away,
      // the reason is logged once.
      reject(
          now,
          new Rejected(
              "unreadable",
              Instant.now(),
              List.of(new Mistake(1, Optional.empty(), "cannot be read: " + e))));
      return null;
    }
    String digest = PolicyFile.digest(file);
    if (digest.equals(now.policy().digest())) {
      if (now.rejected().isPresent()) {
        state = new State(now.policy(), now.loadedAt(), Optional.empty());
      }
      return null;
    }
    if (now.rejected().map(r -> r.digest().equals(digest)).orElse(false)) {
      return null;
    }
    Compiled compiled = PolicyFile.compile(file, issuers.several());
    if (compiled instanceof Compiled.Accepted accepted) {
      state = new State(accepted.policy(), Instant.now(), Optional.empty());
      LOG.infof("Policy %s is in force, digest %s", name(), digest);
      accepted.policy().warnings().forEach(warning -> LOG.warnf("Policy: %s", warning));
      count("accepted");
    } else {
      reject(now, new Rejected(digest, Instant.now(), ((Compiled.Rejected) compiled).mistakes()));
    }
    return null;
  }

  private void reject(State now, Rejected rejected) {
    if (now.rejected().map(r -> r.digest().equals(rejected.digest())).orElse(false)) {
      return;
    }
    state = new State(now.policy(), now.loadedAt(), Optional.of(rejected));
    LOG.errorf(
        "Policy %s with digest %s is refused, %s stays in force: %s",
        name(), rejected.digest(), now.policy().digest(), rejected.mistakes());
    count("rejected");
  }

  private void count(String result) {
    metrics.counter("livegate.policy.reloads", "result", result).increment();
  }

  private byte[] read() throws IOException {
    if (config.file().isPresent()) {
      return Files.readAllBytes(config.file().get());
    }
    if (LaunchMode.current() == LaunchMode.NORMAL) {
      throw new IOException("it is not set; name the policy file");
    }
    try (InputStream sample = PolicyStore.class.getResourceAsStream(SAMPLE)) {
      if (sample == null) {
        throw new IOException("the sample is missing from the class path");
      }
      return sample.readAllBytes();
    }
  }

  private String name() {
    return config.file().map(Object::toString).orElse("sample");
  }
}
