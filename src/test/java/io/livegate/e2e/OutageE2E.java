package io.livegate.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Await;
import io.livegate.bench.PackagedGateway;
import io.vertx.core.json.JsonObject;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What people who talk, and those who want to, notice of a Redis that is away. */
class OutageE2E extends Replicas {

  private static final Duration OUTAGE = Duration.ofSeconds(30);

  /** How long after it a gateway may still refuse. */
  private static final Duration RECOVERY = Duration.ofSeconds(15);

  private enum Outage {
    PAUSED("Redis paused"),
    CUT_OFF("Redis cut off"),
    REPLACED("Redis cut off, and its old connections dead for good");

    private final String words;

    Outage(String words) {
      this.words = words;
    }
  }

  /** People who talk all the time, four at each gateway. */
  private final class Crowd implements AutoCloseable {
    private final List<Talk> talks = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final Queue<Throwable> failures = new ConcurrentLinkedQueue<>();
    private volatile boolean over;

    Crowd() throws Exception {
      for (int i = 0; i < 12; i++) {
        PackagedGateway gateway = gateways.get(i % 3);
        Talk talk = ready(gateway, relayToken(gateway, user(i)));
        talks.add(talk);
        var thread = new Thread(() -> talk(talk));
        threads.add(thread);
        thread.start();
      }
    }

    static String user(int number) {
      return "talker-" + number;
    }

    private void talk(Talk talk) {
      try {
        while (!over) {
          talk.turn();
          LockSupport.parkNanos(Duration.ofMillis(400).toNanos());
        }
      } catch (RuntimeException | AssertionError e) {
        failures.add(e);
      }
    }

    int turns() {
      return talks.stream().mapToInt(talk -> talk.turns.get()).sum();
    }

    /** Ends what they say, and then all sessions. */
    @Override
    public void close() {
      over = true;
      Await.until(() -> threads.stream().noneMatch(Thread::isAlive));
      talks.forEach(Talk::hangUp);
    }
  }

  @ParameterizedTest
  @EnumSource
  void whileRedisIsAwaySessionsGoOnAndNothingIsLost(Outage outage) throws Exception {
    String idle = relayToken(gateways.get(0), "eva");
    int granted = 1;
    int refused = 0;
    int before;
    int during;
    Map<Integer, Long> recovered = new TreeMap<>();
    var crowd = new Crowd();
    try (crowd) {
      Await.until(() -> crowd.talks.stream().allMatch(talk -> talk.turns.get() > 2));
      before = crowd.turns();
      begin(outage);
      long began = System.nanoTime();
      while (System.nanoTime() - began < OUTAGE.toNanos()) {
        PackagedGateway gateway = gateways.get(refused % 3);
        var answer = ask(gateway);
        assertEquals(503, answer.statusCode(), answer.body());
        assertEquals("ledger-unavailable", new JsonObject(answer.body()).getString("code"));
        assertTrue(answer.headers().firstValue("Retry-After").isPresent());
        try {
          connect(gateway, idle).hangUp();
          throw new AssertionError("admitted without a ledger");
        } catch (Talk.Refused e) {
          assertEquals(503, e.status);
        }
        refused += 2;
        assertTrue(health(gateway).contains("\"status\": \"UP\""));
      }
      during = crowd.turns() - before;
      end(outage);
      long ended = System.nanoTime();
      while (recovered.size() < 3) {
        for (int i = 0; i < 3; i++) {
          if (!recovered.containsKey(i) && ask(gateways.get(i)).statusCode() == 201) {
            recovered.put(i, (System.nanoTime() - ended) / 1_000_000);
            granted++;
          }
        }
        assertTrue(
            System.nanoTime() - ended < RECOVERY.toNanos(), () -> "still away: " + recovered);
      }
      int after = crowd.turns();
      Await.until(() -> crowd.turns() > after + 24);
    }
    assertTrue(crowd.failures.isEmpty(), crowd.failures::toString);
    int said = 0;
    for (int i = 0; i < crowd.talks.size(); i++) {
      String user = Crowd.user(i);
      int expected = crowd.talks.get(i).tokens.get();
      Await.until(() -> tokens(user) >= expected);
      assertEquals(expected, tokens(user));
      said += expected;
    }
    System.out.printf(
        "%s for %d s: 12 sessions had %d turns meanwhile, %d requests got 503; tokens again after %s"
            + " ms at the three gateways, and all %d Gemini tokens are counted%n",
        outage.words, OUTAGE.toSeconds(), during, refused, recovered.values(), said);
    assertTrue(during > before, "the sessions stood still");
    // What was refused has not counted, nor used a token up, nor a slot.
    assertEquals(granted, usage("eva").getInteger("grants"));
    Await.until(() -> running() == 0);
    for (int i = 0; i < 5; i++) {
      ready(gateways.get(1), idle).hangUp();
    }
  }

  private HttpResponse<String> ask(PackagedGateway gateway) throws Exception {
    return send(gateway, "POST", "/v1/tokens", access("eva", "talkers"), "{\"mode\":\"relay\"}");
  }

