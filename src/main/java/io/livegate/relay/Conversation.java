package io.livegate.relay;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.livegate.gemini.EphemeralToken;
import io.livegate.grant.Grant;
import io.livegate.grant.MintBody;
import io.livegate.issue.Admission;
import io.livegate.relay.ClientMessage.Kind;
import io.netty.channel.EventLoop;
import io.netty.util.concurrent.Future;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.http.HttpConnection;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Google's side of a session: one conversation, over one connection, or leg, after the other, which
 * Google's session resumption joins (Live API guide, session management).
 *
 * <p>A leg that is about to end is <b>changed</b>: when the model is silent, what the client sends
 * is held until the newest handle covers all that went before; then the old leg is closed, as
 * Google allows no two, and the next begins at that handle. A leg that was <b>lost</b> is followed
 * by one from the newest handle, too, and what that is not known to cover is sent again.
 */
// What fails in a task that was put off ends nothing else; each says itself what it makes of it.
@SuppressWarnings("FutureReturnValueIgnored")
final class Conversation {

  /** What the session hears. */
  interface Listener {
    /** A message is read that says something of usage or turns; it follows by itself. */
    void noticed(JsonNode message);

    /** A message for the client, whose it is from now on. */
    void received(Message message);

    /** A message for the client in place of one of Google's. */
    void said(String message);

    /** The first setup is complete, as the client was told. */
    void begun();

    /** A leg followed another. */
    void resumed(Change change);

    /** Nothing more has come for now. */
    void pausing();

    /** It takes more, or less, than before. */
    void drained();

    /** It cannot go on. Once, and last. */
    void ended(Cause cause, int code, String reason);
  }

  /**
   * How one leg followed another.
   *
   * @param planned rather than lost
   * @param nanos for which the client was not connected to Google
   * @param replayed messages that were sent again
   * @param dropped messages of media that were too old since the change before
   */
  record Change(boolean planned, long nanos, int replayed, int dropped) {}

  private enum State {
    /** The first leg is being made. */
    CONNECTING,
    OPEN,
    /** A change is due; what the client sends waits for a handle that covers all before it. */
    HOLDING,
    /** The next leg is being made while the model is silent. */
    CHANGING,
    /** The next leg is being made because one was lost. */
    RECOVERING,
    OVER
  }

  private record Held(Message message, ClientMessage read, long since) {}

  private static final Logger LOG = Logger.getLogger(Conversation.class);
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int NORMAL = 1000;
  private static final int ERROR = 1011;

  /** What a client may send while nothing can be passed on, before it is no longer read. */
  private static final int MOST_HELD = 1 << 20;

  /** Google may end a connection a little later than we do, and never earlier. */
  private static final Duration MARGIN = Duration.ofMinutes(1);

  /** How long before the announced end of a leg a change is made, whatever is going on. */
  private static final long LEAD = TimeUnit.SECONDS.toNanos(2);

  /** How long a leg is known to live on when our own timer finds it old. */
  private static final Duration OLD = Duration.ofSeconds(45);

  /**
   * How long a client's messages are held for a handle at most: a pause that people hear. Google
   * sends one about every second.
   */
  private static final Duration LONGEST_HOLD = Duration.ofSeconds(1);

  /** After a hold in vain, how long nothing is held. */
  private static final long PAUSE = TimeUnit.SECONDS.toNanos(1);

  /**
   * How soon after media it is asked whether it was read. Only an orderly end cares, as media is
   * never sent again.
   */
  private static final int FENCE_MILLIS = 1000;

  /** How long the old leg may take to hear that it is over. */
  private static final int FAREWELL_MILLIS = 1000;

  private static final long FIRST_BACKOFF_MILLIS = 100;
  private static final long LONGEST_BACKOFF_MILLIS = 5000;

  /** A leg that lived so long was a good one. */
  private static final long GOOD = TimeUnit.SECONDS.toNanos(30);

  private final Relay relay;
  private final Context context;
  private final EventLoop loop;
  private final Admission admission;
  private final String model;
  private final Map<String, Object> setup;
  private final boolean clientResumes;
  private final Supplier<Duration> left;
  private final Listener listener;

  private final Coverage coverage;
  private final ToolCalls tools = new ToolCalls();
  private final Deque<Held> held = new ArrayDeque<>();
  private long heldBytes;

  /** Messages of media that were too old, until a change tells it. */
  private int dropped;

