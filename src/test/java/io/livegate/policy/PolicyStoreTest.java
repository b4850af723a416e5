package io.livegate.policy;

import static io.livegate.policy.Policies.subject;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.Vertx;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PolicyStoreTest {

  private static final String BAD = "version: 1\nrules:\n  - name: x\n    modls: [m]\n";

  private static Vertx vertx;

  @TempDir Path directory;
  private final SimpleMeterRegistry metrics = new SimpleMeterRegistry();
  private final List<PolicyStore> started = new ArrayList<>();

  @BeforeAll
  static void open() {
    vertx = Vertx.vertx();
  }

  @AfterAll
  static void close() throws Exception {
    vertx.close().toCompletionStage().toCompletableFuture().get(10, TimeUnit.SECONDS);
  }

  @AfterEach
  void stop() {
    started.forEach(store -> store.stop(new ShutdownEvent()));
  }

  /** Everything in it carries the mark, so that a mixture of two would show. */
  private static String policy(String mark) {
    return """
        version: 1
        admins: claims.%1$s
        rules:
          - name: first-%1$s
            when: claims.first
            models: [model-%1$s]
            setup: {systemInstruction: "%1$s"}
          - name: second-%1$s
            models: [model-%1$s]
            setup: {systemInstruction: "%1$s"}
        """
        .formatted(mark);
  }

  private static PolicyConfig config(Path file) {
    return new PolicyConfig() {
      @Override
      public Optional<Path> file() {
        return Optional.ofNullable(file);
      }

      @Override
      public Duration reloadInterval() {
        return Duration.ofMillis(10);
      }
    };
  }

  private PolicyStore started(Path file) {
    var store = new PolicyStore(config(file), false, vertx, metrics);
    store.start(new StartupEvent());
    started.add(store);
    return store;
  }

  /** Replaces a file in one step. */
  private void put(Path file, String content) throws IOException {
    Path next = Files.writeString(directory.resolve("next"), content);
    Files.move(next, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }

  private static void await(String what, BooleanSupplier condition) {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(20);
    while (!condition.getAsBoolean()) {
      assertTrue(System.nanoTime() < deadline, () -> "waited in vain: " + what);
      LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(2));
    }
  }

  private static String digest(String content) {
    return PolicyFile.digest(content.getBytes(StandardCharsets.UTF_8));
  }

  private static void awaitPolicy(PolicyStore store, String content) {
    await("policy in force", () -> store.policy().digest().equals(digest(content)));
  }

  private static String rejected(PolicyStore store) {
    return store.state().rejected().map(PolicyStore.Rejected::digest).orElse("none");
  }

  private double reloads(String result) {
    var counter = metrics.find("livegate.policy.reloads").tag("result", result).counter();
    return counter == null ? 0 : counter.count();
  }

  @Test
  void aBadFileStopsTheStartWithEveryMistake() throws IOException {
    Path file = Files.writeString(directory.resolve("policy.yaml"), BAD);

    var refusal =
        assertThrows(
            IllegalStateException.class,
            () -> new PolicyStore(config(file), false, vertx, metrics));

    assertEquals(
        List.of(
            "The policy " + file + " is refused:",
            "  line 3, rule x: rules[0] needs models: [...]; the first is the default",
            "  line 4, rule x: rules[0].modls is not known; known here: [name, when, issuers, models,"
                + " modes, token, allow-unlimited, setup, open, limits, direct-reserve]"),
        refusal.getMessage().lines().toList());
  }

  @Test
  void aMissingFileStopsTheStartByItsName() {
    Path file = directory.resolve("nowhere.yaml");

    var refusal =
        assertThrows(
            IllegalStateException.class,
            () -> new PolicyStore(config(file), false, vertx, metrics));

    assertTrue(refusal.getMessage().contains("livegate.policy.file"), refusal::getMessage);
    assertTrue(refusal.getMessage().contains("nowhere.yaml"), refusal::getMessage);
  }

  @Test
  void aChangedFileTakesEffect() throws IOException {
    Path file = Files.writeString(directory.resolve("policy.yaml"), policy("one"));
    var store = started(file);

    put(file, policy("two"));

    awaitPolicy(store, policy("two"));
    assertEquals(1, reloads("accepted"));
    assertEquals(0, reloads("rejected"));
  }

  @Test
  void aBadFileChangesNothingButWhatIsSaidOfIt() throws IOException {
    Path file = Files.writeString(directory.resolve("policy.yaml"), policy("one"));
    var store = started(file);

    put(file, BAD);
    await("rejection", () -> rejected(store).equals(digest(BAD)));

    assertEquals(digest(policy("one")), store.policy().digest());
    assertEquals(2, store.state().rejected().orElseThrow().mistakes().size());
    assertEquals(1, metrics.get("livegate.policy.rejected").gauge().value());
    assertEquals(
        1,
        metrics
            .get("livegate.policy.digest")
            .tags("state", "rejected", "digest", digest(BAD))
            .gauge()
            .value());
    var health = new PolicyHealth(store).call();
    assertEquals(HealthCheckResponse.Status.UP, health.getStatus());
    var data = health.getData().orElseThrow();
    assertEquals(digest(policy("one")), data.get("digest"));
    assertEquals(digest(BAD), data.get("rejectedDigest"));
  }

  @Test
  void aRefusedFileIsCountedOnceHoweverOftenItIsSeen() throws IOException {
    Path file = Files.writeString(directory.resolve("policy.yaml"), policy("one"));
    var store = started(file);

    put(file, BAD);
    await("rejection", () -> rejected(store).equals(digest(BAD)));
    var again = store.state();
    put(file, BAD + "# other\n");
    await("other rejection", () -> rejected(store).equals(digest(BAD + "# other\n")));

    assertEquals(2, reloads("rejected"));
    assertEquals(again.policy(), store.policy());
  }

  @Test
  void aMendedFileTakesEffectAndClearsTheRejection() throws IOException {
    Path file = Files.writeString(directory.resolve("policy.yaml"), policy("one"));
    var store = started(file);
    put(file, BAD);
    await("rejection", () -> rejected(store).equals(digest(BAD)));

    put(file, policy("two"));
    awaitPolicy(store, policy("two"));

    assertEquals("none", rejected(store));
    assertEquals(0, metrics.get("livegate.policy.rejected").gauge().value());
    assertFalse(
        new PolicyHealth(store).call().getData().orElseThrow().containsKey("rejectedDigest"));
    assertEquals(1, metrics.find("livegate.policy.digest").gauges().size());
  }

  @Test
  void goingBackToThePolicyInForceClearsTheRejection() throws IOException {
    Path file = Files.writeString(directory.resolve("policy.yaml"), policy("one"));
    var store = started(file);
    var policy = store.policy();
    put(file, BAD);
    await("rejection", () -> rejected(store).equals(digest(BAD)));

    put(file, policy("one"));
    await("clearing", () -> rejected(store).equals("none"));

    assertEquals(policy, store.policy());
    assertEquals(0, reloads("accepted"));
  }

  /** A mounted config map: policy.yaml -> ..data/policy.yaml, ..data -> a directory by time. */
  @Test
  void aConfigMapIsFollowedThroughItsSymlinks() throws IOException {
    Path first = Files.createDirectory(directory.resolve("..2026_11_22_10_00_00.1"));
    Files.writeString(first.resolve("policy.yaml"), policy("one"));
    Path data = directory.resolve("..data");
    Files.createSymbolicLink(data, first.getFileName());
    Path file = directory.resolve("policy.yaml");
    Files.createSymbolicLink(file, Path.of("..data/policy.yaml"));
    var store = started(file);

    Path second = Files.createDirectory(directory.resolve("..2026_11_22_10_05_00.2"));
    Files.writeString(second.resolve("policy.yaml"), policy("two"));
    Path link = Files.createSymbolicLink(directory.resolve("..data_tmp"), second.getFileName());
    Files.move(link, data, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    Files.delete(first.resolve("policy.yaml"));
    Files.delete(first);

    awaitPolicy(store, policy("two"));
    assertEquals(0, reloads("rejected"));
  }

  @Test
  void whileTheFileIsAwayThePolicyStaysAndItsReturnMends() throws IOException {
    Path file = Files.writeString(directory.resolve("policy.yaml"), policy("one"));
    var store = started(file);

    Files.delete(file);
    await("rejection", () -> rejected(store).equals("unreadable"));
    assertEquals(digest(policy("one")), store.policy().digest());
    put(file, policy("two"));
    awaitPolicy(store, policy("two"));

    assertEquals(1, reloads("rejected"));
    assertEquals("none", rejected(store));
  }

  @Test
  void aStoppedStoreLooksNoMore() throws IOException {
    Path file = Files.writeString(directory.resolve("policy.yaml"), policy("one"));
    var store = started(file);
    var other = started(file);

    store.stop(new ShutdownEvent());
    put(file, policy("two"));
    awaitPolicy(other, policy("two"));

    assertEquals(digest(policy("one")), store.policy().digest());
  }

  @Test
  void readersUnderManyReloadsSeeOnePolicyOrTheOtherAndNeverAMixture() throws Exception {
    Path file = Files.writeString(directory.resolve("policy.yaml"), policy("one"));
    var store = started(file);
    var done = new AtomicBoolean();
    var readers = Executors.newFixedThreadPool(4);
    try {
      var seen = new ArrayList<Future<int[]>>();
      for (int i = 0; i < 4; i++) {
        var ada = subject(i % 2 == 0 ? Map.of("first", true) : Map.of());
        seen.add(readers.submit(() -> read(store, ada, done)));
      }
      for (int i = 0; i < 20; i++) {
        String next = policy(i % 2 == 0 ? "two" : "one");
        put(file, next);
        awaitPolicy(store, next);
      }
      done.set(true);

      for (var future : seen) {
        int[] counts = future.get(20, TimeUnit.SECONDS);
        assertTrue(counts[0] > 0 && counts[1] > 0, () -> counts[0] + " and " + counts[1]);
      }
    } finally {
      done.set(true);
      readers.shutdownNow();
    }
    assertEquals(20, reloads("accepted"));
    assertEquals(0, reloads("rejected"));
  }

  /** Decides until done; returns how often by each policy. */
  private static int[] read(
      PolicyStore store, io.livegate.identity.Subject subject, AtomicBoolean done) {
    int[] counts = new int[2];
    while (!done.get()) {
      var decision = store.policy().decide(subject, GrantRequest.EMPTY);
      var grant = assertInstanceOf(Decision.Granted.class, decision).grant();
      String mark = grant.model().replace("models/model-", "");
      String rule = (subject.claims().isEmpty() ? "second-" : "first-") + mark;
      assertEquals(rule, grant.rule());
      assertEquals(
          Map.of("systemInstruction", Map.of("parts", List.of(Map.of("text", mark)))),
          grant.setup());
      counts[mark.equals("one") ? 0 : 1]++;
    }
    return counts;
  }

  @Test
  void aFileThatIsStillBeingWrittenDoesNotTakeEffect() throws IOException {
    String half = "version: 1\nrules:\n  - name: all\n    models: [m]\n";
    String whole = half + "    when: claims.first\n";
    Path file = Files.writeString(directory.resolve("policy.yaml"), policy("one"));
    var store = new PolicyStore(config(file), false, vertx, metrics);

    Files.writeString(file, half);
    store.look();
    Files.writeString(file, whole);
    store.look();
    var meanwhile = store.policy().digest();
    store.look();

    assertEquals(digest(policy("one")), meanwhile);
    assertEquals(digest(whole), store.policy().digest());
    assertEquals(1, reloads("accepted"));
  }
}
