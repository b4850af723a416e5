package io.livegate.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Await;
import io.livegate.RedisServer;
import io.livegate.TestIssuer;
import io.livegate.bench.PackagedGateway;
import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.Options;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Three packaged gateways on one real Redis: what holds across them, and when some of it dies. */
class ReplicasE2E {

  private static final String POLICY =
      """
      version: 1
      admins: "'platform-sre' in claims.groups"
      rules:
        - name: crowd
          when: "'crowd' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay]
          setup: {generationConfig: {responseModalities: [AUDIO]}}
          limits:
            - {per: rule, concurrent-sessions: 7, grants-per-day: 150}
        - name: talkers
          when: "'talkers' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay, direct]
          token: {uses: 5, start-within: 30m}
          setup: {generationConfig: {responseModalities: [AUDIO]}}
          limits:
            - {per: subject, usage-tokens-per-day: 1000000}
          direct-reserve: 1000
      """;

  private static final String SETUP = "{\"setup\":{\"model\":\"models/gemini-3.8-live\"}}";
  private static final Pattern MANAGEMENT =
      Pattern.compile("Management interface listening on (http://127\\.0\\.0\\.1:[0-9]+)");

  private final HttpClient http = HttpClient.newHttpClient();
  private TestIssuer issuer;
  private LiveSimulator simulator;
  private RedisServer redis;
  private final List<PackagedGateway> gateways = new ArrayList<>();
  private final String handleKey = key();

  private static String key() {
    byte[] key = new byte[32];
    new Random().nextBytes(key);
    return Base64.getEncoder().encodeToString(key);
  }

  @BeforeEach
  void start() throws IOException {
    issuer = new TestIssuer();
    simulator =
        LiveSimulator.start(
            Options.builder()
                .apiKey(PackagedGateway.API_KEY)
                .chunkInterval(Duration.ofMillis(1))
                .build());
    redis = new RedisServer();
    for (int i = 0; i < 3; i++) {
      gateways.add(gateway(i));
    }
  }

  private PackagedGateway gateway(int number) throws IOException {
    return gateway(number, "refuse");
  }

  private PackagedGateway gateway(int number, String onFailure) throws IOException {
    return new PackagedGateway(
        issuer,
        simulator.baseUrl(),
        POLICY,
        List.of("-Xmx256m"),
        Map.of(
            "livegate.ledger.store",
            "redis",
            "livegate.ledger.on-failure",
            onFailure,
            "quarkus.redis.hosts",
            redis.url(),
            "livegate.replica",
            "replica-" + number,
            "livegate.relay.handle-key",
            handleKey,
            "livegate.relay.drain-time",
            "6s"));
  }

  @AfterEach
  void stop() {
    gateways.forEach(PackagedGateway::close);
    redis.close();
    simulator.close();
    issuer.close();
  }

  // --- A client

  private Talk connect(PackagedGateway gateway, String credential) throws Talk.Refused {
    return Talk.connect(http, gateway.url(), credential);
  }

  private Talk ready(PackagedGateway gateway, String credential) throws Exception {
    return ready(gateway, credential, SETUP);
  }

  private Talk ready(PackagedGateway gateway, String credential, String setup) throws Exception {
    Talk talk = connect(gateway, credential);
    talk.say(setup);
    talk.ready.get(20, TimeUnit.SECONDS);
    return talk;
  }

  private String access(String sub, String group) {
    return issuer
        .token(sub)
        .groups(group)
        .claim("exp", Instant.now().getEpochSecond() + 3600)
        .sign();
  }