  private State state = State.CONNECTING;
  private @Nullable FromGoogle current;
  private @Nullable FromGoogle leaving;
  private @Nullable FromGoogle coming;
  private Optional<String> handle;
  private final long hold;
  private boolean reads = true;
  private int legs;
  private long legSince;

  /** The first leg is made with the direct token that the client came with. */
  private final boolean withToken;

  private boolean introduced;

  /** The model is saying something, or about to. */
  private boolean speaking;

  /** Google said last that it could be resumed. */
  private boolean resumable;

  // A change that is due
  private boolean due;
  private long changeBy;
  private long notBefore;
  private long holdUntil;
  private @Nullable Future<?> wake;
  private @Nullable Future<?> age;

  // The attempt that goes on
  private int attempt;
  private int tries;
  private long brokenOff;
  private @Nullable HttpConnection fresh;
  private @Nullable Grant freshGrant;
  private @Nullable Future<?> patience;
  private @Nullable Future<?> fence;
  private long fenced;

  /**
   * Begins with the first leg.
   *
   * @param handle Google's, of a conversation to go on with
   * @param clientResumes whether the client wants handles
   * @param left how long the session may still last
   */
  Conversation(
      Relay relay,
      Context context,
      EventLoop loop,
      Admission admission,
      String model,
      Map<String, Object> setup,
      Optional<String> handle,
      boolean clientResumes,
      Supplier<Duration> left,
      Listener listener) {
    this.relay = relay;
    this.context = context;
    this.loop = loop;
    this.admission = admission;
    this.model = model;
    this.setup = setup;
    this.handle = handle;
    this.clientResumes = clientResumes;
    this.left = left;
    this.listener = listener;
    this.coverage = new Coverage(relay.config().handleLag());
    // What is held must not grow too old for the change that follows.
    long oldest = relay.config().maxMediaDelay().toNanos() / 2;
    this.hold = Math.min(oldest, LONGEST_HOLD.toNanos());
    // Google's own token of the client is good for the first leg, unless that has a handle.
    Optional<String> token = handle.isPresent() ? Optional.empty() : admission.directToken();
    withToken = token.isPresent();
    attempt(token);
  }

  // --- The way to a leg

  private void attempt(Optional<String> token) {
    int mine = ++attempt;
    Grant leg = admission.grant().leg(model, setup, handle, left.get().plus(MARGIN));
    patience =
        later(
            relay.config().connectTimeout().toMillis(),
            () -> failed(mine, Cause.FAULT, ERROR, "Google did not complete the setup in time"));
    context.runOnContext(
        ignored ->
            token
                .map(own -> Uni.createFrom().item(own))
                .orElseGet(() -> relay.tokens().mint(leg).map(EphemeralToken::name))
                .emitOn(task -> context.runOnContext(now -> task.run()))
                .subscribe()
                .with(
                    minted -> connect(mine, minted, leg),
                    failure -> failed(mine, Cause.FAULT, ERROR, failure.getMessage())));
  }

  private void connect(int mine, String token, Grant leg) {
    if (mine != attempt || state == State.OVER) {
      return;
    }
    relay
        .upstream()
        .connect(token)
        .onSuccess(
            connection -> {
              if (mine != attempt || state == State.OVER) {
                connection.close();
                return;
              }
              fresh = connection;
              freshGrant = leg;
              introduce();
            })
        .onFailure(
            failure -> {
              LOG.warnf("Google cannot be connected to: %s", failure);
              failed(mine, Cause.FAULT, ERROR, "Google cannot be reached");
            });
    if (current != null) {
      // Only one leg may be open when the next one says what it resumes.
      FromGoogle old = current;
      current = null;
      leaving = old;
      old.leg.finish(NORMAL);
      later(FAREWELL_MILLIS, () -> gone(old));
    }
  }

  /** The old leg is over, or takes too long. */
  private void gone(FromGoogle old) {
    if (leaving == old) {
      leaving = null;
      old.leg.close(NORMAL, "");
      introduce();
    }
  }

  private void introduce() {
    if (fresh == null || freshGrant == null || leaving != null) {
      return;
    }
    var next = new FromGoogle(fresh);
    try {
      next.leg.sendText(JSON.writeValueAsString(Map.of("setup", MintBody.setup(freshGrant))));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a setup is plain JSON", e);
    }
    introduced = true;
    coming = next;
    fresh = null;
    freshGrant = null;
  }

