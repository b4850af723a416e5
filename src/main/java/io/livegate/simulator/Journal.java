package io.livegate.simulator;

import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What happened, oldest first. Bounded: the last {@value #MOST} mints and connections, and of each
 * connection the first {@value #MOST_MESSAGES} messages and frames. Thread-safe; what it returns is
 * a copy.
 *
 * <p>Over HTTP: {@code GET /_simulator/journal} returns all of it, {@code DELETE} forgets it.
 */
public final class Journal {
  private static final int MOST = 1000;
  private static final int MOST_MESSAGES = 10_000;
  private static final int MOST_BYTES = 32 << 20;

  private final Options.Recording recording;
  private final Deque<Mint> mints = new ArrayDeque<>();
  private final Deque<Entry> sessions = new ArrayDeque<>();
  private final List<Waiter<?>> waiters = new ArrayList<>();

  Journal(Options.Recording recording) {
    this.recording = recording;
  }

  /**
   * One mint.
   *
   * @param path the path as it was sent, without query
   * @param headers the request's headers by lower-case name
   * @param body the request's body as it was sent
   * @param status the HTTP status answered, or 0 if none was
   * @param token the token's name, or empty if none was minted
   */
  public record Mint(
      String path, Map<String, String> headers, String body, int status, String token) {
    /** The body, parsed. */
    public JsonObject json() {
      return new JsonObject(body);
    }
  }

  /**
   * One frame, or fragmented message, as it arrived or was sent.
   *
   * @param opcode {@code text} or {@code binary}
   * @param payload its content
   */
  public record Frame(String opcode, String payload) {}

  /**
   * One connection. Resuming a conversation makes a new one.
   *
   * @param id names it for {@link LiveSimulator#play(String, Action)}
   * @param path the path as it was sent, without query
   * @param credentialPlace {@code access_token}, {@code key}, {@code authorization}, {@code
   *     x-goog-api-key} or {@code none}
   * @param credential the token or key
   * @param clientSetup what the client asked for; empty before that
   * @param setup what it got, after locks; empty before that
   * @param resumed whether it continued an earlier conversation
   * @param ready whether setupComplete was sent
   * @param history the client's messages that entered the model's history, restored ones included
   * @param frames the client's frames, if they are recorded
   * @param sent the frames sent to it, if they are recorded
   * @param closed whether the connection is over
   * @param closeCode the close code sent or received; 1006 for a connection that just ended
   * @param closeReason the reason that went with it
   * @param closedByClient who was first
   */
  public record Session(
      String id,
      String path,
      String credentialPlace,
      String credential,
      JsonObject clientSetup,
      JsonObject setup,
      boolean resumed,
      boolean ready,
      List<JsonObject> history,
      List<Frame> frames,
      List<Frame> sent,
      boolean closed,
      int closeCode,
      String closeReason,
      boolean closedByClient) {}

  /** The mints so far. */
  public synchronized List<Mint> mints() {
    return List.copyOf(mints);
  }

  /** The connections so far. */
  public synchronized List<Session> sessions() {
    return sessions.stream().map(Entry::view).toList();
  }

  /** Completes with the first mint that matches, one of the past or of the future. */
  public CompletableFuture<Mint> mint(Predicate<Mint> condition) {
    return await(Mint.class, condition, this::mints);
  }

  /**
   * Completes with the first connection that matches, now or after anything happens to it. Its
   * dependents run on the simulator's thread and must not block it.
   */
  public CompletableFuture<Session> session(Predicate<Session> condition) {
    return await(Session.class, condition, this::sessions);
  }

  /** Forgets everything. Connections that are still open are no longer recorded. */
  public synchronized void clear() {
    mints.clear();
    sessions.clear();
  }

  JsonObject toJson() {
    JsonArray mintList = new JsonArray();
    for (Mint mint : mints()) {
      mintList.add(
          new JsonObject()
              .put("path", mint.path())
              .put("headers", new JsonObject(Map.copyOf(mint.headers())))
              .put("body", mint.body())
              .put("status", mint.status())
              .put("token", mint.token()));
    }
    JsonArray sessionList = new JsonArray();
    for (Session session : sessions()) {
      sessionList.add(
          new JsonObject()
              .put("id", session.id())
              .put("path", session.path())
              .put("credentialPlace", session.credentialPlace())
              .put("credential", session.credential())
              .put("clientSetup", session.clientSetup())
              .put("setup", session.setup())
              .put("resumed", session.resumed())
              .put("ready", session.ready())
              .put("history", new JsonArray(session.history()))
              .put("frames", toJson(session.frames()))
              .put("sent", toJson(session.sent()))
              .put("closed", session.closed())
              .put("closeCode", session.closeCode())
              .put("closeReason", session.closeReason())
              .put("closedByClient", session.closedByClient()));
    }
    return new JsonObject().put("mints", mintList).put("sessions", sessionList);
  }

  private static JsonArray toJson(List<Frame> frames) {
    JsonArray list = new JsonArray();
    for (Frame frame : frames) {
      list.add(new JsonObject().put("opcode", frame.opcode()).put("payload", frame.payload()));
    }
    return list;
  }

  boolean on() {
    return recording != Options.Recording.NONE;
  }

  void minted(Mint mint) {
    synchronized (this) {
      if (mints.size() >= MOST) {
        mints.poll();
      }
      mints.add(mint);
    }
    tell(Mint.class, mint);
  }

  Entry opened(String id, String path, String credentialPlace, String credential) {
    Entry entry = new Entry(id, path, credentialPlace, credential);
    if (on()) {
      synchronized (this) {
        if (sessions.size() >= MOST) {
          sessions.poll();
        }
        sessions.add(entry);
      }
      entry.changed();
    }
    return entry;
  }

  /** The page of one connection, filled while it lives. */
  final class Entry {
    private final String id;
    private final String path;
    private final String credentialPlace;
    private final String credential;
    private final List<JsonObject> history = new ArrayList<>();
    private final List<Frame> frames = new ArrayList<>();
    private final List<Frame> sent = new ArrayList<>();
    private JsonObject clientSetup = new JsonObject();
    private JsonObject setup = new JsonObject();
    private boolean resumed;
    private boolean ready;
    private boolean closed;
    private int closeCode;
    private String closeReason = "";
    private boolean closedByClient;
    private long bytes;

    private Entry(String id, String path, String credentialPlace, String credential) {
      this.id = id;
      this.path = path;
      this.credentialPlace = credentialPlace;
      this.credential = credential;
    }

    String id() {
      return id;
    }

    void frame(String opcode, String payload) {
      if (recording == Options.Recording.FRAMES) {
        record(frames, new Frame(opcode, payload));
      }
    }

    void sent(Buffer message) {
      if (recording == Options.Recording.FRAMES) {
        record(sent, new Frame("binary", message.toString()));
      }
    }

    private void record(List<Frame> list, Frame frame) {
      synchronized (Journal.this) {
        bytes += frame.payload().length();
        if (list.size() < MOST_MESSAGES && bytes < MOST_BYTES) {
          list.add(frame);
        }
      }
      changed();
    }

    void setup(JsonObject client, JsonObject effective, boolean continued) {
      synchronized (Journal.this) {
        clientSetup = client;
        setup = effective;
        resumed = continued;
      }
      changed();
    }

    void ready() {
      synchronized (Journal.this) {
        ready = true;
      }
      changed();
    }

    void entered(List<JsonObject> messages) {
      if (!on()) {
        return;
      }
      synchronized (Journal.this) {
        for (JsonObject message : messages) {
          if (history.size() < MOST_MESSAGES) {
            history.add(message);
          }
        }
      }
      changed();
    }

    /** The first close counts; the peer's echo of it does not. */
    void closed(int code, @Nullable String reason, boolean byClient) {
      synchronized (Journal.this) {
        if (closed) {
          return;
        }
        closed = true;
        closeCode = code;
        closeReason = reason == null ? "" : reason;
        closedByClient = byClient;
      }
      changed();
    }

    private Session view() {
      return new Session(
          id,
          path,
          credentialPlace,
          credential,
          clientSetup.copy(),
          setup.copy(),
          resumed,
          ready,
          List.copyOf(history),
          List.copyOf(frames),
          List.copyOf(sent),
          closed,
          closeCode,
          closeReason,
          closedByClient);
    }

    private void changed() {
      Session view;
      synchronized (Journal.this) {
        if (waiters.isEmpty()) {
          return;
        }
        view = view();
      }
      tell(Session.class, view);
    }
  }

  private record Waiter<T>(Class<T> type, Predicate<T> condition, CompletableFuture<T> future) {
    boolean offer(Object value) {
      try {
        return type.isInstance(value)
            && condition.test(type.cast(value))
            && future.complete(type.cast(value));
      } catch (RuntimeException e) {
        // A test's mistake; the simulator's own thread must not fall over it.
        return future.completeExceptionally(e);
      }
    }
  }

  private <T> CompletableFuture<T> await(
      Class<T> type, Predicate<T> condition, Supplier<List<T>> past) {
    Waiter<T> waiter = new Waiter<>(type, condition, new CompletableFuture<>());
    // Waiting starts before looking back, so nothing can slip in between.
    synchronized (this) {
      waiters.removeIf(old -> old.future().isDone());
      waiters.add(waiter);
    }
    for (T value : past.get()) {
      if (waiter.offer(value)) {
        break;
      }
    }
    return waiter.future();
  }

  private void tell(Class<?> type, Object value) {
    List<Waiter<?>> waiting;
    synchronized (this) {
      waiting = List.copyOf(waiters);
    }
    for (Waiter<?> waiter : waiting) {
      if (waiter.type() == type && waiter.offer(value)) {
        synchronized (this) {
          waiters.remove(waiter);
        }
      }
    }
  }
}
