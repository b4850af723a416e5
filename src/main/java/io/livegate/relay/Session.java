package io.livegate.relay;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.livegate.audit.GatewayEvent.SessionClosed;
import io.livegate.audit.GatewayEvent.SessionOpened;
import io.livegate.gemini.EphemeralToken;
import io.livegate.grant.Grant;
import io.livegate.grant.Limits;
import io.livegate.grant.MintBody;
import io.livegate.issue.Admission;
import io.livegate.ledger.Beat;
import io.livegate.ledger.Closing;
import io.livegate.ledger.Running;
import io.livegate.ledger.Use;
import io.livegate.session.LiveSession;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.http.HttpConnection;
import io.vertx.core.net.NetSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * One session: a client's connection, and Google's for it. Lives on one event loop; whatever way it
 * ends, {@link #end} is that way.
 */
final class Session implements LiveSession {

  private static final Logger LOG = Logger.getLogger(Session.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int NORMAL = 1000;
  private static final int GOING_AWAY = 1001;
  private static final int INVALID = 1007;
  private static final int POLICY = 1008;
  private static final int ERROR = 1011;
  private static final int TRY_AGAIN_LATER = 1013;
  private static final int LONGEST_REASON = 123;

  /** What a client may send ahead of setupComplete before it is no longer read. */
  private static final int MOST_HELD = 1 << 20;

  /** Google may end the connection a little later than we do, and never earlier. */
  private static final Duration MARGIN = Duration.ofMinutes(1);

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

    void add(Message message) {
      messages++;
      bytes += message.size();
    }
  }

  private final String id;
  private final Relay relay;
  private final Admission admission;
  private final String peer;
  private final Context context;
  private final EventLoop loop;
  private final Leg client;
  private @Nullable Leg google;
  private Phase phase = Phase.AWAITING_SETUP;
  private volatile String model;
  private final Deque<Message> held = new ArrayDeque<>();
  private long heldBytes;
  private final Traffic fromClient = new Traffic();
  private final Traffic fromGoogle = new Traffic();
  private final UsageMeter usage = new UsageMeter();
  private final Instant startedAt = Instant.now();

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
    relay.sessions().add(this);
    relay.heart().add(this);
    look();
  }

  private final class FromClient implements Leg.Listener {
    @Override
    public void received(Message message) {
      fromClient.add(message);
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

  private final class FromGoogle implements Leg.Listener {
    @Override
    public void received(Message message) {
      if (phase == Phase.CLOSED) {
        message.release();
        return;
      }
      fromGoogle.add(message);
      JsonNode known = ServerMessages.read(message);
      client.send(message);
      if (known != null && known.has("usageMetadata")) {
        usage.add(known.get("usageMetadata"));
      }
      if (known != null && known.path("serverContent").path("turnComplete").asBoolean()) {
        turns++;
      }
      if (known != null) {
        used = new Use(usage.sums(), usage.total(), Duration.ZERO, turns);
      }
      if (phase == Phase.CONNECTING && known != null && known.has("setupComplete")) {
        stream();
      } else if (phase == Phase.STREAMING) {
        passed();
      }
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
    public void closed(int code, String reason) {
      if (code == 1006) {
        end(Cause.GOOGLE, code, ERROR, "the connection to Google was lost", NORMAL, "");
      } else {
        end(Cause.GOOGLE, code, code == 1005 ? NORMAL : code, reason, NORMAL, "");
      }
    }

    @Override
    public void violated(int code, String reason) {
      LOG.warnf("Google broke the WebSocket protocol: %s", reason);
      end(Cause.FAULT, ERROR, ERROR, "Google's message: " + reason, code, reason);
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
    relay.sessions().settled();
    phase = Phase.CONNECTING;
    model = accepted.model();
    long now = System.nanoTime();
    deadlines.connecting(now);
    Duration life = deadlines.left(now).plus(MARGIN);
    Grant leg = admission.grant().leg(model, accepted.setup(), accepted.handle(), life);
    context.runOnContext(ignored -> connect(leg));
    look();
  }

  private void connect(Grant leg) {
    admission
        .directToken()
        .map(own -> Uni.createFrom().item(own))
        .orElseGet(() -> relay.tokens().mint(leg).map(EphemeralToken::name))
        .subscribe()
        .with(
            token -> connect(token, leg),
            failure -> {
              if (phase != Phase.CLOSED) {
                fail(String.valueOf(failure.getMessage()));
              }
            });
  }

  private void connect(String token, Grant leg) {
    if (phase == Phase.CLOSED) {
      return;
    }
    relay
        .upstream()
        .connect(token)
        .onSuccess(connection -> introduce(connection, leg))
        .onFailure(
            failure -> {
              LOG.warnf("Google cannot be connected to: %s", failure);
              fail("Google cannot be reached");
            });
  }

  private void introduce(HttpConnection connection, Grant leg) {
    if (phase == Phase.CLOSED) {
      connection.close();
      return;
    }
    var opposite =
        Leg.ofServer(connection, relay.config().maxMessageSize().asLongValue(), new FromGoogle());
    google = opposite;
    try {
      opposite.sendText(JSON.writeValueAsString(Map.of("setup", MintBody.setup(leg))));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a setup is plain JSON", e);
    }
  }

  private void stream() {
    phase = Phase.STREAMING;
    begun = true;
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
    heldBytes = 0;
    while (!held.isEmpty()) {
      forward(held.remove());
    }
    if (google != null) {
      google.flush();
    }
    passed();
    balance();
    look();
  }

  // --- The stream

  private void pass(Message message) {
    var objection = relay.clientMessages().objection(message);
    if (objection.isPresent()) {
      message.release();
      refuse(INVALID, objection.get());
    } else if (phase == Phase.STREAMING) {
      forward(message);
      passed();
    } else {
      held.add(message);
      heldBytes += message.size();
    }
  }

  private void forward(Message message) {
    if (google != null) {
      google.send(message);
    }
  }

  private void passed() {
    deadlines.passed(System.nanoTime());
  }

  /** Reads from each side only what the other can take. */
  private void balance() {
    if (phase == Phase.CLOSED) {
      return;
    }
    boolean room = google == null ? heldBytes <= MOST_HELD : !google.isFull();
    client.read(room && !halted);
    if (google != null) {
      google.read(!client.isFull() && !halted);
    }
    count(client.buffered() + (google == null ? 0 : google.buffered()) + heldBytes);
  }

  // --- What others ask

  @Override
  public Running running() {
    return new Running(admission.lease(), admission.issue(), model, startedAt, use());
  }

  private Use use() {
    Use now = used;
    var time = Duration.ofNanos(System.nanoTime() - opened);
    return new Use(now.tokens(), now.total(), time, now.turns());
  }

  @Override
  public void end(Beat.End why) {
    loop.execute(() -> obey(why));
  }

  private void obey(Beat.End why) {
    if (why instanceof Beat.End.LimitReached reached) {
      over(reached.limit());
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
      case NOT_CONNECTED -> fail("Google did not complete the setup in time");
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
      end(Cause.SILENCE, ERROR, ERROR, "Google has fallen silent", NORMAL, "");
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

  private void fail(String reason) {
    end(Cause.FAULT, ERROR, ERROR, reason, NORMAL, "");
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
    held.forEach(Message::release);
    held.clear();
    client.close(toClient, shorten(tellClient));
    if (google != null) {
      google.close(toGoogle, shorten(tellGoogle));
    }
    count(0);
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
                usage.sums(),
                fromClient.messages,
                fromClient.bytes,
                fromGoogle.messages,
                fromGoogle.bytes,
                peer));
    boolean giveBack = !begun && (cause == Cause.GOOGLE || cause == Cause.FAULT);
    relay.heart().close(new Closing(id, model, use(), giveBack));
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
