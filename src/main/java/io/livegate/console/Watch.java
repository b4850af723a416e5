package io.livegate.console;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.livegate.admin.PolicyResource.PolicyView;
import io.livegate.console.Picture.Row;
import io.livegate.error.GatewayException;
import io.livegate.grant.Login;
import io.livegate.identity.Subject;
import io.livegate.ledger.Ledger;
import io.livegate.ledger.Running;
import io.livegate.ledger.UsageRow;
import io.livegate.policy.PolicyStore;
import io.livegate.session.Heart;
import io.quarkus.websockets.next.CloseReason;
import io.quarkus.websockets.next.WebSocketConnection;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import java.io.UncheckedIOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jboss.logging.Logger;

/**
 * Looks at the ledger about once a second as long as a console is open, and tells each console how
 * what it shows has changed. A console that is slow to take what it was sent is told nothing
 * meanwhile, and everything at once later.
 */
@ApplicationScoped
class Watch {

  private static final Logger LOG = Logger.getLogger(Watch.class);
  private static final Duration INTERVAL = Duration.ofSeconds(1);

  /** Usage and notices are looked at with every so many looks. */
  private static final int SELDOM = 3;

  /** Looking takes no more than this part of the time, however many sessions there are. */
  private static final int SHARE = 10;

  /** Few enough that reading them holds up nothing else. */
  private static final int PAGE = 200;

  private static final int POLICY = 1008;

  /** A console that is open. */
  private static final class Watcher {
    private final WebSocketConnection connection;
    private final Subject subject;
    private Picture sent = Picture.BLANK;
    private boolean busy;

    Watcher(WebSocketConnection connection, Subject subject) {
      this.connection = connection;
      this.subject = subject;
    }
  }

  private final Ledger ledger;
  private final PolicyStore policies;
  private final NoticeBoard board;
  private final Heart heart;
  private final ObjectMapper json;
  private final Vertx vertx;
  private final Map<String, Watcher> watchers = new ConcurrentHashMap<>();
  private boolean looking;
  private int looks;
  private volatile Picture picture = Picture.BLANK;

  Watch(
      Ledger ledger,
      PolicyStore policies,
      NoticeBoard board,
      Heart heart,
      ObjectMapper json,
      Vertx vertx) {
    this.ledger = ledger;
    this.policies = policies;
    this.board = board;
    this.heart = heart;
    this.json = json;
    this.vertx = vertx;
  }

  /** A console was opened by somebody who may. */
  void add(WebSocketConnection connection, Subject subject) {
    var watcher = new Watcher(connection, subject);
    boolean first;
    synchronized (this) {
      watchers.put(connection.id(), watcher);
      first = !looking;
      looking = true;
      looks = first ? 0 : looks;
    }
    if (first) {
      look();
    } else {
      tell(watcher, picture, new IdentityHashMap<>());
    }
  }

  void remove(WebSocketConnection connection) {
    watchers.remove(connection.id());
  }

  private void look() {
    watchers.values().forEach(this::dismiss);
    synchronized (this) {
      if (watchers.isEmpty()) {
        looking = false;
        picture = Picture.BLANK;
        return;
      }
    }
    long begun = System.nanoTime();
    boolean all = looks++ % SELDOM == 0;
    sessions(Optional.empty(), new LinkedHashMap<>())
        .chain(sessions -> all ? whole(sessions) : Uni.createFrom().item(with(sessions)))
        .onFailure()
        .recoverWithItem(this::troubled)
        .subscribe()
        .with(
            next -> {
              picture = next;
              long took = Duration.ofNanos(System.nanoTime() - begun).toMillis();
              vertx.setTimer(Math.max(INTERVAL.toMillis(), took * SHARE), timer -> look());
              tell();
            });
  }

  private Uni<Map<String, Row>> sessions(Optional<String> pageToken, Map<String, Row> rows) {
    return ledger
        .sessions(Running.Filter.ALL, PAGE, pageToken)
        .chain(
            page -> {
              page.sessions().forEach(s -> rows.put(s.lease().sessionId(), Row.of(s)));
              return page.nextPageToken().isPresent()
                  ? sessions(page.nextPageToken(), rows)
                  : Uni.createFrom().item(rows);
            });
  }

  private Picture with(Map<String, Row> sessions) {
    return new Picture(sessions, picture.budgets(), policy(), picture.replicas(), "");
  }

  private Uni<Picture> whole(Map<String, Row> sessions) {
    LocalDate today = LocalDate.now(Clock.systemUTC());
    Optional<String> any = Optional.empty();
    return ledger
        .usage(new UsageRow.Filter(today, today, any, any, any))
        .chain(
            rows ->
                ledger
                    .shares()
                    .map(shares -> Budgets.of(today, rows, shares, policies.policy().rules())))
        .chain(
            budgets ->
                board
                    .notices()
                    .map(
                        replicas ->
                            new Picture(sessions, Optional.of(budgets), policy(), replicas, "")));
  }

  private Optional<PolicyView> policy() {
    return Optional.of(PolicyView.of(policies.state()));
  }

  private Picture troubled(Throwable failure) {
    if (failure instanceof GatewayException refusal) {
      return picture.troubled(refusal.detail());
    }
    LOG.error("The console cannot be told what there is", failure);
    return picture.troubled("The gateway failed; its log says why.");
  }

  /** Ends what somebody may no longer see. */
  private void dismiss(Watcher watcher) {
    Subject subject = watcher.subject;
    String why =
        heart.isLoggedOut(Login.of(subject.id(), subject.claims()))
            ? "the login was ended"
            : policies.policy().adminDenial(subject).isPresent() ? "no longer an admin" : "";
    if (!why.isEmpty()) {
      watchers.remove(watcher.connection.id());
      watcher
          .connection
          .close(new CloseReason(POLICY, why))
          .subscribe()
          .with(closed -> {}, failure -> LOG.debugf("A console was gone: %s", failure));
    }
  }

  private void tell() {
    Picture now = picture;
    // Consoles mostly show the same.
    var texts = new IdentityHashMap<Picture, String>();
    watchers.values().forEach(watcher -> tell(watcher, now, texts));
  }

  /**
   * Tells one console, unless it is still busy with what it was told.
   *
   * @param texts what others were told in the same look, by what was sent to them before
   */
  private void tell(Watcher watcher, Picture now, Map<Picture, String> texts) {
    synchronized (watcher) {
      if (watcher.busy) {
        return;
      }
      watcher.busy = true;
      String text = texts.computeIfAbsent(watcher.sent, sent -> text(sent, now));
      watcher.sent = now;
      watcher
          .connection
          .sendText(text)
          .subscribe()
          .with(done -> rest(watcher), failure -> watchers.remove(watcher.connection.id()));
    }
  }

  private static void rest(Watcher watcher) {
    synchronized (watcher) {
      watcher.busy = false;
    }
  }

  private String text(Picture sent, Picture now) {
    try {
      return json.writeValueAsString(now.since(sent, Instant.now()));
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }
}
