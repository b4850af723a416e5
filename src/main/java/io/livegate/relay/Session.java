package io.livegate.relay;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.livegate.audit.GatewayEvent.SessionClosed;
import io.livegate.audit.GatewayEvent.SessionOpened;
import io.livegate.gemini.EphemeralToken;
import io.livegate.grant.Grant;
import io.livegate.grant.MintBody;
import io.livegate.issue.Admission;
import io.smallrye.mutiny.Uni;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.ServerWebSocket;
import io.vertx.core.http.WebSocket;
import io.vertx.core.http.WebSocketFrame;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.UUID;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * One session: a client's connection, and Google's for it. Lives on one event loop; whatever way it
 * ends, {@link #end} is that way.
 */
final class Session {

  private static final Logger LOG = Logger.getLogger(Session.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int NORMAL = 1000;
  private static final int GOING_AWAY = 1001;
  private static final int INVALID = 1007;
  private static final int POLICY = 1008;
  private static final int TOO_BIG = 1009;
  private static final int ERROR = 1011;
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

  private final String id = UUID.randomUUID().toString();
  private final Relay relay;
  private final Admission admission;
  private final String peer;
  private final Leg client;
  private @Nullable Leg google;
  private Phase phase = Phase.AWAITING_SETUP;
  private String model;
  private final Deque<Message> held = new ArrayDeque<>();
  private long heldBytes;
  private final Traffic fromClient = new Traffic();
  private final Traffic fromGoogle = new Traffic();
  private final UsageMeter usage = new UsageMeter();

  private final long opened = System.nanoTime();
  private final long endsAt;
  private long phaseSince = opened;
  private long lastMessage = opened;
  private long nextPing;
  private boolean warned;
  private boolean ready;
  private long timer = -1;

  Session(Relay relay, Admission admission, String peer, ServerWebSocket socket) {
    this.relay = relay;
    this.admission = admission;
    this.peer = peer;
    this.model = admission.grant().model();
    Duration granted = Duration.between(Instant.now(), admission.expireTime());
    Duration longest = relay.config().maxSession();
    endsAt = opened + (granted.compareTo(longest) < 0 ? granted : longest).toNanos();
    nextPing = opened + relay.config().pingInterval().toNanos();
    client =
        new Leg(
            socket,
            relay.config().maxClientMessageSize().asLongValue(),
            relay.sessions()::buffered,
            new FromClient());
    arm();
  }

  private final class FromClient implements Leg.Listener {
    @Override
    public void received(Message message) {
      fromClient.add(message);
      lastMessage = System.nanoTime();
      switch (phase) {
        case AWAITING_SETUP -> setup(message);
        case CONNECTING, STREAMING -> pass(message);
        case CLOSED -> {}
      }
    }

    @Override
    public void drained() {
      if (google != null) {
        google.resume();
      }
    }

    @Override
    public void closed(int code, String reason) {
      int passed = code == 1005 ? NORMAL : code == 1006 ? GOING_AWAY : code;
      end(Cause.CLIENT, code, NORMAL, "", passed, reason);
    }

    @Override
    public void tooLarge() {
      refuse(TOO_BIG, "the message is too large");
    }
  }

  private final class FromGoogle implements Leg.Listener {
    @Override
    public void received(Message message) {
      if (phase == Phase.CLOSED) {
        return;
      }
      fromGoogle.add(message);
      lastMessage = System.nanoTime();
      ServerMessages.usage(message).ifPresent(usage::add);
      client.send(message);
      if (client.isFull() && google != null) {
        google.pause();
      }
      if (phase == Phase.CONNECTING && ServerMessages.isSetupComplete(message)) {
        stream();
      }
    }

    @Override
    public void drained() {
      client.resume();
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
    public void tooLarge() {
      fail("a message of Google's is too large");
    }
  }

  // --- The way to a stream

  private void setup(Message message) {
    var outcome = SetupGuard.judge(message, admission.grant(), admission.models());
    if (outcome instanceof SetupGuard.Outcome.Refused refused) {
      refuse(refused.code(), refused.reason());
      return;
    }
    var accepted = (SetupGuard.Outcome.Accepted) outcome;
    relay.sessions().settled();
    phase = Phase.CONNECTING;
    phaseSince = System.nanoTime();
    arm();
    model = accepted.model();
    Duration life = Duration.ofNanos(endsAt - phaseSince).plus(MARGIN);
    Grant leg = admission.grant().leg(model, accepted.setup(), accepted.handle(), life);
    Uni<String> token =
        admission
            .directToken()
            .map(own -> Uni.createFrom().item(own))
            .orElseGet(() -> relay.tokens().mint(leg).map(EphemeralToken::name));
    token
        .subscribe()
        .with(name -> connect(name, leg), failure -> fail(String.valueOf(failure.getMessage())));
  }

  private void connect(String token, Grant leg) {
    if (phase == Phase.CLOSED) {
      return;
    }
    relay
        .upstream()
        .connect(token)
        .onSuccess(socket -> introduce(socket, leg))
        .onFailure(
            failure -> {
              LOG.warnf("Google cannot be connected to: %s", failure);
              fail("Google cannot be reached");
            });
  }

  private void introduce(WebSocket socket, Grant leg) {
    if (phase == Phase.CLOSED) {
      socket.close();
      return;
    }
    var google = new FromGoogle();
    if (socket.isClosed()) {
      Short code = socket.closeStatusCode();
      String reason = socket.closeReason();
      google.closed(code == null ? 1006 : code, reason == null ? "" : reason);
      return;
    }
    var opposite =
        new Leg(
            socket,
            relay.config().maxMessageSize().asLongValue(),
            relay.sessions()::buffered,
            google);
    this.google = opposite;
    try {
      String text = JSON.writeValueAsString(Map.of("setup", MintBody.setup(leg)));
      opposite.send(new Message(WebSocketFrame.textFrame(text, true)));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a setup is plain JSON", e);
    }
  }

  private void stream() {
    phase = Phase.STREAMING;
    ready = true;
    relay
        .events()
        .fire(
            new SessionOpened(
                Instant.now(),
                id,
                admission.grant().subject(),
                admission.grant().rule(),
                admission.grantId(),
                model,
                millisSince(opened),
                peer));
    relay.sessions().buffered(-heldBytes);
    heldBytes = 0;
    while (!held.isEmpty()) {
      forward(held.remove());
    }
    if (google != null && !google.isFull()) {
      client.resume();
    }
    arm();
  }

  // --- The stream

  private void pass(Message message) {
    var objection = relay.clientMessages().objection(message);
    if (objection.isPresent()) {
      refuse(INVALID, objection.get());
    } else if (phase == Phase.STREAMING) {
      forward(message);
    } else {
      held.add(message);
      heldBytes += message.size();
      relay.sessions().buffered(message.size());
      if (heldBytes > MOST_HELD) {
        client.pause();
      }
    }
  }

  private void forward(Message message) {
    if (google != null) {
      google.send(message);
      if (google.isFull()) {
        client.pause();
      }
    }
  }

  // --- Time

  private void arm() {
    relay.vertx().cancelTimer(timer);
    if (phase == Phase.CLOSED) {
      return;
    }
    long now = System.nanoTime();
    long next = Math.min(nextPing, warned ? endsAt : warnAt());
    next = Math.min(next, deadline());
    next = Math.min(next, silentAt(client));
    next = google == null ? next : Math.min(next, silentAt(google));
    long millis = Duration.ofNanos(Math.max(0, next - now)).toMillis() + 1;
    timer = relay.vertx().setTimer(millis, fired -> look());
  }

  private long warnAt() {
    return endsAt - relay.config().goAwayLead().toNanos();
  }

  private long silentAt(Leg leg) {
    return leg.lastHeard() + relay.config().silenceTimeout().toNanos();
  }

  private long deadline() {
    return switch (phase) {
      case AWAITING_SETUP -> phaseSince + relay.config().setupTimeout().toNanos();
      case CONNECTING -> phaseSince + relay.config().connectTimeout().toNanos();
      case STREAMING, CLOSED -> lastMessage + relay.config().idleTimeout().toNanos();
    };
  }

  private void look() {
    long now = System.nanoTime();
    if (now >= deadline()) {
      late();
    } else if (now >= endsAt) {
      end(Cause.EXPIRED, POLICY, POLICY, "the session's time is over", NORMAL, "");
    } else if (now >= silentAt(client)) {
      end(Cause.SILENCE, GOING_AWAY, GOING_AWAY, "silent", NORMAL, "");
    } else if (google != null && now >= silentAt(google)) {
      end(Cause.SILENCE, ERROR, ERROR, "Google has fallen silent", NORMAL, "");
    }
    if (!warned && phase == Phase.STREAMING && now >= warnAt()) {
      warned = true;
      long seconds = Math.max(1, Duration.ofNanos(endsAt - now).toSeconds());
      client.send(
          Message.binary(
              "{\"goAway\":{\"timeLeft\":\"%ds\"}}"
                  .formatted(seconds)
                  .getBytes(StandardCharsets.US_ASCII)));
    }
    if (now >= nextPing) {
      nextPing = now + relay.config().pingInterval().toNanos();
      client.ping();
      if (google != null) {
        google.ping();
      }
    }
    arm();
  }

  private void late() {
    switch (phase) {
      case AWAITING_SETUP ->
          end(Cause.NO_SETUP, POLICY, POLICY, "setup did not come in time", NORMAL, "");
      case CONNECTING -> fail("Google did not complete the setup in time");
      case STREAMING -> end(Cause.IDLE, POLICY, POLICY, "idle", NORMAL, "");
      case CLOSED -> {}
    }
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
    relay.vertx().cancelTimer(timer);
    relay.sessions().closed(wasPending);
    relay.sessions().buffered(-heldBytes);
    held.clear();
    client.close(toClient, shorten(tellClient));
    if (google != null) {
      google.close(toGoogle, shorten(tellGoogle));
    }
    if (!ready && (cause == Cause.GOOGLE || cause == Cause.FAULT)) {
      admission.giveBack();
    }
    relay
        .events()
        .fire(
            new SessionClosed(
                Instant.now(),
                id,
                admission.grant().subject(),
                admission.grant().rule(),
                admission.grantId(),
                model,
                ready,
                cause.label(),
                code,
                millisSince(opened),
                usage.sums(),
                fromClient.messages,
                fromClient.bytes,
                fromGoogle.messages,
                fromGoogle.bytes,
                peer));
  }

  private static long millisSince(long nanos) {
    return Duration.ofNanos(System.nanoTime() - nanos).toMillis();
  }

  /** A reason has at most 123 bytes in a close frame. */
  private static String shorten(String reason) {
    String cut = reason;
    while (Buffer.buffer(cut).length() > LONGEST_REASON) {
      cut = cut.substring(0, cut.offsetByCodePoints(cut.length(), -1));
    }
    return cut;
  }
}