  private void begin(Outage outage) {
    switch (outage) {
      case PAUSED -> redis.pause();
      case CUT_OFF, REPLACED -> network.cut();
    }
  }

  private void end(Outage outage) {
    switch (outage) {
      case PAUSED -> redis.resume();
      case CUT_OFF -> network.mend();
      case REPLACED -> network.mendForNewConnections();
    }
  }

  @Test
  void whenRedisComesBackEmptyWhatReplicasKnowIsPutBack() throws Exception {
    String admin = access("root", "platform-sre");
    String stale = relayToken(gateways.get(0), "kim");
    var crowd = new Crowd();
    var holders = new ArrayList<Talk>();
    int before;
    long took;
    try (crowd) {
      Talk kim = ready(gateways.get(0), relayToken(gateways.get(0), "kim"));
      kim.turn();
      for (int i = 0; i < 7; i++) {
        holders.add(ready(gateways.get(i % 3), access("holder-" + i, "crowd")));
      }
      send(
          gateways.get(0),
          "PUT",
          "/admin/v1/subjects/default:mallory/block",
          admin,
          "{\"until\":\"" + Instant.now().plusSeconds(3600) + "\"}");
      Await.until(() -> tokens("kim") > 0 && crowd.turns() > 36);
      before = tokens(Crowd.user(0));
      redis.kill();
      redis.restart();

      long restarted = System.nanoTime();
      Await.until(() -> running() == 20);
      took = Duration.ofNanos(System.nanoTime() - restarted).toMillis();
      for (PackagedGateway gateway : gateways) {
        var blocked = send(gateway, "POST", "/v1/tokens", access("mallory", "talkers"), "{}");
        assertEquals(403, blocked.statusCode(), blocked.body());
        assertEquals(429, status(gateway, access("late", "crowd")), "one session too many");
        assertEquals(401, status(gateway, stale), "a token that nobody knows was taken");
        Await.until(() -> metrics(gateway).contains("livegate_ledger_emptied_total 1.0"));
        assertTrue(health(gateway).contains("\"status\": \"UP\""));
      }
      assertEquals(0, tokens("kim"), "budgets begin anew");
      kim.turn();
      Await.until(() -> tokens("kim") > 0);
      int after = crowd.turns();
      Await.until(() -> crowd.turns() > after + 24);
      assertTrue(holders.stream().noneMatch(talk -> talk.closed.isDone()));
      kim.hangUp();
      holders.forEach(Talk::hangUp);
    }
    assertTrue(crowd.failures.isEmpty(), crowd.failures::toString);
    Await.until(() -> running() == 0);
    int counted = tokens(Crowd.user(0));
    int all = crowd.talks.get(0).tokens.get();
    System.out.printf(
        "Redis restarted empty under 20 sessions: they and the block are back after %d ms; the"
            + " eighth session of seven is refused with 429, the token of before with 401; budgets"
            + " began anew (one user had %d tokens, then %d of %d are counted), and"
            + " livegate_ledger_emptied_total is 1 at each gateway%n",
        took, before, counted, all);
    assertTrue(counted > 0 && counted <= all - before, "what was before is not counted again");
  }

  private int status(PackagedGateway gateway, String credential) {
    try {
      connect(gateway, credential).hangUp();
      return 101;
    } catch (Talk.Refused e) {
      return e.status;
    }
  }

  @Test
  void whatMayGoUncountedIsHandedOutWhileRedisIsAway() throws Exception {
    gateways.add(gateway(3, "allow"));
    var allowing = gateways.get(3);
    String user = access("ada", "talkers");
    String admin = access("root", "platform-sre");
    redis.pause();
    try {
      // Of a rule whose direct tokens are good at the relay, too.
      var direct = send(allowing, "POST", "/v1/tokens", user, "{\"mode\":\"direct\"}");
      assertEquals(201, direct.statusCode(), direct.body());
      String grant = "rant " + new JsonObject(direct.body()).getString("grantId");
      Await.until(() -> allowing.program().log().contains(grant + " is handed out without its"));
      Await.until(() -> allowing.program().log().contains(grant + " is good at Google only"));
      var relay = send(allowing, "POST", "/v1/tokens", user, "{\"mode\":\"relay\"}");
      assertEquals(503, relay.statusCode(), relay.body());
      var end = send(allowing, "DELETE", "/admin/v1/sessions?subject=default:bob", admin, "");
      assertEquals(503, end.statusCode(), end.body());
      Await.until(
          () ->
              allowing
                  .program()
                  .log()
                  .lines()
                  .filter(line -> line.contains("ledger-unavailable"))
                  .anyMatch(line -> line.contains("session.ended") && line.contains("root")));
      Talk talk = ready(allowing, user);
      talk.turn();
      redis.resume();
      // From then on all know it, and it can be ended.
      Await.until(
          () ->
              send(gateways.get(0), "DELETE", "/admin/v1/sessions?subject=default:ada", admin, "")
                  .body()
                  .contains("\"ended\":1"));
      assertEquals("1008 ended by an administrator", talk.closed.get(20, TimeUnit.SECONDS));
    } finally {
      redis.resume();
    }
  }
}
