package io.livegate.audit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Await;
import io.livegate.Secrets;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the file sink writes, and what can be told of it afterwards. */
class VerifyAuditTest {

  @TempDir Path directory;

  private Path file;
  private Path keyFile;
  private String key;

  @BeforeEach
  void makeAKey() throws IOException {
    byte[] random = new byte[32];
    new SecureRandom().nextBytes(random);
    key = Secrets.remember(Base64.getEncoder().encodeToString(random));
    keyFile = Files.writeString(Files.createTempFile("audit", "key"), key + "\n");
    file = directory.resolve("audit.log");
  }

  /** A process that writes so many events, one after the other. */
  private void run(String run, int events, int maxSize) throws IOException {
    var writer = writer(run, maxSize);
    writer.start();
    for (int i = 1; i <= events; i++) {
      var entry = Entry.awaited(event(i), 1);
      writer.offer(entry);
      entry.recorded().join();
    }
    writer.close(Duration.ofSeconds(5));
  }

  private SinkWriter writer(String run, int maxSize) throws IOException {
    return new SinkWriter(
        "file",
        1,
        new FileSink(file, maxSize, 0, true),
        new Chain("\"replica-0\"", run, Optional.of(AuditKey.of(key))),
        new SimpleMeterRegistry());
  }

  private static String event(int number) {
    return "{\"time\":\"2026-11-22T19:00:00Z\",\"event\":\"test\",\"outcome\":\"ok\",\"number\":"
        + number
        + "}";
  }

  private static final class Verdict {
    private final int status;
    private final String text;

    private Verdict(int status, String text) {
      this.status = status;
      this.text = text;
    }
  }

  private Verdict verify(String... more) {
    var args = new ArrayList<>(List.of("--key-file", keyFile.toString()));
    args.addAll(more.length == 0 ? List.of(directory.toString()) : List.of(more));
    var out = new ByteArrayOutputStream();
    var stream = new PrintStream(out, true, StandardCharsets.UTF_8);
    int status = VerifyAudit.run(args, stream, stream);
    return new Verdict(status, out.toString(StandardCharsets.UTF_8));
  }

  private void broken(String where, String why) {
    var verdict = verify();
    assertEquals(1, verdict.status, verdict.text);
    assertTrue(verdict.text.contains(where + ": "), verdict.text);
    assertTrue(verdict.text.contains(why), verdict.text);
  }

  private List<String> lines(Path of) throws IOException {
    return new ArrayList<>(Files.readAllLines(of));
  }

  private static void write(Path to, List<String> lines) throws IOException {
    Files.writeString(to, String.join("\n", lines) + "\n");
  }

  @Test
  void whatAProcessWroteIsInOrder() throws IOException {
    run("a", 10, 1 << 20);

    var verdict = verify();

    assertEquals(0, verdict.status, verdict.text);
    // The first says that the run started, the last that it stopped.
    assertTrue(verdict.text.contains("12 lines"), verdict.text);
    assertTrue(verdict.text.contains("ends at run a, sequence 12, mac "), verdict.text);
    assertFalse(String.join("\n", lines(file)).contains(key));
  }

  @Test
  void theChainGoesOnOverRotationAndRestart() throws IOException {
    run("a", 20, 3000);
    run("b", 20, 3000);
    try (Stream<Path> files = Files.list(directory)) {
      assertTrue(files.count() > 3);
    }

    var verdict = verify();

    assertEquals(0, verdict.status, verdict.text);
    assertTrue(verdict.text.contains("run b, "), verdict.text);
  }

  @Test
  void aChangedByteIsFound() throws IOException {
    run("a", 10, 1 << 20);
    var lines = lines(file);
    lines.set(4, lines.get(4).replace("\"number\":4", "\"number\":5"));
    write(file, lines);

    broken("line 5", "does not have the mac");
  }

  @Test
  void aRemovedLineIsFound() throws IOException {
    run("a", 10, 1 << 20);
    var lines = lines(file);
    lines.subList(4, 6).clear();
    write(file, lines);

    broken("line 5", "follows sequence 4 with 7: 2 missing");
  }

  @Test
  void swappedLinesAreFound() throws IOException {
    run("a", 10, 1 << 20);
    var lines = lines(file);
    Collections.swap(lines, 4, 5);
    write(file, lines);

    broken("line 5", "1 missing");
  }

  @Test
  void aLineThatStandsTwiceIsFound() throws IOException {
    run("a", 10, 1 << 20);
    var lines = lines(file);
    lines.add(5, lines.get(4));
    write(file, lines);

    broken("line 6", "there twice");
  }

  @Test
  void aLineWithoutTheKeyIsFound() throws IOException {
    run("a", 3, 1 << 20);
    Files.writeString(
        file,
        "{\"event\":\"test\",\"replica\":\"replica-0\",\"run\":\"a\",\"sequence\":6}\n",
        StandardOpenOption.APPEND);

    broken("line 6", "has no mac");
  }