  /** An attempt came to nothing. */
  private void failed(int mine, Cause cause, int code, @Nullable String reason) {
    if (mine != attempt || state == State.OVER) {
      return;
    }
    String why = String.valueOf(reason);
    giveUp();
    switch (state) {
      case CHANGING -> {
        if (current == null) {
          recover(cause, code, why);
        } else {
          notBefore = System.nanoTime() + backoff();
          state = State.OPEN;
          release();
          advance();
        }
      }
      case RECOVERING -> recover(cause, code, why);
      case CONNECTING, OPEN, HOLDING, OVER -> end(cause, code, why);
    }
  }

  /** Forgets the attempt that goes on. */
  private void giveUp() {
    attempt++;
    cancel(patience);
    if (fresh != null) {
      fresh.close();
      fresh = null;
      freshGrant = null;
    }
    if (coming != null) {
      coming.leg.close(NORMAL, "");
      coming = null;
    }
  }

  /** The setup of the coming leg is complete. */
  private void arrived(FromGoogle next) {
    cancel(patience);
    current = next;
    coming = null;
    legs++;
    legSince = System.nanoTime();
    fenced = 0;
    speaking = false;
    resumable = false;
    due = false;
    cancel(age);
    age = later(relay.config().legLifetime().toMillis(), () -> plan(OLD));
    boolean planned = state == State.CHANGING;
    boolean first = state == State.CONNECTING;
    state = State.OPEN;
    if (first) {
      listener.begun();
      release();
    } else {
      int replayed = replay(next.leg);
      release();
      listener.resumed(new Change(planned, System.nanoTime() - brokenOff, replayed, dropped));
      dropped = 0;
    }
    next.leg.flush();
    next.leg.read(reads);
    listener.drained();
  }

  private int replay(Leg leg) {
    tools.resumed();
    int replayed = 0;
    for (ClientMessage kept : coverage.restart()) {
      Optional<ObjectNode> content = object(kept.content());
      if (kept.kind() == Kind.TOOL_RESPONSE) {
        content = content.flatMap(tools::again);
      } else {
        content.ifPresent(Conversation::leaveOutMedia);
      }
      if (content.isPresent()) {
        byte[] bytes = bytes(content.get());
        leg.send(kept.isText(), bytes);
        sent(kept.kind() == Kind.TOOL_RESPONSE ? kept : kept.with(bytes));
        speaking |= kept.kind() == Kind.PROMPT;
        replayed++;
      }
    }
    return replayed;
  }

  /** Media goes to the model once at most, even where it shares a message with something else. */
  private static void leaveOutMedia(ObjectNode message) {
    for (String name : List.of("realtimeInput", "realtime_input")) {
      if (message.get(name) instanceof ObjectNode input) {
        input.remove(List.of("audio", "video", "mediaChunks", "media_chunks", "media"));
      }
    }
  }

  // --- What the client sends

  /**
   * Passes a message on as soon as possible; it is the conversation's from now on.
   *
   * @param read what was read of it
   */
  void send(Message message, ClientMessage read) {
    boolean answers = read.kind() == Kind.TOOL_RESPONSE;
    boolean open = state == State.OPEN || (state == State.HOLDING && answers && held.isEmpty());
    if (current != null && open) {
      pass(current.leg, message, read);
      if (answers) {
        advance();
      }
    } else {
      held.add(new Held(message, read, System.nanoTime()));
      heldBytes += message.size();
    }
  }

  private void pass(Leg leg, Message message, ClientMessage read) {
    if (read.kind() == Kind.TOOL_RESPONSE) {
      ObjectNode answer = object(read.content()).orElseThrow();
      Optional<ObjectNode> changed = tools.answered(answer);
      if (changed.isEmpty() || !changed.get().equals(answer)) {
        message.release();
        changed.ifPresent(
            now -> {
              leg.send(read.isText(), bytes(now));
              // Kept as the client said it: its ids may change again.
              sent(read);
            });
        return;
      }
    }
    leg.send(message);
    sent(read);
    speaking |= read.kind() == Kind.PROMPT;
  }

  private void sent(ClientMessage message) {
    coverage.sent(message);
    if (message.kind() != Kind.MEDIA || due) {
      // A change waits for a handle that covers everything, and the next one may be the last.
      fence();
    } else if (fence == null) {
      fence =
          later(
              FENCE_MILLIS,
              () -> {
                fence();
                flush();
              });
    }
  }

  private void fence() {
    if (fence != null) {
      fence.cancel(false);
      fence = null;
    }
    if (current != null && fenced != coverage.last()) {
      fenced = coverage.last();
      current.leg.fence(fenced);
    }
  }

