package io.livegate.bench;

import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpClientRequest;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.IntFunction;
import java.util.function.Supplier;

/** Sends POST requests over kept connections and measures what comes back. */
final class Load implements AutoCloseable {

  private static final int CONNECTIONS = 2000;
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  /** One request: headers and body. */
  record Message(Map<String, String> headers, String body) {}

  /**
   * What came back.
   *
   * @param seconds from the first request until the last answer
   * @param latencies in nanoseconds by status, ascending; status 0 stands for no answer
   * @param cpu what the watched process used meanwhile
   */
  record Result(double seconds, Map<Integer, long[]> latencies, Duration cpu) {

    int answered(int status) {
      return latencies.getOrDefault(status, new long[0]).length;
    }

    int total() {
      return latencies.values().stream().mapToInt(values -> values.length).sum();
    }

    double perSecond(int status) {
      return answered(status) / seconds;
    }

    double cpuMicros() {
      return cpu.toNanos() / 1e3 / total();
    }

    double millis(int status, double quantile) {
      long[] values = latencies.getOrDefault(status, new long[0]);
      return values.length == 0
          ? Double.NaN
          : values[(int) Math.min(values.length - 1, quantile * values.length)] / 1e6;
    }
  }

  private final Vertx vertx;
  private final HttpClient client;

  Load() {
    vertx = Vertx.vertx(new VertxOptions().setEventLoopPoolSize(1).setPreferNativeTransport(false));
    client =
        vertx.createHttpClient(
            new HttpClientOptions()
                .setMaxPoolSize(CONNECTIONS)
                .setMaxWaitQueueSize(-1)
                .setConnectTimeout(10_000)
                .setKeepAliveTimeout(120));
  }

  /**
   * Open loop: sends at moments fixed beforehand, however slow the answers are, and measures from
   * those moments.
   */
  Result atRate(
      URI target,
      IntFunction<Message> messages,
      int perSecond,
      Duration duration,
      Supplier<Duration> cpu) {
    int count = (int) (perSecond * duration.toMillis() / 1000);
    var run = new Run(target, messages, cpu, count);
    long interval = TimeUnit.SECONDS.toNanos(1) / perSecond;
    for (int i = 0; i < count; i++) {
      long due = run.start + i * interval;
      for (long left = due - System.nanoTime(); left > 0; left = due - System.nanoTime()) {
        LockSupport.parkNanos(left);
      }
      run.sendAt(due);
    }
    return run.result();
  }

  /** Closed loop: keeps that many requests in flight. */
  Result saturating(
      URI target,
      IntFunction<Message> messages,
      int inFlight,
      Duration duration,
      Supplier<Duration> cpu) {
    var run = new Run(target, messages, cpu, inFlight);
    run.end = run.start + duration.toNanos();
    for (int i = 0; i < inFlight; i++) {
      run.sendAt(System.nanoTime());
    }
    return run.result();
  }

  /** Sends one request and returns its status. */
  int once(HttpMethod method, URI target, Message message) {
    var statuses = new ArrayList<Integer>();
    var done = new CountDownLatch(1);
    send(
        method,
        target,
        message,
        status -> {
          statuses.add(status);
          done.countDown();
        });
    await(done);
    return statuses.get(0);
  }

  @Override
  public void close() {
    vertx.close().toCompletionStage().toCompletableFuture().join();
  }

  private interface Answered {
    void status(int status);
  }

  private void send(HttpMethod method, URI target, Message message, Answered answered) {
    var options =
        new RequestOptions()
            .setMethod(method)
            .setHost(target.getHost())
            .setPort(target.getPort())
            .setURI(target.getPath());
    message.headers().forEach(options::addHeader);
    client
        .request(options)
        .compose((HttpClientRequest request) -> request.send(message.body()))
        .compose(response -> response.body().map(body -> response.statusCode()))
        .onComplete(done -> answered.status(done.succeeded() ? done.result() : 0));
  }

  private static void await(CountDownLatch latch) {
    try {
      if (!latch.await(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
        throw new AssertionError("no answer within " + PATIENCE);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  /** One measurement. Everything but the latch is touched on the event loop only. */
  private final class Run {
    private final URI target;
    private final IntFunction<Message> messages;
    private final Supplier<Duration> cpu;
    private final Duration cpuBefore;
    private final CountDownLatch chains;
    private final Map<Integer, List<Long>> latencies = new TreeMap<>();
    private final long start = System.nanoTime();
    private volatile long end;
    private int sent;

    Run(URI target, IntFunction<Message> messages, Supplier<Duration> cpu, int chains) {
      this.target = target;
      this.messages = messages;
      this.cpu = cpu;
      this.cpuBefore = cpu.get();
      this.chains = new CountDownLatch(chains);
    }

    /** Starts a chain: a request, followed by others for as long as the run has time. */
    void sendAt(long due) {
      vertx.runOnContext(ignored -> send(due));
    }

    private void send(long due) {
      Load.this.send(
          HttpMethod.POST, target, messages.apply(sent++), status -> answered(due, status));
    }

    private void answered(long due, int status) {
      long now = System.nanoTime();
      latencies.computeIfAbsent(status, unseen -> new ArrayList<>()).add(now - due);
      if (end - now > 0 && end != 0) {
        send(now);
      } else {
        chains.countDown();
      }
    }

    Result result() {
      try {
        if (!chains.await(10, TimeUnit.MINUTES)) {
          throw new AssertionError("the run does not end");
        }
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new AssertionError(e);
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      Duration used = cpu.get().minus(cpuBefore);
      var sorted = new TreeMap<Integer, long[]>();
      latencies.forEach(
          (status, values) -> {
            long[] array = values.stream().mapToLong(Long::longValue).toArray();
            Arrays.sort(array);
            sorted.put(status, array);
          });
      return new Result(seconds, sorted, used);
    }
  }
}