  @Test
  void aRemovedFileIsFound() throws IOException {
    run("a", 40, 3000);
    Files.delete(directory.resolve("audit.log.2"));

    broken("audit.log.3, line 1", "missing");
  }

  @Test
  void aTailThatIsContinuedElsewhereIsMissed() throws IOException {
    run("a", 40, 3000);
    Path full = directory.resolve("audit.log.1");
    var lines = lines(full);
    lines.remove(lines.size() - 1);
    write(full, lines);

    broken("audit.log.2, line 1", "1 missing");
  }

  @Test
  void theOldestFilesMayBeGone() throws IOException {
    run("a", 40, 3000);
    Files.delete(directory.resolve("audit.log.1"));

    var verdict = verify();

    assertEquals(0, verdict.status, verdict.text);
    assertTrue(verdict.text.contains("which is not among the files"), verdict.text);
  }

  @Test
  void whatACrashToreIsToldApartFromWhatSomebodyDid() throws IOException {
    run("a", 5, 1 << 20);
    Files.writeString(file, "{\"time\":\"2026-11-22T19:0", StandardOpenOption.APPEND);
    broken("line 8", "was cut off, and nothing was written after it");
    run("b", 5, 1 << 20);

    var verdict = verify();
    assertEquals(0, verdict.status, verdict.text);
    assertTrue(verdict.text.contains("line 8: torn by a crash"), verdict.text);

    var lines = lines(file);
    lines.set(7, "{\"time\":\"2026-11-22T19:1");
    write(file, lines);
    broken("line 8", "is no audit line");
    lines.remove(7);
    write(file, lines);
    broken("line 8", "torn bytes before it: removed");
  }

  @Test
  void anotherKeyFitsNothing() throws IOException {
    run("a", 5, 1 << 20);
    makeAnotherKey();

    broken("line 1", "does not have the mac");
  }

  private void makeAnotherKey() throws IOException {
    byte[] random = new byte[32];
    new SecureRandom().nextBytes(random);
    Files.writeString(keyFile, Secrets.remember(Base64.getEncoder().encodeToString(random)));
  }

  @Test
  void whoAsksWronglyIsToldHow() {
    assertEquals(2, verify(directory.resolve("nothing").toString()).status);
    assertEquals(2, verify("--what").status);
    var none = VerifyAudit.run(List.of(), System.out, System.err);
    assertEquals(2, none);
  }

  @Test
  void aFileBelongsToOneProcess() throws IOException {
    var writer = writer("a", 1 << 20);

    var refused = assertThrows(IOException.class, () -> writer("b", 1 << 20));

    assertTrue(refused.getMessage().contains("another process writes to"), refused::getMessage);
    writer.start();
    writer.close(Duration.ofSeconds(5));
  }

  @Test
  void manyWritersAtOnceLoseNothing() throws Exception {
    var writer = writer("a", 50_000);
    writer.start();
    var entries = Collections.synchronizedList(new ArrayList<Entry>());
    var threads = new ArrayList<Thread>();
    for (int t = 0; t < 8; t++) {
      var thread =
          new Thread(
              () -> {
                for (int i = 0; i < 250; i++) {
                  var entry = Entry.awaited(event(i), 1);
                  entries.add(entry);
                  writer.offer(entry);
                }
              });
      threads.add(thread);
      thread.start();
    }
    for (Thread thread : threads) {
      thread.join();
    }
    entries.forEach(entry -> entry.recorded().join());
    writer.close(Duration.ofSeconds(5));

    var verdict = verify();
    assertEquals(0, verdict.status, verdict.text);
    long written = 0;
    try (Stream<Path> files = Files.list(directory)) {
      for (Path each : files.filter(f -> !f.toString().endsWith(".lock")).toList()) {
        written += lines(each).stream().filter(line -> line.contains("\"test\"")).count();
      }
    }
    assertEquals(2000, written);
  }

  @Test
  void aFileThatIsTakenAwayFailsWhoWaitsAndIsBegunAnew() throws Exception {
    var writer = writer("a", 1 << 20);
    writer.start();
    var first = Entry.awaited(event(1), 1);
    writer.offer(first);
    first.recorded().join();
    try (Stream<Path> files = Files.list(directory)) {
      for (Path each : files.toList()) {
        Files.delete(each);
      }
    }
    Files.delete(directory);

    var refused = Entry.awaited(event(2), 1);
    writer.offer(refused);
    assertThrows(RuntimeException.class, () -> refused.recorded().join());

    Files.createDirectory(directory);
    Await.until(
        () -> {
          var again = Entry.awaited(event(3), 1);
          writer.offer(again);
          return again.recorded().handle((there, failure) -> failure == null).join();
        });
    writer.close(Duration.ofSeconds(5));
    assertFalse(String.join("\n", lines(file)).contains("\"number\":2"));
  }
}
