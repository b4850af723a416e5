package io.livegate.simulator;

import io.livegate.simulator.Script.At;
import io.livegate.simulator.Script.Step;
import io.livegate.simulator.Tokens.Token;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.ServerWebSocket;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One WebSocket connection: judges its credential and setup when the first message arrives, then
 * hands every message to its conversation, until one of many ways to end.
 */
final class LiveSession {
  private static final int LONGEST_REASON = 123;

  private final World world;
  private final Models models;
  private final Credential credential;
  private final ServerWebSocket socket;
  private final Wire wire;
  private final Outbox out;
  private final Journal.Entry page;
  private final List<Step> steps;
  private final Instant opened;
  private @Nullable Token token;
  private Handles.@Nullable Line line;
  private @Nullable Conversation conversation;
  private boolean warned;
  private boolean ended;

  /**
   * What a connection was opened with.
   *
   * @param version the API version of its path
   * @param constrained whether it takes tokens, not keys
   * @param place where the credential was; {@code both} if there was more than one token
   * @param secret the credential
   */
  record Credential(String version, boolean constrained, String place, String secret) {}

  LiveSession(
      World world,
      Models models,
      Credential credential,
      ServerWebSocket socket,
      Journal.Entry page,
      Wire wire) {
    this.world = world;
    this.models = models;
    this.credential = credential;
    this.socket = socket;
    this.page = page;
    this.wire = wire;
    out = new Outbox(socket, page);
    steps = new ArrayList<>(world.script().nextSession());
    opened = world.options().clock().instant();
  }

  String id() {
    return page.id();
  }

  /** Starts listening. */
  void open(Runnable gone) {
    socket.textMessageHandler(text -> received("text", text));
    socket.binaryMessageHandler(bytes -> received("binary", bytes.toString()));
    // A broken connection also closes; there is nothing to add.
    socket.exceptionHandler(broken -> {});
    socket.closeHandler(
        closed -> {
          Short code = socket.closeStatusCode();
          end(code == null ? 1006 : code, socket.closeReason(), true);
          gone.run();
        });
    reached(At.OPEN);
  }

  private void received(String opcode, String text) {
    page.frame(opcode, text);
    if (ended || out.silent()) {
      return;
    }
    try {
      JsonObject message = parse(text);
      if (conversation == null) {
        begin(message);
      } else {
        conversation.receive(read(message, false));
      }
    } catch (Refusal refusal) {
      close(refusal.code(), refusal.reason());
    } catch (RuntimeException fault) {
      // Whatever a client sends, the simulator stays up; the service, too, hides its own faults.
      System.getLogger(LiveSession.class.getName())
          .log(System.Logger.Level.WARNING, "The simulator failed on a message", fault);
      close(1011, "Internal error occurred.");
    }
  }

  private static JsonObject parse(String text) {
    try {
      return new JsonObject(text);
    } catch (DecodeException e) {
      throw Refusal.invalid("Invalid JSON payload received. Parse error.");
    }
  }

  /** Exactly one known key, and {@code setup} exactly at the beginning. */
  private JsonObject read(JsonObject message, boolean first) {
    JsonObject known = Schema.of(credential.version()).read("Message", message, "");
    if (known.size() != 1 || known.containsKey("setup") != first) {
      throw Refusal.invalid(
          first || known.containsKey("setup")
              ? "setup must be the first message and can only be sent once."
              : Refusal.INVALID);
    }
    return known;
  }

  private void begin(JsonObject message) {
    Instant now = world.options().clock().instant();
    String key = key(now);
    JsonObject asked = read(message, true).getJsonObject("setup");
    JsonObject setup = token == null ? asked : token.effective(asked);
    models.check(setup, credential.version());
    JsonObject resumption = setup.getJsonObject("sessionResumption", new JsonObject());
    String model = setup.getString("model");
    Handles.Resumed start;
    boolean resumes = resumption.containsKey("handle");
    if (resumes) {
      start = world.handles().resume(resumption.getString("handle"), key, model);
    } else {
      if (token != null) {
        token.startSession(now);
      }
      start = new Handles.Resumed(new Handles.Line(key, model), new Handles.Memory());
      start.memory().awaitsHistory =
          setup
              .getJsonObject("historyConfig", new JsonObject())
              .getBoolean("initialHistoryInClientContent", false);
    }
    line = start.line();
    page.setup(asked, setup, resumes);
    reached(At.BEFORE_SETUP_COMPLETE);
    if (ended || out.silent()) {
      return;
    }
    out.send(new JsonObject().put("setupComplete", new JsonObject()));
    Conversation talk = new Conversation(world, out, page, setup, start, this::reached);
    conversation = talk;
    page.ready();
    talk.begin();
    reached(At.AFTER_SETUP_COMPLETE);
  }