  /** Passes on what was held, but media that is too old for that. */
  private void release() {
    int before = dropped;
    long oldest = System.nanoTime() - relay.config().maxMediaDelay().toNanos();
    while (current != null && !held.isEmpty()) {
      Held next = held.remove();
      heldBytes -= next.message().size();
      if (next.read().kind() == Kind.MEDIA && next.since() - oldest < 0) {
        next.message().release();
        dropped++;
      } else {
        pass(current.leg, next.message(), next.read());
      }
    }
    relay.sessions().mediaDropped(dropped - before);
    flush();
  }

  // --- What Google sends

  private final class FromGoogle implements Leg.Listener {
    private final Leg leg;

    FromGoogle(HttpConnection connection) {
      leg = Leg.ofServer(connection, relay.config().maxMessageSize().asLongValue(), this);
    }

    @Override
    public void received(Message message) {
      if (state == State.OVER) {
        message.release();
      } else {
        Conversation.this.received(this, message);
      }
    }

    @Override
    public void read(long number) {
      if (this == current) {
        coverage.read(number, System.nanoTime());
      }
    }

    @Override
    public void pausing() {
      listener.pausing();
    }

    @Override
    public void drained() {
      listener.drained();
    }

    @Override
    public void closed(int code, String reason) {
      over(this, Cause.GOOGLE, code, reason);
    }

    @Override
    public void violated(int code, String reason) {
      // In the session's context, by which the log knows it.
      context.runOnContext(told -> LOG.warnf("Google broke the WebSocket protocol: %s", reason));
      leg.close(code, reason);
      over(this, Cause.FAULT, ERROR, "Google's message: " + reason);
    }
  }

  private void received(FromGoogle from, Message message) {
    ServerMessages.Read read = ServerMessages.read(message);
    ObjectNode known = read.known();
    if (state == State.CHANGING && from == current && !isUpdate(known) && !isLate()) {
      // The model speaks after all: the handle is no longer the newest.
      abandon();
    }
    speaking |= read.speaks() && from != leaving;
    if (known == null) {
      listener.received(message);
      return;
    }
    listener.noticed(known);
    boolean arrives = known.has("setupComplete") && from == coming;
    boolean own = arrives && state != State.CONNECTING;
    if (own) {
      known.remove("setupComplete");
    }
    own |= known.remove("goAway") instanceof ObjectNode goAway && warned(from, goAway);
    own |=
        known.get("sessionResumptionUpdate") instanceof ObjectNode update
            && updated(from, known, update);
    Optional<List<ObjectNode>> answers = Optional.empty();
    if (known.get("toolCall") instanceof ObjectNode call && from != coming) {
      answers = tools.called(call);
      if (answers.isPresent()) {
        known.remove("toolCall");
        own = true;
      }
    }
    if (known.get("toolCallCancellation") instanceof ObjectNode cancellation) {
      ObjectNode before = cancellation.deepCopy();
      tools.cancelled(cancellation);
      own |= !before.equals(cancellation);
    }
    if (known.path("serverContent").path("turnComplete").asBoolean() && from != leaving) {
      speaking = false;
      tries = 0;
    }
    if (!own) {
      listener.received(message);
    } else {
      message.release();
      if (!known.isEmpty()) {
        listener.said(known.toString());
      }
    }
    if (arrives) {
      arrived(from);
    }
    answers.filter(list -> !list.isEmpty()).ifPresent(this::answer);
    advance();
  }

  /** A change goes on while nothing but news of handles comes. */
  private static boolean isUpdate(@Nullable ObjectNode message) {
    return message != null
        && (message.has("sessionResumptionUpdate") || message.has("goAway"))
        && !message.has("serverContent")
        && !message.has("toolCall");
  }

  private boolean warned(FromGoogle from, ObjectNode goAway) {
    if (from == current) {
      plan(duration(goAway.path("timeLeft").asText()));
    }
    // Without a handle it is the client's to know.
    return handle.isPresent();
  }

  /** A duration of protobuf's JSON: {@code 50s}, {@code 1.5s}. */
  private static Duration duration(String text) {
    try {
      return Duration.ofMillis((long) (Double.parseDouble(text.replace("s", "")) * 1000));
    } catch (NumberFormatException e) {
      return Duration.ofSeconds(10);
    }
  }

