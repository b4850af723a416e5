package io.livegate.session;

import io.livegate.audit.Replica;
import io.livegate.grant.Login;
import io.livegate.ledger.Beat;
import io.livegate.ledger.Closing;
import io.livegate.ledger.CutOff;
import io.livegate.ledger.EndOf;
import io.livegate.ledger.Ledger;
import io.livegate.ledger.Running;
import io.livegate.policy.PolicyStore;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;

/**
 * The heartbeat of this replica's sessions. Every second those that used something or were not
 * heard of for a while are told to the ledger, and all of them as soon as it signals; those that it
 * says must end are ended.
 *
 * <p>While the ledger does not answer, sessions go on. What they use adds up in them, and what else
 * must be told is kept, in order, and told when it answers again. When its store has lost its data,
 * it gets back what is known here: sessions and cut-offs.
 */
@ApplicationScoped
public class Heart {

  private static final Logger LOG = Logger.getLogger(Heart.class);
  private static final Duration INTERVAL = Duration.ofSeconds(1);

  /** A third of a lease, so that one lost beat costs nothing. */
  private static final Duration RENEWAL = Duration.ofSeconds(Ledger.LEASE_SECONDS / 3);

  /**
   * What is kept to be told later; more than a process has sessions in any outage worth waiting.
   */
  private static final int MOST_LATE = 100_000;

  /** When a session was told of last, and with which use. */
  private static final class Pulse {
    private final LiveSession session;
    private volatile long toldAt = System.nanoTime();
    private volatile long told = -1;

    Pulse(LiveSession session) {
      this.session = session;
    }

    /** Whether it used some of a budget since then. */
    boolean usesUp() {
      Running running = session.running();
      return running.use().total() != told || running.issue().grant().limits().countsTime();
    }
  }

  private final Ledger ledger;
  private final PolicyStore policies;
  private final Replica replica;
  private final Vertx vertx;
  private final MeterRegistry metrics;
  private final Map<String, Pulse> pulses = new ConcurrentHashMap<>();
  private final Map<String, CutOff> cutOffs = new ConcurrentHashMap<>();
  private final Backlog backlog = new Backlog(MOST_LATE);
  private boolean beating;
  private boolean again;
  private Optional<String> epoch = Optional.empty();

  /** The epoch of a store that lost its data, until that is put back. */
  private Optional<String> emptied = Optional.empty();

  private long cutOffsSeen;

  Heart(Ledger ledger, PolicyStore policies, Replica replica, Vertx vertx, MeterRegistry metrics) {
    this.ledger = ledger;
    this.policies = policies;
    this.replica = replica;
    this.vertx = vertx;
    this.metrics = metrics;
  }

  void start(@Observes StartupEvent event) {
    metrics.gauge("livegate.ledger.late", backlog, Backlog::size);
    emptyings();
    vertx.setPeriodic(INTERVAL.toMillis(), tick -> beat(false));
    ledger
        .signals()
        .subscribe()
        .with(
            signal -> beat(true),
            failure -> LOG.error("The ledger's signals have ended; heartbeats go on", failure));
  }

  /** There from the start, so that the first one is seen as an increase. */
  private Counter emptyings() {
    return metrics.counter("livegate.ledger.emptied");
  }

  /** A session lives from now on. */
  public void add(LiveSession session) {
    pulses.put(session.running().lease().sessionId(), new Pulse(session));
  }

  /** A session is over, or an admission came to nothing. Told now, or as soon as possible. */
  public void close(Closing closing) {
    pulses.remove(closing.sessionId());
    backlog.tell(() -> ledger.close(closing));
  }

  /** An issue must not count, whether or not it took effect. Told now, or as soon as possible. */
  public void cancel(String grantId) {
    backlog.tell(() -> ledger.cancel(grantId));
  }

  /** Somebody is cut off, here at once, and elsewhere as soon as the ledger is told. */
  public void cutOff(CutOff cutOff) {
    cutOffs.put(cutOff.kind() + ":" + cutOff.key(), cutOff);
    backlog.tell(() -> ledger.cutOff(cutOff));
  }

  /**
   * The conversation of a session is resumed by another, so that Google must not see both: a client
   * that lost its network is back before its old connection is known to be dead.
   *
   * @param sessionId the session that gave the handle
   * @param by the one that came with it
   */
  public void supersede(String sessionId, String by) {
    // Here at once; elsewhere, and those in between, as soon as the ledger says so.
    end(sessionId, new Beat.End.Superseded());
    ledger
        .end(new EndOf.Superseded(sessionId, by))
        .subscribe()
        .with(
            ended -> {},
            // It ends by itself, if only later.
            failure -> LOG.debugf("A session may run beside its successor: %s", failure));
  }

