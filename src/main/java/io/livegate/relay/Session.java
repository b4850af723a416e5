package io.livegate.relay;

import com.fasterxml.jackson.databind.JsonNode;
import io.livegate.audit.GatewayEvent.SessionClosed;
import io.livegate.audit.GatewayEvent.SessionOpened;
import io.livegate.audit.GatewayEvent.SessionResumed;
import io.livegate.grant.Limits;
import io.livegate.issue.Admission;
import io.livegate.ledger.Beat;
import io.livegate.ledger.Closing;
import io.livegate.ledger.Running;
import io.livegate.ledger.Use;
import io.livegate.session.LiveSession;
import io.livegate.session.ResumptionHandles;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.vertx.core.Context;
import io.vertx.core.net.NetSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One session: a client's connection, and Google's for it. Lives on one event loop; whatever way it
 * ends, {@link #end} is that way.
 */
final class Session implements LiveSession {

  private static final int NORMAL = 1000;
  private static final int GOING_AWAY = 1001;
  private static final int INVALID = 1007;
  private static final int POLICY = 1008;
  private static final int ERROR = 1011;
  private static final int TRY_AGAIN_LATER = 1013;
  private static final int LONGEST_REASON = 123;

  /** How often it is asked whether a session can be closed without loss. */
  private static final Duration SETTLING = Duration.ofMillis(100);

  private enum Phase {
    AWAITING_SETUP,
    CONNECTING,
    STREAMING,
    CLOSED
  }

  /** Messages and bytes of one direction. */
  private static final class Traffic {
    private long messages;
    private long bytes;

    void add(long size) {
      messages++;
      bytes += size;
    }
  }

  private final String id;
  private final Relay relay;
  private final Admission admission;
  private final String peer;
  private final Context context;
  private final EventLoop loop;
  private final Leg client;
  private @Nullable Conversation google;
  private Phase phase = Phase.AWAITING_SETUP;
  private volatile String model;
  private final Traffic fromClient = new Traffic();
  private final Traffic fromGoogle = new Traffic();
  private final UsageMeter usage = new UsageMeter();
  private final Instant startedAt = Instant.now();

  private final SessionTrace trace;
  private int turns;

  /** What it used so far but the time, for other threads. */
  private volatile Use used = Use.NONE;

  private final long opened = System.nanoTime();
  private final Deadlines deadlines;
  private @Nullable Future<?> timer;
  private boolean begun;

  /** It ends soon, because a budget is used up. */
  private boolean overLimit;

  private @Nullable Future<?> last;

  /** It ends in some time, because the gateway does. */
  private boolean drains;

  /** Reads nothing, for want of memory. */
  private boolean halted;

  private volatile long buffered;
  private @Nullable Future<?> recount;

  /** To be called on the event loop of the socket, as soon as there is one. */
  Session(Relay relay, Admission admission, String peer, NetSocket socket, Context context) {
    this.relay = relay;
    this.admission = admission;
    this.peer = peer;
    this.context = context;
    this.id = admission.lease().sessionId();
    this.model = admission.grant().model();
    this.trace = new SessionTrace(relay.tracing(), admission);
    Limits limits = admission.grant().limits();
    Duration granted = Duration.between(Instant.now(), admission.issue().expireTime());
    Duration longest = limits.sessionDuration().orElse(relay.config().maxSession());
    deadlines =
        new Deadlines(
            relay.config(),
            granted.compareTo(longest) < 0 ? granted : longest,
            limits.idle().orElse(relay.config().idleTimeout()),
            opened);
    client =
        Leg.ofClient(socket, relay.config().maxClientMessageSize().asLongValue(), new FromClient());
    loop = client.loop();
    relay.sessions().add(this, client.whenGone());
    relay.heart().add(this);
    look();
  }

  private final class FromClient implements Leg.Listener {
    @Override
    public void received(Message message) {
      fromClient.add(message.size());
      switch (phase) {
        case AWAITING_SETUP -> setup(message);
        case CONNECTING, STREAMING -> pass(message);
        case CLOSED -> message.release();
      }
    }

    @Override
    public void pausing() {
      if (google != null) {
        google.flush();
      }
      balance();
    }

    @Override
    public void drained() {
      balance();
    }

    @Override
    public void closed(int code, String reason) {
      int passed = code == 1005 ? NORMAL : code == 1006 ? GOING_AWAY : code;
      end(Cause.CLIENT, code, NORMAL, "", passed, reason);
    }

    @Override
    public void violated(int code, String reason) {
      refuse(code, reason);
    }
  }

  private final class FromGoogle implements Conversation.Listener {
    @Override
    public void noticed(JsonNode message) {
      if (message.has("usageMetadata")) {
        usage.add(message.get("usageMetadata"));
      }
      if (message.path("serverContent").path("turnComplete").asBoolean()) {
        turns++;
      }
      use();
    }

    @Override
    public void received(Message message) {
      fromGoogle.add(message.size());
      client.send(message);
      passed();
    }

    @Override
    public void said(String message) {
      fromGoogle.add(message.length());
      client.sendBinary(message);
      passed();
    }

    @Override
    public void begun() {
      stream();
    }

    @Override
    public void resumed(Conversation.Change change) {
      use();
      trace.changed(used.legs(), change);
      relay
          .events()
          .fire(
              new SessionResumed(
                  Instant.now(),
                  id,
                  admission.grant().subject(),
                  admission.grant().rule(),
                  admission.issue().grantId(),
                  change.planned(),
                  TimeUnit.NANOSECONDS.toMicros(change.nanos()),
                  change.replayed(),
                  change.dropped(),
                  peer));
    }

    @Override
    public void pausing() {
      client.flush();
      balance();
    }

    @Override
    public void drained() {
      balance();
    }

    @Override
    public void ended(Cause cause, int code, String reason) {
      if (cause == Cause.GOOGLE && code == 1006) {
        end(cause, code, ERROR, "the connection to Google was lost", NORMAL, "");
      } else {
        end(cause, code, code == 1005 ? NORMAL : code, reason, NORMAL, "");
      }
    }
  }

  // --- The way to a stream

  private void setup(Message message) {
    var outcome =
        SetupGuard.judge(message.content(), admission.grant(), admission.issue().models());
    message.release();
    if (outcome instanceof SetupGuard.Outcome.Refused refused) {
      refuse(refused.code(), refused.reason());
      return;
    }
    var accepted = (SetupGuard.Outcome.Accepted) outcome;
    Optional<ResumptionHandles.Resumed> resumed =
        accepted
            .handle()
            .flatMap(own -> relay.handles().open(own, admission.grant(), accepted.model()));
    if (accepted.handle().isPresent() && resumed.isEmpty()) {
      end(Cause.HANDLE, POLICY, POLICY, "handle not valid", NORMAL, "");
      return;
    }
    resumed.ifPresent(from -> relay.heart().supersede(from.session(), id));
    relay.sessions().settled();
    phase = Phase.CONNECTING;
    model = accepted.model();
    deadlines.connecting();
    google =
        new Conversation(
            relay,
            context,
            loop,
            admission,
            model,
            accepted.setup(),
            resumed.map(ResumptionHandles.Resumed::handle),
            accepted.resumes(),
            () -> deadlines.left(System.nanoTime()),
            new FromGoogle());
    look();
  }

  private void stream() {
    phase = Phase.STREAMING;
    begun = true;
    trace.opened(model);
    relay
        .events()
        .fire(
            new SessionOpened(
                Instant.now(),
                id,
                admission.grant().subject(),
                admission.grant().rule(),
                admission.issue().grantId(),
                model,
                millisSince(opened),
                peer));
    passed();
    balance();
    look();
  }

  // --- The stream

  private void pass(Message message) {
    var verdict = relay.clientMessages().judge(message);
    if (verdict instanceof ClientMessages.Verdict.Passes passes && google != null) {
      google.send(message, passes.message());
      passed();
    } else {
      message.release();
      if (verdict instanceof ClientMessages.Verdict.Refused refused) {
        refuse(INVALID, refused.objection());
      }
    }
  }

  private void passed() {
    if (phase == Phase.STREAMING) {
      deadlines.passed(System.nanoTime());
    }
  }

  /** Reads from each side only what the other can take. */
  private void balance() {
    if (phase == Phase.CLOSED) {
      return;
    }
    client.read((google == null || !google.isFull()) && !halted);
    if (google != null) {
      google.read(!client.isFull() && !halted);
    }
    count(client.buffered() + (google == null ? 0 : google.buffered()));
  }

  // --- What others ask

  @Override
  public Running running() {
    return new Running(admission.lease(), admission.issue(), model, startedAt, used());
  }

  private Use used() {
    Use now = used;
    var time = Duration.ofNanos(System.nanoTime() - opened);
    return new Use(now.tokens(), now.total(), time, now.turns(), now.legs());
  }

  /** Tells other threads what was used so far. */
  private void use() {
    int legs = google == null ? 0 : google.legs();
    used = new Use(usage.sums(), usage.total(), Duration.ZERO, turns, legs);
  }

  @Override
  public void end(Beat.End why) {
    loop.execute(() -> obey(why));
  }

  private void obey(Beat.End why) {
    if (why instanceof Beat.End.LimitReached reached) {
      over(reached.limit());
    } else if (why instanceof Beat.End.Superseded) {
      end(Cause.SUPERSEDED, POLICY, POLICY, "resumed by another session", NORMAL, "");
    } else if (why instanceof Beat.End.LoggedOut) {
      end(Cause.LOGOUT, POLICY, POLICY, "the login was ended", NORMAL, "");
    } else {
      end(Cause.ADMIN, POLICY, POLICY, "ended by an administrator", NORMAL, "");
    }
  }

  /** A budget is used up: the client is warned, and has a second to say goodbye. */
  private void over(String limit) {
    if (overLimit || phase == Phase.CLOSED) {
      return;
    }
    overLimit = true;
    if (begun) {
      client.sendBinary("{\"goAway\":{\"timeLeft\":\"1s\"}}");
    }
    last =
        loop.schedule(
            () ->
                end(Cause.LIMIT, POLICY, POLICY, "the limit " + limit + " is reached", NORMAL, ""),
            1,
            TimeUnit.SECONDS);
  }

  /**
   * Has it end because the gateway does: the client is told in some time, and closed at the next
   * moment in which it loses nothing; or at the end. From any thread; only the first time counts.
   *
   * @param warning when the client is told
   * @param end when the session ends in any case
   */
  void drain(Duration warning, Duration end) {
    loop.execute(
        () -> {
          if (drains) {
            return;
          }
          drains = true;
          later(warning, () -> warn(end.minus(warning)));
          // A client that follows the warning has a moment to come back by itself.
          later(warning.plus(end.dividedBy(6)), this::leaveWhenSettled);
          later(end, this::cutOff);
        });
  }

  private void warn(Duration left) {
    if (phase == Phase.STREAMING) {
      client.sendBinary("{\"goAway\":{\"timeLeft\":\"" + Math.max(1, left.toSeconds()) + "s\"}}");
    }
  }

  private void leaveWhenSettled() {
    if (google == null || google.isSettled()) {
      leave();
    } else if (phase != Phase.CLOSED) {
      later(SETTLING, this::leaveWhenSettled);
    }
  }

  private void cutOff() {
    if (google != null && phase != Phase.CLOSED && !google.lacksMediaOnly()) {
      relay.sessions().cutOff();
    }
    leave();
  }

  /** Ends because the gateway does; from any thread. */
  void leaveNow() {
    loop.execute(this::cutOff);
  }

  private void leave() {
    end(Cause.DRAIN, GOING_AWAY, GOING_AWAY, "the gateway shuts down", NORMAL, "");
  }

  @SuppressWarnings("FutureReturnValueIgnored") // each of them asks whether it still matters
  private void later(Duration time, Runnable task) {
    loop.schedule(task, time.toMillis(), TimeUnit.MILLISECONDS);
  }

  // --- Memory

  private void count(long bytes) {
    long change = bytes - buffered;
    if (change != 0) {
      buffered = bytes;
      relay.sessions().buffered(change);
      if (bytes > 0 && recount == null) {
        // That something has left is told only now and then.
        recount = loop.schedule(this::recount, 1, TimeUnit.SECONDS);
      }
    }
  }

  private void recount() {
    recount = null;
    balance();
  }

  /** Bytes that it holds in memory. */
  long buffered() {
    return buffered;
  }

  /** Reads nothing until {@code false}; from any thread. */
  void halt(boolean on) {
    loop.execute(
        () -> {
          halted = on;
          balance();
        });
  }

  /** Ends because it holds too much; from any thread. */
  void shed() {
    loop.execute(
        () ->
            end(
                Cause.FAULT,
                TRY_AGAIN_LATER,
                TRY_AGAIN_LATER,
                "the gateway is short of memory",
                GOING_AWAY,
                ""));
  }

  // --- Time

  /** Does what is due, and comes back for the next. */
  private void look() {
    if (timer != null) {
      timer.cancel(false);
    }
    long now = System.nanoTime();
    Deadlines.Due due;
    do {
      due = phase == Phase.CLOSED ? Deadlines.Due.NOTHING : deadlines.due(now);
      act(due, now);
    } while (due != Deadlines.Due.NOTHING);
    if (phase != Phase.CLOSED) {
      long next = Math.min(deadlines.nanosToNext(now), nanosToSilence(now));
      timer = loop.schedule(this::look, next, TimeUnit.NANOSECONDS);
    }
  }

  private void act(Deadlines.Due due, long now) {
    switch (due) {
      case NO_SETUP ->
          end(Cause.NO_SETUP, POLICY, POLICY, "setup did not come in time", NORMAL, "");
      case IDLE -> end(Cause.IDLE, POLICY, POLICY, "idle", NORMAL, "");
      case END -> end(Cause.EXPIRED, POLICY, POLICY, "the session's time is over", NORMAL, "");
      case END_SOON -> {
        long seconds = Math.max(1, deadlines.left(now).toSeconds());
        client.sendBinary("{\"goAway\":{\"timeLeft\":\"" + seconds + "s\"}}");
      }
      case PING -> {
        client.ping();
        if (google != null) {
          google.ping();
        }
      }
      case NOTHING -> listen(now);
    }
  }

  private void listen(long now) {
    if (phase == Phase.CLOSED) {
      return;
    }
    long silence = relay.config().silenceTimeout().toNanos();
    if (now - client.lastHeard() >= silence) {
      end(Cause.SILENCE, GOING_AWAY, GOING_AWAY, "silent", NORMAL, "");
    } else if (google != null && now - google.lastHeard() >= silence) {
      google.silent();
    }
  }

  private long nanosToSilence(long now) {
    long heard =
        google == null ? client.lastHeard() : Math.min(client.lastHeard(), google.lastHeard());
    return Math.max(0, heard + relay.config().silenceTimeout().toNanos() - now);
  }

  // --- The end

  private void refuse(int code, String reason) {
    end(Cause.POLICY, code, code, reason, NORMAL, "");
  }

  private void end(
      Cause cause, int code, int toClient, String tellClient, int toGoogle, String tellGoogle) {
    if (phase == Phase.CLOSED) {
      return;
    }
    boolean wasPending = phase == Phase.AWAITING_SETUP;
    phase = Phase.CLOSED;
    if (timer != null) {
      timer.cancel(false);
    }
    if (last != null) {
      last.cancel(false);
    }
    client.close(toClient, shorten(tellClient));
    if (google != null) {
      google.close(toGoogle, shorten(tellGoogle));
    }
    count(0);
    trace.closed(cause, code);
    relay.sessions().remove(this, wasPending);
    relay
        .events()
        .fire(
            new SessionClosed(
                Instant.now(),
                id,
                admission.grant().subject(),
                admission.grant().rule(),
                admission.issue().grantId(),
                model,
                begun,
                cause.label(),
                code,
                millisSince(opened),
                google == null ? 0 : google.legs(),
                usage.sums(),
                fromClient.messages,
                fromClient.bytes,
                fromGoogle.messages,
                fromGoogle.bytes,
                peer));
    boolean giveBack = !begun && (cause == Cause.GOOGLE || cause == Cause.FAULT);
    boolean tokenLeft =
        admission.directToken().isPresent() && (google == null || !google.hasUsedToken());
    relay.heart().close(new Closing(id, model, used(), giveBack, tokenLeft));
  }

  private static long millisSince(long nanos) {
    return Duration.ofNanos(System.nanoTime() - nanos).toMillis();
  }

  /** A reason has at most 123 bytes in a close frame. */
  private static String shorten(String reason) {
    String cut = reason;
    while (cut.getBytes(StandardCharsets.UTF_8).length > LONGEST_REASON) {
      cut = cut.substring(0, cut.offsetByCodePoints(cut.length(), -1));
    }
    return cut;
  }
}
