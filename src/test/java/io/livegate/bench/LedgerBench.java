package io.livegate.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import io.livegate.RedisServer;
import io.livegate.grant.Grant;
import io.livegate.grant.Limit;
import io.livegate.grant.Limit.Kind;
import io.livegate.grant.Limits;
import io.livegate.grant.Login;
import io.livegate.grant.Mode;
import io.livegate.ledger.Answer;
import io.livegate.ledger.Beat;
import io.livegate.ledger.Closing;
import io.livegate.ledger.Issue;
import io.livegate.ledger.Lease;
import io.livegate.ledger.Ledger;
import io.livegate.ledger.MemoryLedger;
import io.livegate.ledger.RedisClient;
import io.livegate.ledger.RedisLedger;
import io.livegate.ledger.Standing;
import io.livegate.ledger.TokenHash;
import io.livegate.ledger.Use;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.quarkus.redis.datasource.ReactiveRedisDataSource;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.function.IntFunction;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * What an operation of the ledger costs in each store: alone, and with many under way. Redis is on
 * this machine, and shares its processors with what measures.
 *
 * <p>{@code -Dbench.sessions} makes it longer.
 */
class LedgerBench {

  private static final String MODEL = "models/gemini-3.8-live";
  private static final int USERS = 200;
  private static final int SESSIONS = Integer.getInteger("bench.sessions", 5_000);
  private static final int WARM_UP = 3;
  private static final int PULSES = 100;
  private static final int IN_FLIGHT = 64;

  /** The time that Redis itself spent on scripts. */
  private static final Pattern SPENT = Pattern.compile("cmdstat_evalsha:calls=(\\d+),usec=(\\d+)");

  private static final Duration PATIENCE = Duration.ofMinutes(2);

  /** Where times are printed, and how Redis is asked for its own. */
  private record Store(String name, Ledger ledger, Optional<ReactiveRedisDataSource> redis) {}

  /** A session that is issued, redeemed and closed. */
  private record Life(Issue issue, TokenHash token, Lease lease) {}

  @Test
  void everyOperation() {
    System.out.printf(
        "%nThe ledger: %d sessions of %d users, 5 limits each; times in us%n"
            + "%-8s %-12s %8s %8s %14s %12s%n",
        SESSIONS, USERS, "", "", "p50", "p99", "64 in flight/s", "in Redis");
    measure(new Store("memory", new MemoryLedger(Clock.systemUTC()), Optional.empty()));
    try (var server = new RedisServer();
        var client = new RedisClient(server)) {
      var redis = client.dataSource();
      var ledger =
          new RedisLedger(
              redis,
              "{livegate}:",
              Duration.ofSeconds(10),
              new SimpleMeterRegistry(),
              () -> Duration.ZERO);
      measure(new Store("redis", ledger, Optional.of(redis)));
    }
  }

  private static void measure(Store store) {
    for (int i = 0; i < WARM_UP; i++) {
      round(store, false);
    }
    round(store, true);
    for (int user = 0; user < USERS; user++) {
      long open =
          get(store.ledger.standings(grant(user))).stream()
              .filter(standing -> standing.limit().kind() == Kind.CONCURRENT_SESSIONS)
              .mapToLong(Standing::used)
              .sum();
      assertEquals(0, open, "every slot is free again");
    }
  }

  private static void round(Store store, boolean print) {
    // One half alone, the other one with many under way.
    var lives = IntStream.range(0, 2 * SESSIONS).mapToObj(LedgerBench::life).toList();
    Ledger ledger = store.ledger;
    run(
        store,
        "issue",
        print,
        SESSIONS,
        i -> {
          Life life = lives.get(i);
          return ledger.issue(life.issue, Optional.of(life.token)).invoke(LedgerBench::admitted);
        });
    run(
        store,
        "redeem",
        print,
        SESSIONS,
        i -> {
          Life life = lives.get(i);
          return ledger.redeem(life.token, life.lease).invoke(LedgerBench::admitted);
        });
    run(
        store,
        "beat of " + PULSES,
        print,
        SESSIONS / PULSES,
        i -> {
          var pulses =
              lives.subList(i * PULSES, (i + 1) * PULSES).stream()
                  .map(life -> new Beat.Pulse(life.lease.sessionId(), MODEL, use(10)))
                  .toList();
          return ledger
              .beat(new Beat("replica", 0, pulses))
              .invoke(answer -> assertEquals(Map.of(), answer.ends()))
              .invoke(answer -> assertEquals(0, answer.unknown().size()));
        });
    run(
        store,
        "close",
        print,
        SESSIONS,
        i -> {
          String id = lives.get(i).lease.sessionId();
          return ledger.close(new Closing(id, MODEL, use(20), false, false));
        });
  }