  /** Judges the credential: a token on one method, a key on the other. */
  private String key(Instant now) {
    String secret = credential.secret();
    if (secret.isEmpty()) {
      throw Refusal.closing(1008, Refusal.NO_KEY);
    }
    if (credential.place().equals("both")) {
      throw Refusal.invalid(Refusal.INVALID);
    }
    if (!credential.constrained()) {
      if (secret.startsWith("auth_tokens/") || !world.options().acceptsKey(secret)) {
        throw Refusal.invalid(Refusal.BAD_KEY);
      }
      return secret;
    }
    Token found = world.tokens().find(secret).orElseThrow(() -> Refusal.invalid(Refusal.BAD_KEY));
    if (found.expired(now)) {
      throw Refusal.closing(1011, "Token has expired");
    }
    token = found;
    return found.key();
  }

  private void reached(At point) {
    for (Step step : List.copyOf(steps)) {
      if (step.at() == point && !ended) {
        steps.remove(step);
        play(step.action());
      }
    }
  }

  /** Does something to this connection. */
  void play(Action action) {
    if (ended) {
      return;
    }
    if (action instanceof Action.Close close) {
      close(close.code(), close.reason());
    } else if (action instanceof Action.Silence) {
      stopTalking();
      out.silence();
    } else if (action instanceof Action.Reset) {
      end(1006, "", false);
      wire.cut();
    } else if (action instanceof Action.GoAway goAway) {
      goAway(goAway.timeLeft());
      goAway
          .close()
          .ifPresent(
              close ->
                  world
                      .vertx()
                      .setTimer(Math.max(1, goAway.timeLeft().toMillis()), due -> play(close)));
    } else if (action instanceof Action.PauseReading) {
      wire.read(false);
    } else if (action instanceof Action.ResumeReading) {
      wire.read(true);
    } else if (action instanceof Action.Burst burst) {
      out.burst(padded(burst.bytes()), burst.count());
    } else if (action instanceof Action.Send send) {
      send.messages().forEach(out::send);
    } else if (action instanceof Action.Bytes below) {
      wire.write(below.bytes());
    }
  }

  /** Looks at the clock: tokens expire and connections grow old. */
  void tick(Instant now) {
    if (token != null && token.expired(now) && line != null) {
      close(1011, "auth token has expired");
      return;
    }
    Duration lifetime = world.options().legLifetime();
    if (ended || conversation == null || lifetime.isZero()) {
      return;
    }
    Duration left = Duration.between(now, opened.plus(lifetime));
    if (left.isNegative() || left.isZero()) {
      close(1011, "Deadline expired before operation could complete.");
    } else if (!warned && left.compareTo(world.options().goAwayLead()) <= 0) {
      warned = true;
      goAway(left);
    }
  }

  private void goAway(Duration left) {
    // A protobuf duration: seconds, with a fraction only if there is one.
    String seconds = BigDecimal.valueOf(left.toMillis(), 3).stripTrailingZeros().toPlainString();
    out.send(new JsonObject().put("goAway", new JsonObject().put("timeLeft", seconds + "s")));
  }

  /** Ends it from this side. */
  void close(int code, String reason) {
    if (ended) {
      return;
    }
    String shortened = shorten(reason);
    end(code, shortened, false);
    wire.read(true);
    socket.close((short) code, shortened);
  }

  private void end(int code, @Nullable String reason, boolean byClient) {
    if (ended) {
      return;
    }
    ended = true;
    stopTalking();
    if (line != null) {
      world.handles().release(line);
    }
    page.closed(code, reason, byClient);
  }

  private void stopTalking() {
    if (conversation != null) {
      conversation.stop();
    }
  }

  private static String shorten(String reason) {
    String cut = reason;
    while (cut.getBytes(StandardCharsets.UTF_8).length > LONGEST_REASON) {
      cut = cut.substring(0, cut.offsetByCodePoints(cut.length(), -1));
    }
    return cut;
  }

  private static Buffer padded(int bytes) {
    JsonObject blob = new JsonObject().put("mimeType", Pcm.OUT_TYPE).put("data", "");
    JsonObject message =
        new JsonObject()
            .put(
                "serverContent",
                new JsonObject()
                    .put(
                        "modelTurn",
                        new JsonObject()
                            .put(
                                "parts",
                                new JsonArray().add(new JsonObject().put("inlineData", blob)))));
    int missing = Math.max(0, bytes - message.toBuffer().length());
    blob.put("data", "A".repeat(missing - missing % 4));
    // The rest of the size is white space, so that the audio stays valid base64.
    return message.toBuffer().appendString(" ".repeat(missing % 4));
  }
}
