package io.livegate.console;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.livegate.audit.Replica;
import io.livegate.ledger.Ledger;
import io.livegate.policy.PolicyStore;
import io.quarkus.runtime.StartupEvent;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jboss.logging.Logger;

/** The notices of all replicas, by way of the ledger. */
@ApplicationScoped
class NoticeBoard {

  private static final Logger LOG = Logger.getLogger(NoticeBoard.class);

  /** A third of the time that a notice is up. */
  private static final Duration INTERVAL = Duration.ofSeconds(20);

  private final Ledger ledger;
  private final Replica replica;
  private final PolicyStore policies;
  private final RecentRefusals refusals;
  private final ObjectMapper json;
  private final Vertx vertx;

  NoticeBoard(
      Ledger ledger,
      Replica replica,
      PolicyStore policies,
      RecentRefusals refusals,
      ObjectMapper json,
      Vertx vertx) {
    this.ledger = ledger;
    this.replica = replica;
    this.policies = policies;
    this.refusals = refusals;
    this.json = json;
    this.vertx = vertx;
  }

  void start(@Observes StartupEvent event) {
    vertx.setPeriodic(
        INTERVAL.toMillis(),
        tick ->
            notices()
                .subscribe()
                .with(
                    told -> {},
                    failure -> LOG.debugf("A notice was not put up: %s", failure.getMessage())));
  }

  /** Puts up this replica's, and reads all. */
  Uni<List<Notice>> notices() {
    PolicyStore.State policy = policies.state();
    var own =
        new Notice(
            replica.name(),
            policy.policy().digest(),
            policy.loadedAt().toString(),
            policy.rejected().map(PolicyStore.Rejected::digest).orElse(null),
            refusals.summary(Instant.now()));
    return ledger.post(replica.name(), text(own)).map(this::read);
  }

  private List<Notice> read(Map<String, String> notices) {
    return notices.values().stream().map(this::notice).toList();
  }

  private String text(Notice notice) {
    try {
      return json.writeValueAsString(notice);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Notice notice(String text) {
    try {
      return json.readValue(text, Notice.class);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }
}
