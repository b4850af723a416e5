package io.livegate.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Await;
import io.livegate.bench.PackagedGateway;
import io.vertx.core.json.JsonObject;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** What holds across gateways, and when some of them are killed or stop. */
class ReplicasE2E extends Replicas {

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
    // Longer than quarkus.redis.tcp.read-idle-timeout: who is quiet is not taken for dead.
    List<Long> ages =
        redis
            .ask("CLIENT LIST")
            .lines()
            .filter(client -> client.contains(" sub=1 "))
            .map(client -> Long.parseLong(client.replaceFirst(".* age=([0-9]+) .*", "$1")))
            .toList();
    assertEquals(2, ages.size());
    assertTrue(ages.stream().allMatch(age -> age > 12), () -> "subscribed for s: " + ages);
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
  void aBudgetThatIsReachedEndsTheSessionsOfEveryReplica() throws Exception {
    var talks = new ArrayList<Talk>();
    for (PackagedGateway gateway : gateways) {
      talks.add(ready(gateway, access("bea", "budgeted")));
    }
    long crossed = 0;
    for (int i = 0; crossed == 0; i++) {
      talks.get(i % 3).turn();
      if (talks.stream().mapToInt(talk -> talk.tokens.get()).sum() >= 200) {
        crossed = System.nanoTime();
      }
    }
    Duration took = ended(talks, crossed, "1008 the limit subject.usage-tokens-per-day is reached");
    System.out.printf(
        "A budget was reached: sessions of three gateways ended after %d ms%n", took.toMillis());
    assertTrue(took.toMillis() < 5000);
    assertEquals(
        429,
        send(gateways.get(0), "POST", "/v1/tokens", access("bea", "budgeted"), "{}").statusCode());
  }

  @Test
  void aBudgetOfTimeIsSharedByTheSessionsOfEveryReplica() throws Exception {
    long began = System.nanoTime();
    var talks = new ArrayList<Talk>();
    for (PackagedGateway gateway : gateways) {
      talks.add(ready(gateway, access("tim", "timed")));
    }
    Duration took = ended(talks, began, "1008 the limit subject.session-time-per-day is reached");
    System.out.printf("Nine seconds were used up by three sessions after %d ms%n", took.toMillis());
    assertTrue(took.toMillis() > 3000 && took.toMillis() < 8000);
  }

  /** How long after that moment the last one ended, all of them warned, and for that reason. */
  private static Duration ended(List<Talk> talks, long since, String reason) throws Exception {
    long last = since;
    for (Talk talk : talks) {
      assertEquals(reason, talk.closed.get(20, TimeUnit.SECONDS));
      assertTrue(talk.warnedAt > 0 && talk.warnedAt < talk.closedAt, "it was told before");
      last = Math.max(last, talk.closedAt);
    }
    return Duration.ofNanos(last - since);
  }

  @Test
  void aLogoutIsHeardByEveryReplica() throws Exception {
    String user = access("lou", "talkers");
    var talks = new ArrayList<Talk>();
    for (PackagedGateway gateway : gateways) {
      talks.add(ready(gateway, relayToken(gateway, "lou")));
    }
    String logout =
        issuer
            .token("lou")
            .claim("jti", UUID.randomUUID().toString())
            .claim("events", Map.of("http://schemas.openid.net/event/backchannel-logout", Map.of()))
            .sign();
    long told = System.nanoTime();
    var answer =
        http.send(
            HttpRequest.newBuilder(URI.create(gateways.get(0).url() + "/oidc/back-channel-logout"))
                .header("Content-Type", "application/x-www-form-urlencoded")
                .POST(HttpRequest.BodyPublishers.ofString("logout_token=" + logout))
                .build(),
            HttpResponse.BodyHandlers.ofString());
    assertEquals(200, answer.statusCode(), answer.body());
    long last = told;
    for (Talk talk : talks) {
      assertEquals("1008 the login was ended", talk.closed.get(10, TimeUnit.SECONDS));
      last = Math.max(last, talk.closedAt);
    }
    Duration took = Duration.ofNanos(last - told);
    System.out.printf(
        "By a logout: sessions of three gateways ended after %d ms%n", took.toMillis());
    assertTrue(took.toMillis() < 2000);
    for (PackagedGateway gateway : gateways) {
      assertEquals(401, send(gateway, "GET", "/v1/me", user, "").statusCode());
    }
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