  private static void run(
      Store store, String name, boolean print, int times, IntFunction<Uni<?>> operation) {
    store.redis.ifPresent(redis -> get(redis.execute("CONFIG", "RESETSTAT")));
    long[] alone = new long[times];
    for (int i = 0; i < times; i++) {
      long begin = System.nanoTime();
      get(operation.apply(i));
      alone[i] = System.nanoTime() - begin;
    }
    long begin = System.nanoTime();
    get(
        Multi.createFrom()
            .range(times, 2 * times)
            .onItem()
            .transformToUni(operation::apply)
            .merge(IN_FLIGHT)
            .collect()
            .last());
    double seconds = (System.nanoTime() - begin) / 1e9;
    Arrays.sort(alone);
    if (print) {
      System.out.printf(
          "%-8s %-12s %8.1f %8.1f %14.0f %12s%n",
          store.name,
          name,
          alone[times / 2] / 1e3,
          alone[times * 99 / 100] / 1e3,
          times / seconds,
          store.redis.map(LedgerBench::spent).orElse(""));
    }
  }

  private static String spent(ReactiveRedisDataSource redis) {
    var stats = SPENT.matcher(get(redis.execute("INFO", "commandstats")).toString());
    if (!stats.find()) {
      throw new AssertionError("no script was run");
    }
    return "%.1f".formatted(Double.parseDouble(stats.group(2)) / Long.parseLong(stats.group(1)));
  }

  private static void admitted(Answer answer) {
    assertInstanceOf(Answer.Admitted.class, answer);
  }

  private static <T> T get(Uni<T> uni) {
    return uni.await().atMost(PATIENCE);
  }

  private static Use use(long tokens) {
    return new Use(
        Map.of("input", Map.of("AUDIO", tokens), "output", Map.of("AUDIO", tokens, "TEXT", 1L)),
        2 * tokens + 1,
        Duration.ofSeconds(tokens),
        1,
        1);
  }

  private static Life life(int number) {
    String id = UUID.randomUUID().toString();
    Instant now = Instant.now();
    return new Life(
        new Issue(
            id,
            grant(number % USERS),
            List.of(MODEL),
            now.plusSeconds(3600),
            now.plusSeconds(3600)),
        TokenHash.of("auth_tokens/" + id),
        new Lease(UUID.randomUUID().toString(), "replica"));
  }

  private static Grant grant(int user) {
    String subject = "main:user-" + user;
    return new Grant(
        subject,
        "staff",
        MODEL,
        Mode.RELAY,
        1,
        Duration.ofHours(1),
        Duration.ofHours(1),
        Map.of(
            "generationConfig",
            Map.of("responseModalities", List.of("AUDIO")),
            "systemInstruction",
            Map.of("parts", List.of(Map.of("text", "You help. Answer briefly. ".repeat(40)))),
            "outputAudioTranscription",
            Map.of()),
        List.of(),
        Optional.empty(),
        new Limits(
            List.of(
                limit(Kind.GRANTS_PER_MINUTE, subject),
                limit(Kind.GRANTS_PER_DAY, subject),
                limit(Kind.CONCURRENT_SESSIONS, subject),
                limit(Kind.USAGE_TOKENS_PER_DAY, "team-" + user % 10),
                limit(Kind.SESSION_TIME_PER_DAY, "team-" + user % 10)),
            Optional.empty(),
            Optional.empty(),
            0),
        new Login("main", "user-" + user, Optional.of("sid-" + user), Instant.EPOCH));
  }

  /** Never reached: what is refused costs less. */
  private static Limit limit(Kind kind, String key) {
    return new Limit(kind, "subject", "staff/subject/" + key, 1_000_000_000);
  }
}
