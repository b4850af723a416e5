package io.livegate.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Await;
import io.livegate.RedisServer;
import io.livegate.TestIssuer;
import io.livegate.bench.PackagedGateway;
import io.livegate.bench.Program;
import io.livegate.simulator.Journal;
import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.Options;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * A rolling restart under load: three packaged gateways on one real Redis, behind a real haproxy
 * that asks each whether it is ready, and many people who talk through it all the time.
 */
class RollOutE2E {

  private static final int PEOPLE = 200;
  private static final int RESTARTS = 20;

  /** Within which all of them come: the gateways have just started. */
  private static final int ARRIVAL_MILLIS = 10_000;

  private static final String POLICY =
      """
      version: 1
      rules:
        - name: people
          when: "true"
          models: [gemini-3.8-live]
          modes: [relay]
          setup: {generationConfig: {responseModalities: [AUDIO]}}
          limits:
            - {per: subject, concurrent-sessions: 2}
      """;

  private final HttpClient http = HttpClient.newHttpClient();
  private final String handleKey = key();
  private final List<Integer> ports = new ArrayList<>();
  private final List<Integer> management = new ArrayList<>();
  private final List<PackagedGateway> gateways = new ArrayList<>();
  private TestIssuer issuer;
  private LiveSimulator simulator;
  private RedisServer redis;
  private Program haproxy;
  private URI front;

  private final List<Person> people = new ArrayList<>();
  private final List<Long> pauses = new CopyOnWriteArrayList<>();
  private final AtomicInteger cut = new AtomicInteger();
  private final AtomicInteger refusals = new AtomicInteger();
  private final List<String> lost = new CopyOnWriteArrayList<>();
  private volatile boolean over;

  private static String key() {
    byte[] key = new byte[32];
    new SecureRandom().nextBytes(key);
    return Base64.getEncoder().encodeToString(key);
  }

