package io.livegate.ledger;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Await;
import io.livegate.RedisServer;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.grant.Grant;
import io.livegate.grant.Limit.Kind;
import io.livegate.grant.Mode;
import io.livegate.ledger.LedgerScripts.Operation;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.mutiny.Uni;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class RedisLedgerTest extends LedgerContract {

  private static RedisServer server;
  private static RedisClient client;
  private static int installations;

  private final SimpleMeterRegistry metrics = new SimpleMeterRegistry();
  private final String prefix = "{test-" + ++installations + "}:";
  private volatile Duration offset =
      Duration.ofMillis(Duration.between(Instant.now(), NOON).toMillis());
  private final RedisLedger ledger = replica(Duration.ofSeconds(10));

  @BeforeAll
  static void start() {
    server = new RedisServer();
    client = new RedisClient(server);
  }

  @AfterAll
  static void stop() {
    client.close();
    server.close();
  }

  private RedisLedger replica(Duration timeout) {
    return new RedisLedger(client.dataSource(), prefix, timeout, metrics, () -> offset);
  }

  @Override
  Ledger ledger() {
    return ledger;
  }

  @Override
  Ledger elsewhere() {
    return replica(Duration.ofSeconds(10));
  }

  @Override
  Instant now() {
    return Instant.now().plus(offset);
  }

  @Override
  void advance(Duration by) {
    offset = offset.plus(by);
  }

  /** Every operation, by the name of its script. */
  private Map<Operation, Uni<?>> operations() {
    Grant grant =
        grant(
            Mode.DIRECT,
            1,
            10,
            limit(Kind.GRANTS_PER_MINUTE, 99),
            limit(Kind.GRANTS_PER_DAY, 99),
            limit(Kind.CONCURRENT_SESSIONS, 99),
            limit(Kind.USAGE_TOKENS_PER_DAY, 9999),
            limit(Kind.USAGE_TOKENS_PER_DAY, "claims.team", 9999),
            limit(Kind.SESSION_TIME_PER_DAY, 9999));
    TokenHash token = token();
    Lease redeemed = lease();
    Lease opened = lease();
    var running = new Running(lease(), issueOf(grant), MODEL, NOON, use(1, Duration.ofSeconds(1)));
    var beat = new Beat("replica-1", 0, List.of(pulse(redeemed, 2), pulse(opened, 3)));
    Optional<String> any = Optional.empty();
    var operations = new EnumMap<Operation, Uni<?>>(Operation.class);
    operations.put(Operation.ISSUE, ledger.issue(issueOf(grant), Optional.of(token)));
    operations.put(Operation.ACCEPT, ledger.accept(issueOf(grant), token()));
    operations.put(Operation.REDEEM, ledger.redeem(token, redeemed));
    operations.put(Operation.OPEN, ledger.open(issueOf(grant), opened));
    operations.put(Operation.BEAT, ledger.beat(beat));
    operations.put(
        Operation.RESTORE,
        ledger.restore(List.of(running), List.of(block("main:eve", NOON.plusSeconds(9999)))));
    operations.put(Operation.CLOSE, ledger.close(closing(opened, 4, false)));
    operations.put(Operation.STANDINGS, ledger.standings(grant));
    operations.put(Operation.SESSIONS, ledger.sessions(Running.Filter.ALL, 10, any));
    operations.put(Operation.SESSION, ledger.session(redeemed.sessionId()));
    operations.put(Operation.END, ledger.end(new EndOf.Rule("staff")));
    operations.put(Operation.CUT_OFF, ledger.cutOff(block("main:eve", NOON.plusSeconds(9999))));
    operations.put(Operation.UNBLOCK, ledger.unblock("main:eve"));
    operations.put(Operation.BLOCKED_UNTIL, ledger.blockedUntil("main:eve"));
    operations.put(Operation.USAGE, ledger.usage(new UsageRow.Filter(TODAY, TODAY, any, any, any)));
    operations.put(Operation.SHARES, ledger.shares());
    operations.put(Operation.POST, ledger.post("replica-1", "well"));
    operations.put(Operation.CANCEL, ledger.cancel("nobody's"));
    assertEquals(EnumSet.allOf(Operation.class), operations.keySet());
    return operations;
  }

  private static void run(String command, String... arguments) {
    get(client.dataSource().execute(command, arguments));
  }

  @Test
  void everyOperationIsOneRoundTrip() throws IOException {
    operations().forEach((name, operation) -> get(operation)); // now Redis knows the scripts
    try (var socket = server.connect()) {
      socket.setSoTimeout(10_000);
      socket.getOutputStream().write("MONITOR\r\n".getBytes(StandardCharsets.US_ASCII));
      var lines =
          new BufferedReader(
              new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
      assertEquals("+OK", lines.readLine());
      operations()
          .forEach(
              (name, operation) -> {
                run("ECHO", name.label());
                get(operation);
              });
      run("ECHO", "done");

      // Commands come as: +1764113370.1 [0 127.0.0.1:41234] "evalsha" ..., those of scripts from
      // lua.
      var sent = new HashMap<String, List<String>>();
      List<String> commands = new ArrayList<>();
      String line = lines.readLine();
      while (!line.endsWith("\"echo\" \"done\"")) {
        String[] words = line.split(" ", 6);
        if (words[3].equals("\"echo\"")) {
          commands = sent.computeIfAbsent(words[4].replace("\"", ""), none -> new ArrayList<>());
        } else if (!words[2].equals("lua]")) {
          commands.add(words[3]);
        }
        line = lines.readLine();
      }
      for (Operation operation : Operation.values()) {
        assertEquals(List.of("\"evalsha\""), sent.get(operation.label()), operation.label());
      }
    }
  }

  @Test
  void everyKeyIsInOneSlotAndMostAreForgotten() {
    operations().forEach((name, operation) -> get(operation));
    var forever = new TreeSet<String>();
    for (var key : get(client.dataSource().execute("KEYS", "*"))) {
      String name = key.toString();
      assertTrue(name.startsWith("{test-"), name);
      if (name.startsWith(prefix) && get(client.dataSource().execute("PTTL", name)).toLong() < 0) {
        forever.add(name.substring(prefix.length()));
      }
    }
    // Indexes shrink by themselves.
    assertEquals(
        Set.of(
            "epoch",
            "version",
            "sessions",
            "leases",
            "cut-offs",
            "cut-offs:versions",
            "cut-offs:ends"),
        forever);
  }

  @Test
  void aPrefixIsAHashTag() {
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new RedisLedger(
                client.dataSource(),
                "livegate:",
                Duration.ofSeconds(1),
                metrics,
                () -> Duration.ZERO));
  }

  @Test
  void sessionsThatNobodyReportsLeaveTheIndexes() {
    opened(relayed());
    advance(Duration.ofMinutes(62));
    beat();
    assertEquals(
        0,
        get(client.dataSource().execute("EXISTS", prefix + "sessions", prefix + "leases"))
            .toInteger());
  }

  @Test
  void aFlushedScriptCacheIsFilledAgain() {
    Grant grant = relayed(limit(Kind.GRANTS_PER_DAY, 9));
    admitted(issue(grant));
    run("SCRIPT", "FLUSH");
    admitted(issue(grant));
    assertEquals(2, used(grant));
  }

  private static void unavailable(Uni<?> operation) {
    var failure = assertThrows(GatewayException.class, () -> get(operation));
    assertEquals(ErrorCode.LEDGER_UNAVAILABLE, failure.code());
    assertTrue(failure.retryAfter().isPresent());
  }

  @Test
  void aHangingStoreIsUnavailableAndWhatItDidLateCountsOnce() {
    Grant grant =
        relayed(
            limit(Kind.GRANTS_PER_DAY, 9),
            limit(Kind.CONCURRENT_SESSIONS, 9),
            limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    RedisLedger impatient = replica(Duration.ofMillis(300));
    Lease running = opened(grant);
    Issue repeated = issueOf(grant);
    Issue cancelled = issueOf(grant);
    Lease started = lease();
    Lease abandoned = lease();
    var beat = new Beat("replica-1", 0, List.of(pulse(running, 10)));

    server.pause();
    long begin = System.nanoTime();
    try {
      unavailable(impatient.issue(repeated, Optional.empty()));
      unavailable(impatient.issue(cancelled, Optional.empty()));
      unavailable(impatient.open(issueOf(grant), abandoned));
      unavailable(impatient.open(repeated, started));
      unavailable(impatient.beat(beat));
    } finally {
      server.resume();
    }
    assertTrue(System.nanoTime() - begin < TimeUnit.SECONDS.toNanos(15), "it waits for no answer");

    // It does now what it was asked, in whatever order.
    get(impatient.cancel(cancelled.grantId()));
    get(impatient.close(closing(abandoned, 0, true)));
    admitted(get(impatient.issue(repeated, Optional.empty())));
    admitted(get(impatient.open(repeated, started)));
    get(impatient.beat(beat));
    Await.until(
        () ->
            List.of(3L, 2L, 10L)
                .equals(get(ledger.standings(grant)).stream().map(Standing::used).toList()));
    assertEquals(2.0, metrics.counter("livegate.ledger.failures", "operation", "issue").count());
    assertEquals(
        2,
        metrics
            .timer("livegate.ledger.duration", "operation", "issue", "outcome", "failed")
            .count());
    assertTrue(
        metrics.timer("livegate.ledger.duration", "operation", "issue", "outcome", "ok").count()
            > 0);
  }

  @Test
  void aStoreThatLostItsDataIsToldWhatReplicasKnow() {
    Grant grant =
        relayed(limit(Kind.CONCURRENT_SESSIONS, 9), limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    TokenHash token = issued(grant);
    Lease lease = opened(grant);
    CutOff block = block("main:eve", now().plusSeconds(600));
    get(ledger.cutOff(block));
    var before = beat(pulse(lease, 40));
    Running running = get(ledger.session(lease.sessionId())).orElseThrow();

    server.kill();
    unavailable(ledger.standings(grant));
    server.restart();

    var seen = new Beat("replica-1", before.cutOffsVersion(), List.of(pulse(lease, 45)));
    var after = get(ledger.beat(seen));
    assertNotEquals(before.epoch(), after.epoch());
    assertEquals(Set.of(lease.sessionId()), after.unknown());
    assertInstanceOf(Answer.Unknown.class, redeem(token));

    get(ledger.restore(List.of(running), before.cutOffs()));
    assertEquals(
        List.of(1L, 0L), get(ledger.standings(grant)).stream().map(Standing::used).toList());
    assertEquals(Optional.of(block.until()), get(ledger.blockedUntil("main:eve")));
    var restored = get(ledger.beat(seen));
    assertEquals(after.epoch(), restored.epoch());
    assertEquals(Set.of(), restored.unknown());
    assertEquals(List.of(block), restored.cutOffs(), "other replicas are told, too");
    assertEquals(
        List.of(1L, 5L), get(ledger.standings(grant)).stream().map(Standing::used).toList());
  }

  @Test
  void whoWaitsForSignalsIsToldAfterARestart() {
    var signals = new AtomicInteger();
    var subscription = ledger.signals().subscribe().with(signal -> signals.incrementAndGet());
    try {
      Await.until(() -> signals.get() == 1);
      server.kill();
      server.restart();
      Await.until(() -> signals.get() == 2);
      get(ledger.cutOff(block("main:eve", now().plusSeconds(60))));
      Await.until(() -> signals.get() == 3);
    } finally {
      subscription.cancel();
    }
    get(ledger.cutOff(block("main:eve", now().plusSeconds(60))));
    assertFalse(get(ledger.blockedUntil("main:eve")).isEmpty());
    assertEquals(3, signals.get());
  }
}
