package io.livegate.bench;

import io.livegate.Certificates;
import io.netty.channel.EventLoop;
import io.vertx.core.Future;
import io.vertx.core.MultiMap;
import io.vertx.core.Promise;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import io.vertx.core.http.WebSocket;
import io.vertx.core.http.WebSocketClient;
import io.vertx.core.http.WebSocketClientOptions;
import io.vertx.core.http.WebSocketConnectOptions;
import io.vertx.core.impl.ContextInternal;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemTrustOptions;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/** Holds Live sessions on one event loop, and measures what passes through them. */
final class LiveLoad implements AutoCloseable {

  static final String SETUP = "{\"setup\":{\"model\":\"models/gemini-3.8-live\"}}";

  private static final String PATH =
      "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  private static final int LARGEST = 1 << 20;
  private static final int AT_A_TIME = 32;
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** Where sessions are opened: an address, and what authenticates there. */
  record Target(URI url, Map<String, String> headers) {}

  /** What messages did, there and back. All came, in order. */
  static final class Result {
    private final long[] roundTrips;
    private final Duration cpu;

    /**
     * What was measured.
     *
     * @param roundTrips in nanoseconds
     * @param cpu what the watched process used meanwhile
     */
    private Result(long[] roundTrips, Duration cpu) {
      this.roundTrips = roundTrips;
      this.cpu = cpu;
      Arrays.sort(roundTrips);
    }

    double micros(double quantile) {
      return roundTrips[(int) Math.min(roundTrips.length - 1, quantile * roundTrips.length)] / 1e3;
    }

    /** CPU of one message in one direction. */
    double cpuMicros() {
      return cpu.toNanos() / 1e3 / roundTrips.length / 2;
    }
  }

  private final Vertx vertx;
  private final ContextInternal context;
  private final WebSocketClient sockets;
  private final HttpClient http;