  /** Google's handle is ours to keep; the client gets one of its own, if it wants any. */
  private boolean updated(FromGoogle from, ObjectNode message, ObjectNode update) {
    if (from != current && from != coming) {
      message.remove("sessionResumptionUpdate");
      return true;
    }
    resumable = update.path("resumable").asBoolean();
    String newest = update.path("newHandle").asText();
    if (resumable && !newest.isEmpty()) {
      take(from, newest);
      if (clientResumes) {
        update.put(
            "newHandle",
            relay.handles().seal(newest, admission.grant(), model, admission.lease().sessionId()));
      }
    }
    if (!clientResumes) {
      message.remove("sessionResumptionUpdate");
    }
    return true;
  }

  /**
   * Takes the newest handle for the next leg; if that is being made already, it begins anew, as
   * what goes on while a change is late is in this handle only. A change that is not late began
   * with a handle that has everything.
   */
  private void take(FromGoogle from, String newest) {
    boolean changing = state == State.CHANGING;
    if (changing && !isLate()) {
      return;
    }
    handle = Optional.of(newest);
    if (from == current) {
      coverage.snapshot(System.nanoTime());
      tools.snapshot(coverage.isKeptEmpty());
      if (changing) {
        giveUp();
        attempt(Optional.empty());
      }
    }
  }

  /** The client has answered before. */
  private void answer(List<ObjectNode> answers) {
    if (current == null) {
      return;
    }
    Leg leg = current.leg;
    ObjectNode message = JSON.createObjectNode();
    message.putObject("toolResponse").putArray("functionResponses").addAll(answers);
    tools
        .again(message)
        .ifPresent(
            now -> {
              leg.send(true, bytes(now));
              sent(new ClientMessage(Kind.TOOL_RESPONSE, true, bytes(message)));
              flush();
            });
  }

  // --- A leg that is about to end

  private void plan(Duration timeLeft) {
    long by = System.nanoTime() + Math.max(timeLeft.toNanos() / 2, timeLeft.toNanos() - LEAD);
    if (!due || by - changeBy < 0) {
      changeBy = by;
    }
    due = true;
    fence();
    flush();
    advance();
  }

  /** Comes closer to the change that is due, if one is. */
  private void advance() {
    boolean steady = state == State.OPEN || state == State.HOLDING;
    if (!due || !steady || current == null || handle.isEmpty()) {
      return;
    }
    long now = System.nanoTime();
    if (now - notBefore < 0) {
      wakeAt(notBefore);
    } else if (isLate() && !coverage.isOverflowed()) {
      change();
    } else if (isOccupied() || isLate()) {
      state = State.OPEN;
      release();
      if (!isLate()) {
        wakeAt(changeBy);
      }
    } else if (state == State.OPEN) {
      state = State.HOLDING;
      holdUntil = now + hold;
      brokenOff = now;
      fence();
      flush();
      advance();
    } else if (coverage.isComplete()) {
      change();
    } else if (now - holdUntil >= 0) {
      notBefore = now + PAUSE;
      state = State.OPEN;
      release();
      wakeAt(notBefore);
    } else {
      wakeAt(holdUntil - changeBy < 0 ? holdUntil : changeBy);
    }
  }

  /** The change must be made now, whatever goes on. */
  private boolean isLate() {
    return System.nanoTime() - changeBy >= 0;
  }

  /** Whether something goes on that a handle would not have. */
  private boolean isOccupied() {
    return speaking || !resumable || tools.anyOpen();
  }

  private void change() {
    if (state != State.HOLDING) {
      brokenOff = System.nanoTime();
    }
    state = State.CHANGING;
    attempt(Optional.empty());
    listener.drained();
  }

  private void abandon() {
    giveUp();
    notBefore = System.nanoTime() + PAUSE;
    state = State.OPEN;
    release();
    listener.drained();
  }

  private void wakeAt(long nanos) {
    cancel(wake);
    wake = later(Math.max(1, (nanos - System.nanoTime()) / 1_000_000 + 1), this::advance);
  }

  // --- A leg that was lost

  private void over(FromGoogle from, Cause cause, int code, String reason) {
    if (state == State.OVER) {
      return;
    }
    if (from == leaving) {
      gone(from);
    } else if (from == coming) {
      coming = null;
      // A client that resumes may be faster than Google learns that its last connection is over.
      if (handle.isPresent() && Loss.isResumable(code, reason, due)) {
        giveUp();
        recover(cause, code, reason);
      } else {
        end(cause, code, reason);
      }
    } else if (from == current) {
      current = null;
      lost(cause, code, reason);
    }
  }