  private static int freePort() throws IOException {
    try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return free.getLocalPort();
    }
  }

  @BeforeEach
  void start() throws IOException {
    issuer = new TestIssuer();
    simulator = LiveSimulator.start(Options.builder().apiKey(PackagedGateway.API_KEY).build());
    redis = new RedisServer();
    for (int i = 0; i < 3; i++) {
      ports.add(freePort());
      management.add(freePort());
      gateways.add(gateway(i));
    }
    int port = freePort();
    Path config =
        Files.writeString(
            Files.createTempFile("haproxy", ".cfg"),
            """
            defaults
              mode http
              option redispatch 1
              retries 3
              timeout connect 2s
              timeout client 60s
              timeout server 60s
              timeout tunnel 1h
              timeout check 2s
            listen gateways
              bind 127.0.0.1:%d
              balance leastconn
              option httpchk GET /q/health/ready
              default-server check inter 200ms fall 1 rise 1
              server a 127.0.0.1:%d port %d
              server b 127.0.0.1:%d port %d
              server c 127.0.0.1:%d port %d
            """
                .formatted(
                    port,
                    ports.get(0),
                    management.get(0),
                    ports.get(1),
                    management.get(1),
                    ports.get(2),
                    management.get(2)));
    haproxy =
        new Program(
            Path.of("target", "haproxy.log"), List.of("haproxy", "-db", "-f", config.toString()));
    front = URI.create("http://127.0.0.1:" + port);
  }

  private PackagedGateway gateway(int number) throws IOException {
    return new PackagedGateway(
        issuer,
        simulator.baseUrl(),
        POLICY,
        List.of("-Xmx256m"),
        Map.of(
            "quarkus.http.port",
            ports.get(number).toString(),
            "quarkus.management.port",
            management.get(number).toString(),
            "livegate.ledger.store",
            "redis",
            "quarkus.redis.hosts",
            redis.url(),
            "livegate.relay.handle-key",
            handleKey,
            "livegate.relay.drain-time",
            "5s"));
  }

  @AfterEach
  void stop() {
    over = true;
    people.forEach(Person::join);
    haproxy.close();
    gateways.forEach(PackagedGateway::close);
    redis.close();
    simulator.close();
    issuer.close();
  }

  /**
   * Talks, and comes back when told to go away or cut off. What was not answered is said again, as
   * people do; everything else is the gateway's to keep.
   */
  private final class Person {
    private final String name;
    private final Thread thread;
    private int said;
    private String handle = "";
    private final AtomicInteger connections = new AtomicInteger();
    private volatile boolean connected;

    Person(int number) {
      name = "p" + number;
      thread = new Thread(this::live, name);
      thread.setDaemon(true);
      thread.start();
    }

    private void live() {
      try {
        pause(ARRIVAL_MILLIS);
        while (!over) {
          talk(connect());
        }
      } catch (Exception | AssertionError e) {
        lost.add(name + " after " + said + " turns: " + e);
      }
    }

    private Talk connect() throws Exception {
      long start = System.nanoTime();
      int backoffMillis = 100;
      while (true) {
        try {
          Talk talk = Talk.connect(http, front, access());
          talk.say(Talk.resuming(handle));
          talk.ready.get(20, TimeUnit.SECONDS);
          connected = true;
          if (connections.incrementAndGet() > 1) {
            pauses.add(System.nanoTime() - start);
          }
          return talk;
        } catch (Talk.Refused e) {
          // Until haproxy knows who is ready.
          assertTrue(List.of(0, 502, 503, 429).contains(e.status), () -> "refused: " + e.status);
          assertTrue(
              System.nanoTime() - start < Duration.ofSeconds(20).toNanos(),
              () -> "nobody takes it, at last for " + e.status);
          refusals.incrementAndGet();
          pause(backoffMillis);
          backoffMillis = Math.min(2 * backoffMillis, 2000);
        } catch (Exception e) {
          String how = talkOf(e);
          assertTrue(how.contains("1001") || how.contains("1006"), () -> "not resumed: " + how);
        }
      }
    }

    private static String talkOf(Exception e) {
      return e + " " + e.getCause();
    }

    private String access() {
      return issuer.token(name).claim("exp", Instant.now().getEpochSecond() + 3600).sign();
    }

    private void talk(Talk talk) {
      while (!over && !talk.closed.isDone()) {
        int before = talk.turns.get();
        try {
          talk.say(Talk.ask(mark(said)));
        } catch (RuntimeException gone) {
          break;
        }
        Await.until(() -> (talk.turns.get() > before && talk.settled()) || talk.closed.isDone());
        if (talk.turns.get() > before) {
          said++;
        }
        if (talk.settled()) {
          handle = talk.handle;
        }
        if (talk.warnedAt > 0) {
          break;
        }
        pause(3000);
      }
      connected = false;
      talk.hangUp();
      if (talk.closed.getNow("").startsWith("1006")) {
        cut.incrementAndGet();
        // Whom a gateway takes along does not come back together with all others.
        pause(1000);
      }
    }

    /** Waits for up to so long, and half of it on the average. */
    private static void pause(int mostMillis) {
      LockSupport.parkNanos(
          Duration.ofMillis(ThreadLocalRandom.current().nextInt(mostMillis)).toNanos());
    }

    /** What it said number {@code i} is told by. */
    private String mark(int i) {
      return name + "-" + i + ".";
    }

    void join() {
      try {
        thread.join(Duration.ofSeconds(40).toMillis());
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Test
  void noConversationIsLost() throws Exception {
    for (int i = 0; i < PEOPLE; i++) {
      people.add(new Person(i));
    }
    awaitEverybody();
    for (int i = 0; i < RESTARTS; i++) {
      int number = i % 3;
      var stopping = gateways.get(number);
      stopping.program().terminate();
      assertEquals(143, stopping.program().awaitExit(Duration.ofSeconds(20)));
      stopping.close();
      gateways.set(number, gateway(number));
      assertEquals(List.of(), lost);
    }
    print(RESTARTS + " restarts");

    pauses.clear();
    cut.set(0);
    gateways.get(0).program().kill();
    Await.until(() -> !pauses.isEmpty());
    Await.until(() -> cut.get() > 0);
    awaitEverybody();
    assertEquals(cut.get(), pauses.size());
    print("kill -9 of one of three");

    over = true;
    people.forEach(Person::join);
    assertEquals(List.of(), lost);
    Map<String, Journal.Session> last = new HashMap<>();
    for (Journal.Session leg : simulator.journal().sessions()) {
      if (!leg.history().isEmpty()) {
        String text = leg.history().get(0).encode();
        last.put(text.replaceFirst("(?s).*\"(p[0-9]+)-.*", "$1"), leg);
      }
    }
    int turns = 0;
    for (Person person : people) {
      String history = last.get(person.name).history().toString();
      for (int i = 0; i < person.said; i++) {
        String mark = person.mark(i);
        assertTrue(history.contains('"' + mark + '"'), () -> mark + " is not in " + history);
      }
      turns += person.said;
    }
    System.out.printf("%d turns of %d people, none lost%n", turns, PEOPLE);
  }

  private void awaitEverybody() {
    Await.until(() -> !lost.isEmpty() || people.stream().allMatch(person -> person.connected));
    assertEquals(List.of(), lost);
  }

  private void print(String what) {
    long[] sorted = pauses.stream().mapToLong(Long::longValue).sorted().toArray();
    System.out.printf(
        "%s: %d returns, %d refusals; from coming back to setupComplete %d ms p50, %d ms p99,"
            + " %d ms at most%n",
        what,
        sorted.length,
        refusals.getAndSet(0),
        sorted[sorted.length / 2] / 1_000_000,
        sorted[(int) (sorted.length * 0.99)] / 1_000_000,
        sorted[sorted.length - 1] / 1_000_000);
  }
}