  LiveLoad(Certificates certificates) {
    vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1).setPreferNativeTransport(true));
    context = (ContextInternal) vertx.getOrCreateContext();
    var trust = new PemTrustOptions().addCertPath(certificates.authority().toString());
    sockets =
        vertx.createWebSocketClient(
            new WebSocketClientOptions()
                .setTrustOptions(trust)
                .setMaxConnections(10_000)
                .setMaxFrameSize(LARGEST)
                .setMaxMessageSize(LARGEST));
    http = vertx.createHttpClient(new HttpClientOptions().setTrustOptions(trust));
  }

  @Override
  public void close() {
    await(vertx.close());
  }

  // --- Sessions

  /** Opens a WebSocket, sends the setup and waits until it is complete. */
  Future<WebSocket> open(Target target) {
    Promise<WebSocket> opened = Promise.promise();
    var options =
        new WebSocketConnectOptions()
            .setHost(target.url().getHost())
            .setPort(target.url().getPort())
            .setSsl(target.url().getScheme().equals("https"))
            .setURI(PATH)
            .setHeaders(MultiMap.caseInsensitiveMultiMap().addAll(target.headers()));
    context.runOnContext(
        ignored ->
            sockets
                .connect(options)
                .onFailure(opened::fail)
                .onSuccess(
                    socket -> {
                      socket.closeHandler(
                          closed ->
                              opened.tryFail(
                                  "closed before setupComplete: "
                                      + socket.closeStatusCode()
                                      + " "
                                      + socket.closeReason()));
                      socket.handler(
                          message -> {
                            if (message.toString().contains("\"setupComplete\"")) {
                              opened.tryComplete(socket);
                            }
                          });
                      socket.writeFinalTextFrame(SETUP);
                    }));
    return opened.future();
  }

  /** Opens many, some at a time. */
  List<WebSocket> open(Target target, int count) {
    var open = new ArrayList<WebSocket>();
    while (open.size() < count) {
      List<Future<WebSocket>> some = new ArrayList<>();
      for (int i = Math.min(AT_A_TIME, count - open.size()); i > 0; i--) {
        some.add(open(target));
      }
      some.forEach(session -> open.add(await(session)));
    }
    return open;
  }

  void close(List<WebSocket> sessions) {
    sessions.stream().map(WebSocket::close).toList().forEach(LiveLoad::await);
  }

  /**
   * Opens and closes sessions one after the other.
   *
   * @param mint where to get a token first, as clients without a relay must
   * @return nanoseconds of each until setupComplete, ascending
   */
  long[] openEach(Target target, boolean mint, int count) {
    long[] nanos = new long[count];
    for (int i = 0; i < count; i++) {
      long start = System.nanoTime();
      if (mint) {
        await(post(target.url().resolve("/v1beta/auth_tokens")));
      }
      WebSocket session = await(open(target));
      nanos[i] = System.nanoTime() - start;
      await(session.close());
    }
    Arrays.sort(nanos);
    return nanos;
  }

  /** Posts what mints a token, or what {@link EchoGoogle} is told. */
  Future<Buffer> post(URI target) {
    Promise<Buffer> answered = Promise.promise();
    var options = new RequestOptions().setMethod(HttpMethod.POST).setAbsoluteURI(target.toString());
    context.runOnContext(
        ignored ->
            http.request(options)
                .compose(request -> request.send(SETUP))
                .compose(response -> response.body())
                .onComplete(answered));
    return answered.future();
  }

  static <T> T await(Future<T> future) {
    try {
      return future
          .toCompletionStage()
          .toCompletableFuture()
          .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    } catch (ExecutionException | TimeoutException e) {
      throw new AssertionError(e);
    }
  }

  // --- Pressure

  void send(WebSocket session, String message) {
    context.runOnContext(ignored -> session.writeTextMessage(message));
  }

  /** Reads a message at a time, about 100 KB/s, until {@link Reader#finish}. */
  Reader readSlowly(WebSocket session) {
    return new Reader(session);
  }

  /** Sends numbered messages as fast as the session takes them, until {@link Flood#finish}. */
  Flood flood(WebSocket session, int size) {
    return new Flood(session, size);
  }

  /** A client that cannot keep up with {@link EchoGoogle#FLOOD}. */
  final class Reader {
    private final WebSocket session;
    private final long timer;
    private final Promise<JsonObject> told = Promise.promise();
    private long count;
    private boolean inOrder = true;

    private Reader(WebSocket session) {
      this.session = session;
      session.pause();
      session.handler(this::received);
      session.closeHandler(closed -> told.tryFail("closed: " + session.closeStatusCode()));
      timer = vertx.setPeriodic(EchoGoogle.SIP_MILLIS, tick -> session.fetch(1));
    }

    private void received(Buffer message) {
      long number = Numbered.number(message);
      if (number >= 0) {
        inOrder &= number == count++;
      } else {
        told.tryComplete(new JsonObject(message));
      }
    }

    /** Reads the rest; what the other side says it sent. */
    Future<JsonObject> finish() {
      vertx.cancelTimer(timer);
      send(session, EchoGoogle.DONE);
      context.runOnContext(ignored -> session.resume());
      return told.future();
    }

    long count() {
      return count;
    }

    boolean isInOrder() {
      return inOrder;
    }
  }

  /** A client that sends faster than {@link EchoGoogle#SIP} reads. */
  final class Flood {
    private final WebSocket session;
    private final Numbered messages;
    private final Promise<JsonObject> told = Promise.promise();
    private boolean finished;
    private long count;

    private Flood(WebSocket session, int size) {
      this.session = session;
      messages = new Numbered(size);
      session.handler(this::received);
      session.closeHandler(closed -> told.tryFail("closed: " + session.closeStatusCode()));
      context.runOnContext(ignored -> flood());
    }

    private void flood() {
      while (!finished && !session.writeQueueFull()) {
        session.writeTextMessage(messages.message(count++));
      }
      if (!finished) {
        session.drainHandler(room -> flood());
      }
    }

    private void received(Buffer message) {
      if (message.toString().contains("count")) {
        told.tryComplete(new JsonObject(message));
      }
    }

    /** Stops; what the other side says it got. */
    Future<JsonObject> finish() {
      context.runOnContext(
          ignored -> {
            finished = true;
            session.writeTextMessage(EchoGoogle.DONE);
          });
      return told.future();
    }

    long count() {
      return count;
    }
  }

  // --- Messages

  /**
   * Sends numbered messages at a rate, evenly spread over the sessions, and waits until all are
   * back.
   *
   * @param perSecond of each session
   * @throws AssertionError if one is lost, changed in size or out of order
   */
  Result exchange(
      List<WebSocket> sessions,
      Numbered messages,
      int perSecond,
      Duration duration,
      Supplier<Duration> cpu) {
    var run = new Run(sessions, messages, perSecond, duration, context.nettyEventLoop());
    Duration before = cpu.get();
    context.runOnContext(ignored -> run.start());
    await(run.done.future());
    Duration used = cpu.get().minus(before);
    return new Result(run.roundTrips, used);
  }

  /** One measurement, on the event loop. */
  private static final class Run {
    private final List<WebSocket> sessions;
    private final Numbered messages;
    private final EventLoop loop;
    private final int count;
    private final long interval;
    private final long[] sentAt;
    private final long[] roundTrips;
    private final Promise<Void> done = Promise.promise();
    private long start;
    private int sent;
    private int received;

    Run(
        List<WebSocket> sessions,
        Numbered messages,
        int perSecond,
        Duration duration,
        EventLoop loop) {
      this.sessions = sessions;
      this.messages = messages;
      this.loop = loop;
      int rate = sessions.size() * perSecond;
      count = (int) (rate * duration.toMillis() / 1000);
      interval = TimeUnit.SECONDS.toNanos(1) / rate;
      sentAt = new long[count];
      roundTrips = new long[count];
    }

    void start() {
      for (int i = 0; i < sessions.size(); i++) {
        // Each session has each so-manieth message.
        int[] next = {i};
        WebSocket session = sessions.get(i);
        session.handler(
            message -> {
              received(message, next[0]);
              next[0] += sessions.size();
            });
        session.closeHandler(
            closed -> done.tryFail("a session was closed: " + session.closeStatusCode()));
      }
      start = System.nanoTime();
      send();
    }

    @SuppressWarnings("FutureReturnValueIgnored") // what fails in it fails the run by its absence
    private void send() {
      long now = System.nanoTime();
      while (sent < count && now - start - sent * interval >= 0) {
        String message = messages.message(sent);
        sentAt[sent] = System.nanoTime();
        sessions.get(sent % sessions.size()).writeFinalTextFrame(message);
        sent++;
      }
      if (sent < count) {
        loop.schedule(
            this::send, start + sent * interval - System.nanoTime(), TimeUnit.NANOSECONDS);
      }
    }

    private void received(Buffer message, int expected) {
      if (Numbered.number(message) != expected || message.length() != messages.size()) {
        done.tryFail("lost or out of order: message " + expected);
        return;
      }
      roundTrips[received++] = System.nanoTime() - sentAt[expected];
      if (received == count) {
        done.tryComplete();
      }
    }
  }
}
