package io.livegate.policy;

import io.livegate.identity.Issuers;
import io.livegate.policy.PolicyFile.Compiled;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.MultiGauge;
import io.micrometer.core.instrument.Tags;
import io.quarkus.runtime.LaunchMode;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.jboss.logging.Logger;

/**
 * The policy in force. A changed file is read, compiled as a whole and then swapped in by one
 * reference, so that every decision sees one policy; a file with mistakes changes nothing but what
 * health, metrics and the log say.
 *
 * <p>The file is polled by its digest rather than watched, because a mounted config map changes by
 * a symlink above it. A new content counts when two looks in a row find it: half of a file that is
 * still being written can be a valid policy, and a broader one.
 */
@ApplicationScoped
public class PolicyStore {

  private static final Logger LOG = Logger.getLogger(PolicyStore.class);
  private static final String SAMPLE = "/policy.yaml";
  private static final String UNREADABLE = "unreadable";

  /** How soon to look again whether a new content stays. */
  private static final Duration SETTLE = Duration.ofMillis(100);

  /** The policy in force, and the last file that was refused if it is newer. */
  public record State(Policy policy, Instant loadedAt, Optional<Rejected> rejected) {}

  /** A file that was refused at run time; the digest says which content it had. */
  public record Rejected(String digest, Instant at, List<Mistake> mistakes) {}

  private final PolicyConfig config;
  private final boolean severalIssuers;
  private final Vertx vertx;
  private final MeterRegistry metrics;
  private final MultiGauge digests;
  private volatile State state;
  private volatile boolean stopped;
  private String seen = "";

  @Inject
  PolicyStore(PolicyConfig config, Issuers issuers, Vertx vertx, MeterRegistry metrics) {
    this(config, issuers.several(), vertx, metrics);
  }

  PolicyStore(PolicyConfig config, boolean severalIssuers, Vertx vertx, MeterRegistry metrics) {
    this.config = config;
    this.severalIssuers = severalIssuers;
    this.vertx = vertx;
    this.metrics = metrics;
    this.digests =
        MultiGauge.builder("livegate.policy.digest")
            .description("1 for the digest of the policy in force, and for that of a refused file")
            .register(metrics);
    this.state = new State(first(), Instant.now(), Optional.empty());
  }

  void start(@Observes StartupEvent event) {
    Gauge.builder("livegate.policy.rejected", () -> state.rejected().isPresent() ? 1 : 0)
        .description("1 while the policy file has mistakes and an older policy is in force")
        .register(metrics);
    // There from the start, so that the first one is seen as an increase.
    reloads("accepted");
    reloads("rejected");
    put(state);
    LOG.infof("Policy %s is in force, digest %s", name(), policy().digest());
    policy().warnings().forEach(warning -> LOG.warnf("Policy: %s", warning));
    if (config.file().isPresent()) {
      lookIn(config.reloadInterval());
    }
  }

  void stop(@Observes ShutdownEvent event) {
    stopped = true;
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
      compiled = PolicyFile.compile(read(), severalIssuers);
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

  /** Looks at the file after that time, and then again and again; one look at a time. */
  private void lookIn(Duration delay) {
    if (stopped) {
      return;
    }
    vertx.setTimer(
        Math.max(1, delay.toMillis()),
        timer ->
            vertx
                .executeBlocking(this::look)
                .onFailure(e -> LOG.error("The policy file could not be looked at", e))
                .onComplete(
                    next -> lookIn(next.succeeded() ? next.result() : config.reloadInterval())));
  }

  /** Looks at the file once, on a worker thread; says when to look again. */
  Duration look() {
    if (stopped) {
      return config.reloadInterval();
    }
    State now = state;
    byte[] file = {};
    String digest;
    String trouble = "";
    try {
      file = read();
      digest = PolicyFile.digest(file);
    } catch (IOException e) {
      digest = UNREADABLE;
      trouble = "cannot be read: " + e;
    }
    boolean settled = digest.equals(seen);
    seen = digest;
    if (digest.equals(now.policy().digest())) {
      if (now.rejected().isPresent()) {
        put(new State(now.policy(), now.loadedAt(), Optional.empty()));
        LOG.infof("Policy %s is again the one in force, digest %s", name(), digest);
      }
    } else if (!digest.equals(now.rejected().map(Rejected::digest).orElse(""))) {
      if (!settled) {
        return config.reloadInterval().compareTo(SETTLE) < 0 ? config.reloadInterval() : SETTLE;
      }
      if (digest.equals(UNREADABLE)) {
        reject(now, digest, List.of(new Mistake(1, Optional.empty(), trouble)));
      } else {
        replace(now, file);
      }
    }
    return config.reloadInterval();
  }

  private void replace(State now, byte[] file) {
    Compiled compiled = PolicyFile.compile(file, severalIssuers);
    if (compiled instanceof Compiled.Accepted accepted) {
      reloads("accepted").increment();
      put(new State(accepted.policy(), Instant.now(), Optional.empty()));
      LOG.infof("Policy %s is in force, digest %s", name(), accepted.policy().digest());
      accepted.policy().warnings().forEach(warning -> LOG.warnf("Policy: %s", warning));
    } else if (compiled instanceof Compiled.Rejected rejected) {
      reject(now, rejected.digest(), rejected.mistakes());
    }
  }

  private void reject(State now, String digest, List<Mistake> mistakes) {
    var rejected = new Rejected(digest, Instant.now(), mistakes);
    reloads("rejected").increment();
    put(new State(now.policy(), now.loadedAt(), Optional.of(rejected)));
    LOG.errorf(
        "Policy %s with digest %s is refused, %s stays in force: %s",
        name(), digest, now.policy().digest(), mistakes);
  }

  private void put(State next) {
    var rows = new ArrayList<MultiGauge.Row<?>>();
    rows.add(row("in-force", next.policy().digest()));
    next.rejected().ifPresent(rejected -> rows.add(row("rejected", rejected.digest())));
    digests.register(rows, true);
    state = next;
  }

  private static MultiGauge.Row<?> row(String is, String digest) {
    return MultiGauge.Row.of(Tags.of("state", is, "digest", digest), 1);
  }

  private Counter reloads(String result) {
    return metrics.counter("livegate.policy.reloads", "result", result);
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