  private void lost(Cause cause, int code, String reason) {
    if (handle.isEmpty()
        || coverage.isOverflowed()
        || cause == Cause.FAULT
        || !Loss.isResumable(code, reason, due)) {
      end(cause, code, reason);
      return;
    }
    if (System.nanoTime() - legSince > GOOD) {
      tries = 0;
    }
    if (state != State.CHANGING) {
      brokenOff = System.nanoTime();
      recover(cause, code, reason);
    }
    listener.drained();
  }

  private void recover(Cause cause, int code, String reason) {
    if (tries >= relay.config().resumeAttempts()) {
      end(cause, code, reason);
      return;
    }
    if (state != State.CONNECTING) {
      state = State.RECOVERING;
    }
    int mine = ++attempt;
    later(
        backoff() / 1_000_000,
        () -> {
          if (mine == attempt) {
            attempt(Optional.empty());
          }
        });
  }

  /** At once for the first time; then longer and longer, and never all sessions together. */
  private long backoff() {
    long most = Math.min(LONGEST_BACKOFF_MILLIS, FIRST_BACKOFF_MILLIS << Math.min(tries, 10));
    long millis = tries == 0 ? 0 : ThreadLocalRandom.current().nextLong(most / 2, most);
    tries++;
    return TimeUnit.MILLISECONDS.toNanos(millis);
  }

  /** Google has not been heard of for too long. */
  void silent() {
    if (current != null) {
      FromGoogle old = current;
      old.leg.close(NORMAL, "");
      over(old, Cause.SILENCE, ERROR, "Google has fallen silent");
    }
  }

  // --- The end

  private void end(Cause cause, int code, String reason) {
    if (state != State.OVER) {
      listener.ended(cause, code, reason);
    }
  }

  /** Ends it from this side. */
  void close(int code, String reason) {
    if (state == State.OVER) {
      return;
    }
    if (coming != null) {
      coming.leg.close(code, reason);
      coming = null;
    }
    giveUp();
    state = State.OVER;
    cancel(wake);
    cancel(age);
    cancel(fence);
    held.forEach(one -> one.message().release());
    held.clear();
    if (current != null) {
      current.leg.close(code, reason);
    }
    if (leaving != null) {
      leaving.leg.close(code, reason);
    }
  }

  // --- What the session asks

  /** Whether more may be sent. */
  boolean isFull() {
    return heldBytes > MOST_HELD || (current != null && current.leg.isFull());
  }

  /** Whether to read what comes. */
  void read(boolean on) {
    reads = on;
    if (current != null) {
      current.leg.read(on);
    }
  }

  void flush() {
    if (current != null) {
      current.leg.flush();
    }
  }

  void ping() {
    if (current != null) {
      current.leg.ping();
    }
  }

  /** When Google was heard of last, as {@link System#nanoTime}; now, while there is no leg. */
  long lastHeard() {
    return current == null ? System.nanoTime() : current.leg.lastHeard();
  }

  /** Bytes in memory. */
  long buffered() {
    return heldBytes + coverage.bytes() + (current == null ? 0 : current.leg.buffered());
  }

  /** Whether Google has seen the direct token that the client came with. */
  boolean hasUsedToken() {
    return withToken && introduced;
  }

  /** How many legs there were so far. */
  int legs() {
    return legs;
  }

  /**
   * Whether the newest handle, which the client has, covers everything, and nothing goes on. Of
   * media that never pauses, it covers all but the last moment when it has just come.
   */
  boolean isSettled() {
    return lacksMediaOnly() && (coverage.isComplete() || coverage.isFresh(System.nanoTime()));
  }

  /** Whether nothing goes on, and the newest handle covers everything but some media. */
  boolean lacksMediaOnly() {
    return state == State.OPEN && !isOccupied() && coverage.lacksMediaOnly();
  }

  // --- Small things

  private Future<?> later(long millis, Runnable task) {
    return loop.schedule(task, millis, TimeUnit.MILLISECONDS);
  }

  private static void cancel(@Nullable Future<?> task) {
    if (task != null) {
      task.cancel(false);
    }
  }

  private static Optional<ObjectNode> object(byte[] content) {
    try {
      return JSON.readTree(content) instanceof ObjectNode object
          ? Optional.of(object)
          : Optional.empty();
    } catch (IOException e) {
      throw new IllegalStateException("the message was read before", e);
    }
  }

  private static byte[] bytes(ObjectNode message) {
    return message.toString().getBytes(StandardCharsets.UTF_8);
  }
}