  private HttpResponse<String> send(
      PackagedGateway gateway, String method, String path, String token, String body)
      throws IOException, InterruptedException {
    return http.send(
        HttpRequest.newBuilder(URI.create(gateway.url() + path))
            .header("Authorization", "Bearer " + token)
            .header("Content-Type", "application/json")
            .method(method, HttpRequest.BodyPublishers.ofString(body))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  private String relayToken(PackagedGateway gateway, String sub) throws Exception {
    var answer =
        send(gateway, "POST", "/v1/tokens", access(sub, "talkers"), "{\"mode\":\"relay\"}");
    assertEquals(201, answer.statusCode(), answer.body());
    return new JsonObject(answer.body()).getString("token");
  }

  private String metrics(PackagedGateway gateway) throws Exception {
    var address = MANAGEMENT.matcher(gateway.program().log());
    assertTrue(address.find());
    return http.send(
            HttpRequest.newBuilder(URI.create(address.group(1) + "/q/metrics")).build(),
            HttpResponse.BodyHandlers.ofString())
        .body();
  }

  // --- What holds

  @Test
  void limitsHoldAcrossReplicasThatAreKilled() throws Exception {
    var count = new Count();
    long end = System.nanoTime() + Duration.ofSeconds(15).toNanos();
    var clients = new ArrayList<Thread>();
    for (int i = 0; i < 20; i++) {
      String token = access("crowd-" + i, "crowd");
      var random = new Random(i);
      var client =
          new Thread(
              () -> {
                while (System.nanoTime() < end) {
                  hold(token, random, count);
                }
              });
      clients.add(client);
      client.start();
    }
    Await.until(() -> count.granted.get() > 20);
    gateways.get(0).program().kill();
    int atKill = count.granted.get();
    Await.until(() -> count.granted.get() > atKill + 20 || System.nanoTime() > end);
    gateways.set(0, gateway(0));
    for (Thread client : clients) {
      client.join();
    }
    System.out.printf(
        "20 clients, 3 gateways, one killed: %d sessions granted of 150, %d refused, at most %d at a"
            + " time of 7%n",
        count.granted.get(), count.refused.get(), count.most.get());
    assertTrue(count.most.get() <= 7, "one too many at a time");
    assertTrue(count.refused.get() > 0, "the limit was never reached");
    assertTrue(count.granted.get() <= 150);

    // What is left of the day's grants is given out to the last, and no slot is lost meanwhile.
    gateways.get(1).program().kill();
    Await.until(
        () -> {
          hold(access("late", "crowd"), new Random(1), count);
          var answer = send(gateways.get(2), "POST", "/v1/tokens", access("late", "crowd"), "{}");
          count.tokens.addAndGet(answer.statusCode() == 201 ? 1 : 0);
          return answer.body().contains("rule.grants-per-day");
        });
    assertTrue(count.most.get() <= 7, "one too many at a time");
    int lost = 150 - count.granted.get() - count.tokens.get();
    System.out.printf(
        "Of 150 grants %d were heard of by who asked, and %d were counted by a gateway that was"
            + " killed before it answered, in %d requests%n",
        150 - lost, lost, count.unanswered.get());
    assertTrue(lost >= 0 && lost <= count.unanswered.get());
  }

  /** What the clients saw. */
  private static final class Count {
    private final AtomicInteger holding = new AtomicInteger();
    private final AtomicInteger most = new AtomicInteger();
    private final AtomicInteger granted = new AtomicInteger();
    private final AtomicInteger tokens = new AtomicInteger();
    private final AtomicInteger refused = new AtomicInteger();
    private final AtomicInteger unanswered = new AtomicInteger();
  }

  private void hold(String token, Random random, Count count) {
    try {
      Talk talk = connect(gateways.get(random.nextInt(gateways.size())), token);
      count.granted.incrementAndGet();
      int now = count.holding.incrementAndGet();
      count.most.accumulateAndGet(now, Math::max);
      talk.closed.completeOnTimeout("", 20 + random.nextInt(200), TimeUnit.MILLISECONDS).join();
      // Before it is given back, so that this never counts more than the gateways do.
      count.holding.decrementAndGet();
      talk.hangUp();
    } catch (Talk.Refused e) {
      if (e.status != 0) {
        assertEquals(429, e.status);
        count.refused.incrementAndGet();
      } else {
        count.unanswered.incrementAndGet();
      }
      try {
        Thread.sleep(random.nextInt(20));
      } catch (InterruptedException interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  @Test
  void slotsOfAKilledReplicaAreFreeWithinTwentySeconds() throws Exception {
    for (int i = 0; i < 7; i++) {
      ready(gateways.get(0), access("crowd-" + i, "crowd"));
    }
    gateways.get(0).program().kill();
    long killed = System.nanoTime();
    var sessions = new ArrayList<Talk>();
    while (sessions.size() < 7) {
      try {
        sessions.add(ready(gateways.get(1 + sessions.size() % 2), access("next", "crowd")));
      } catch (Talk.Refused e) {
        assertEquals(429, e.status);
        assertTrue(System.nanoTime() - killed < Duration.ofSeconds(20).toNanos(), "a slot is lost");
        TimeUnit.MILLISECONDS.sleep(200);
      }
    }
    System.out.printf(
        "A killed gateway's 7 slots were taken again after %d s%n",
        Duration.ofNanos(System.nanoTime() - killed).toSeconds());
    sessions.forEach(Talk::hangUp);
  }

  @Test
  void anAdministratorReachesEveryReplicaWithinTwoSeconds() throws Exception {
    String admin = access("root", "platform-sre");
    for (String what : List.of("session", "subject", "rule", "block")) {
      var talks = new ArrayList<Talk>();
      for (PackagedGateway gateway : gateways) {
        talks.add(ready(gateway, relayToken(gateways.get(0), "ada-" + what)));
      }
      var listed =
          new JsonObject(
                  send(
                          gateways.get(1),
                          "GET",
                          "/admin/v1/sessions?subject=default:ada-" + what,
                          admin,
                          "")
                      .body())
              .getJsonArray("sessions");
      assertEquals(3, listed.size(), listed::encode);
      long told = System.nanoTime();
      switch (what) {
        case "session" -> {
          for (Object session : listed) {
            String id = ((JsonObject) session).getString("id");
            assertEquals(
                202,
                send(gateways.get(2), "DELETE", "/admin/v1/sessions/" + id, admin, "")
                    .statusCode());
          }
        }
        case "subject" ->
            send(
                gateways.get(2),
                "DELETE",
                "/admin/v1/sessions?subject=default:ada-subject",
                admin,
                "");
        case "rule" ->
            send(gateways.get(2), "DELETE", "/admin/v1/sessions?rule=talkers", admin, "");
        default ->
            send(
                gateways.get(2),
                "PUT",
                "/admin/v1/subjects/default:ada-block/block",
                admin,
                "{\"until\":\"" + Instant.now().plusSeconds(3600) + "\"}");
      }
      long last = told;
      for (Talk talk : talks) {
        assertEquals("1008 ended by an administrator", talk.closed.get(10, TimeUnit.SECONDS));
        last = Math.max(last, talk.closedAt);
      }
      Duration took = Duration.ofNanos(last - told);
      System.out.printf(
          "By %s: sessions of three gateways ended after %d ms%n", what, took.toMillis());
      assertTrue(took.toMillis() < 2000);
    }
    var again = send(gateways.get(1), "POST", "/v1/tokens", access("ada-block", "talkers"), "{}");
    assertEquals(403, again.statusCode(), again.body());
  }

  @Test
  void whileRedisIsAwaySessionsGoOnAndNothingIsLost() throws Exception {
    String token = relayToken(gateways.get(0), "eva");
    String idle = relayToken(gateways.get(0), "eva");
    Talk talk = ready(gateways.get(0), token);
    talk.turn();
    redis.pause();
    long paused = System.nanoTime();
    int turns = 1;
    int unavailable = 0;
    while (System.nanoTime() - paused < Duration.ofSeconds(30).toNanos()) {
      talk.turn();
      turns++;
      var refused =
          send(gateways.get(turns % 3), "POST", "/v1/tokens", access("eva", "talkers"), "{}");
      assertEquals(503, refused.statusCode(), refused.body());
      assertEquals("ledger-unavailable", new JsonObject(refused.body()).getString("code"));
      assertTrue(refused.headers().firstValue("Retry-After").isPresent());
      unavailable++;
      try {
        connect(gateways.get(turns % 3), idle).hangUp();
        throw new AssertionError("admitted without a ledger");
      } catch (Talk.Refused e) {
        assertEquals(503, e.status);
      }
      assertTrue(health(gateways.get(0)).contains("\"status\": \"UP\""));
    }
    redis.resume();
    talk.turn();
    turns++;
    talk.hangUp();
    int expected = talk.tokens.get();
    Await.until(() -> tokens("eva") == expected);
    System.out.printf(
        "Redis paused for 30 s: %d turns went on, %d requests got 503, and %d tokens are counted of"
            + " %d%n",
        turns, unavailable, tokens("eva"), expected);
    // What was refused has not used a token up, nor a slot.
    Await.until(() -> running() == 0);
    for (int i = 0; i < 5; i++) {
      ready(gateways.get(1), idle).hangUp();
    }
  }

  private int tokens(String sub) throws Exception {
    var rows =
        new JsonObject(
                send(
                        gateways.get(1),
                        "GET",
                        "/admin/v1/usage?subject=default:" + sub,
                        access("root", "platform-sre"),
                        "")
                    .body())
            .getJsonArray("usage");
    return rows.isEmpty() ? 0 : rows.getJsonObject(0).getInteger("tokens");
  }

  private int running() throws Exception {
    return new JsonObject(
            send(gateways.get(1), "GET", "/admin/v1/sessions", access("root", "platform-sre"), "")
                .body())
        .getJsonArray("sessions")
        .size();
  }

  private String health(PackagedGateway gateway) throws Exception {
    var address = MANAGEMENT.matcher(gateway.program().log());
    assertTrue(address.find());
    return http.send(
            HttpRequest.newBuilder(URI.create(address.group(1) + "/q/health/ready")).build(),
            HttpResponse.BodyHandlers.ofString())
        .body();
  }

  @Test
  void whenRedisComesBackEmptyWhatReplicasKnowIsPutBack() throws Exception {
    String admin = access("root", "platform-sre");
    String stale = relayToken(gateways.get(0), "kim");
    Talk talk = ready(gateways.get(0), relayToken(gateways.get(0), "kim"));
    talk.turn();
    send(
        gateways.get(0),
        "PUT",
        "/admin/v1/subjects/default:mallory/block",
        admin,
        "{\"until\":\"" + Instant.now().plusSeconds(3600) + "\"}");
    Await.until(() -> tokens("kim") > 0);
    redis.kill();
    redis.restart();

    Await.until(() -> running() == 1);
    for (PackagedGateway gateway : gateways) {
      var blocked = send(gateway, "POST", "/v1/tokens", access("mallory", "talkers"), "{}");
      assertEquals(403, blocked.statusCode(), blocked.body());
    }
    try {
      connect(gateways.get(1), stale).hangUp();
      throw new AssertionError("a token that nobody knows was taken");
    } catch (Talk.Refused e) {
      assertEquals(401, e.status);
    }
    assertEquals(0, tokens("kim"), "budgets begin anew");
    talk.turn();
    Await.until(() -> tokens("kim") > 0);
    Await.until(() -> metrics(gateways.get(0)).contains("livegate_ledger_emptied_total 1.0"));
    System.out.println(
        "Redis restarted empty: session and block are back, the token of before is refused with"
            + " 401, budgets began anew, and livegate_ledger_emptied_total is 1");
    talk.hangUp();
  }

  // --- Roll-outs

  /** Goes on at another gateway, and finds that nothing of what was said is lost. */
  private void goesOn(Talk talk, int turns, PackagedGateway next, String user) throws Exception {
    Talk again = ready(next, access(user, "talkers"), Talk.resuming(talk.handle));
    again.turn();
    var legs = simulator.journal().sessions();
    var last =
        legs.stream().filter(leg -> leg.resumed() && !leg.closed()).reduce((a, b) -> b).get();
    assertEquals(turns + 1, last.history().size(), "everything that was said");
    again.hangUp();
  }

  @Test
  void aGatewayThatStopsLosesNoConversation() throws Exception {
    var stopping = gateways.get(0);
    var talks = new ArrayList<Talk>();
    for (int i = 0; i < 8; i++) {
      Talk talk = ready(stopping, access("u" + i, "talkers"), Talk.resuming(""));
      talk.turn();
      talks.add(talk);
    }
    Await.until(() -> talks.stream().allMatch(Talk::settled));
    stopping.program().terminate();
    Await.until(() -> stopping.program().log().contains("have 6 s to end"));
    int status =
        assertThrows(Talk.Refused.class, () -> connect(stopping, access("late", "talkers"))).status;
    assertEquals(503, status);
    for (Talk talk : talks) {
      assertEquals("1001 the gateway shuts down", talk.closed.get(20, TimeUnit.SECONDS));
      assertTrue(talk.warnedAt > 0 && talk.warnedAt < talk.closedAt, "it was told before");
    }
    stopping.program().awaitExit(Duration.ofSeconds(5));
    for (int i = 0; i < talks.size(); i++) {
      goesOn(talks.get(i), 1, gateways.get(1 + i % 2), "u" + i);
    }
  }

  @Test
  void aMicrophoneThatIsAlwaysOnDoesNotKeepAGateway() throws Exception {
    var stopping = gateways.get(0);
    Talk talk = ready(stopping, access("ada", "talkers"), Talk.resuming(""));
    String silence =
        "{\"realtimeInput\":{\"audio\":{\"mimeType\":\"audio/pcm;rate=16000\",\"data\":\""
            + Base64.getEncoder().encodeToString(new byte[1280])
            + "\"}}}";
    talk.turn();
    var microphone =
        new Thread(
            () -> {
              try {
                while (!talk.closed.isDone()) {
                  talk.say(silence);
                  LockSupport.parkNanos(Duration.ofMillis(40).toNanos());
                }
              } catch (RuntimeException gone) {
                // Closed in between.
              }
            });
    microphone.start();
    stopping.program().terminate();
    assertEquals("1001 the gateway shuts down", talk.closed.get(20, TimeUnit.SECONDS));
    microphone.join();
    stopping.program().awaitExit(Duration.ofSeconds(5));
    assertFalse(stopping.program().log().contains("in the middle of something"));
    ready(gateways.get(1), access("ada", "talkers"), Talk.resuming(talk.handle)).hangUp();
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

  @Test
  void aSecondSigtermIsObeyedAtOnce() throws Exception {
    var stopping = gateways.get(0);
    Talk talk = ready(stopping, access("ada", "talkers"), Talk.resuming(""));
    stopping.program().terminate();
    Await.until(() -> stopping.program().log().contains("have 6 s to end"));
    long again = System.nanoTime();
    stopping.program().terminate();
    assertEquals("1001 the gateway shuts down", talk.closed.get(5, TimeUnit.SECONDS));
    assertEquals(143, stopping.program().awaitExit(Duration.ofSeconds(5)));
    System.out.printf("ended %d ms after it%n", (System.nanoTime() - again) / 1_000_000);
  }

  @Test
  void aConversationGoesOnElsewhereWhenItsGatewayIsKilled() throws Exception {
    var talks = new ArrayList<Talk>();
    for (int i = 0; i < 8; i++) {
      Talk talk = ready(gateways.get(0), access("u" + i, "talkers"), Talk.resuming(""));
      talk.turn();
      talk.turn();
      talks.add(talk);
    }
    Await.until(() -> talks.stream().allMatch(Talk::settled));
    gateways.get(0).program().kill();
    for (int i = 0; i < talks.size(); i++) {
      long start = System.nanoTime();
      goesOn(talks.get(i), 2, gateways.get(1), "u" + i);
      System.out.printf("back after %d ms%n", (System.nanoTime() - start) / 1_000_000);
    }
  }
}