  /** Whether a login was ended at its provider, as far as this replica has heard. */
  public boolean isLoggedOut(Login login) {
    return login
            .sid()
            .map(sid -> isCutOff(CutOff.Kind.LOGOUT_SID, login.tenant() + ":" + sid, login))
            .orElse(false)
        || isCutOff(CutOff.Kind.LOGOUT_SUB, login.tenant() + ":" + login.sub(), login);
  }

  private boolean isCutOff(CutOff.Kind kind, String key, Login login) {
    CutOff cutOff = cutOffs.get(kind + ":" + key);
    return cutOff != null
        && Instant.now().isBefore(cutOff.until())
        && (kind == CutOff.Kind.LOGOUT_SID || login.issuedAt().isBefore(cutOff.since()));
  }

  // --- The beat

  private void beat(boolean all) {
    synchronized (this) {
      if (beating) {
        again |= all;
        return;
      }
      beating = true;
    }
    endBlocked();
    List<Pulse> due = due(all);
    backlog
        .catchUp()
        .chain(() -> ledger.beat(new Beat(replica.name(), seen(), told(due))))
        .chain(this::heard)
        .subscribe()
        .with(done -> rest(), failure -> failed(due, failure));
  }

  private synchronized long seen() {
    return cutOffsSeen;
  }

  private void failed(List<Pulse> due, Throwable failure) {
    LOG.debugf("A heartbeat failed: %s", failure.getMessage());
    // Told again with the next.
    due.forEach(pulse -> pulse.told = -1);
    rest();
  }

  private void rest() {
    boolean next;
    synchronized (this) {
      beating = false;
      next = again;
      again = false;
    }
    if (next) {
      beat(true);
    }
  }

  private List<Pulse> due(boolean all) {
    long now = System.nanoTime();
    var due = new ArrayList<Pulse>();
    for (Pulse pulse : pulses.values()) {
      if (all || now - pulse.toldAt >= RENEWAL.toNanos() || pulse.usesUp()) {
        due.add(pulse);
      }
    }
    return due;
  }

  private static List<Beat.Pulse> told(List<Pulse> due) {
    var told = new ArrayList<Beat.Pulse>();
    for (Pulse pulse : due) {
      Running running = pulse.session.running();
      pulse.toldAt = System.nanoTime();
      pulse.told = running.use().total();
      told.add(new Beat.Pulse(running.lease().sessionId(), running.model(), running.use()));
    }
    return told;
  }

  private Uni<Void> heard(Beat.Answer answer) {
    var now = Optional.of(answer.epoch());
    boolean lost;
    boolean knew;
    synchronized (this) {
      lost = epoch.isPresent() && !epoch.equals(now);
      knew = emptied.equals(now);
      emptied = lost ? now : Optional.empty();
      if (!lost) {
        epoch = now;
      }
      cutOffsSeen = answer.cutOffsVersion();
    }
    Instant time = Instant.now();
    cutOffs.values().removeIf(cutOff -> !time.isBefore(cutOff.until()));
    List<CutOff> known = List.copyOf(cutOffs.values());
    answer.cutOffs().forEach(cutOff -> cutOffs.put(cutOff.kind() + ":" + cutOff.key(), cutOff));
    answer.ends().forEach(this::end);
    if (lost && !knew) {
      LOG.error(
          "The ledger's store has lost its data: budgets begin anew, tokens of the relay are void;"
              + " running sessions and blocks are put back");
      emptyings().increment();
    }
    if (lost) {
      return ledger
          .restore(pulses.values().stream().map(p -> p.session.running()).toList(), known)
          .invoke(() -> restored(now));
    }
    List<Running> unknown =
        answer.unknown().stream()
            .map(pulses::get)
            .filter(pulse -> pulse != null)
            .map(pulse -> pulse.session.running())
            .toList();
    return unknown.isEmpty() ? Uni.createFrom().voidItem() : ledger.restore(unknown, List.of());
  }

  private synchronized void restored(Optional<String> now) {
    epoch = now;
    emptied = Optional.empty();
  }

  private void end(String sessionId, Beat.End why) {
    Pulse pulse = pulses.get(sessionId);
    if (pulse != null) {
      pulse.session.end(why);
    }
  }

  /** Blocks of the policy, which the ledger does not know. */
  private void endBlocked() {
    for (Pulse pulse : pulses.values()) {
      String subject = pulse.session.running().issue().grant().subject();
      if (policies.policy().isBlocked(subject)) {
        pulse.session.end(new Beat.End.Blocked());
      }
    }
  }
}
