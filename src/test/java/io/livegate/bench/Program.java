package io.livegate.bench;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * A program in processes of its own, so that its CPU time and memory can be told from the rest.
 * What it starts counts as its own.
 */
public final class Program implements AutoCloseable {

  private static final Duration START = Duration.ofSeconds(60);
  private static final Pattern RESIDENT = Pattern.compile("VmRSS:\\s+([0-9]+) kB");

  private final Process process;
  private final Path log;

  /** Starts it; both its outputs go to the log. */
  public Program(Path log, List<String> command) {
    this.log = log;
    try {
      Files.createDirectories(log.toAbsolutePath().getParent());
      process =
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(new File(log.toString()))
              .start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Waits for the line that says where it listens: the pattern's first group. */
  public String await(Pattern line) {
    long deadline = System.nanoTime() + START.toNanos();
    while (true) {
      Matcher matcher = line.matcher(log());
      if (matcher.find()) {
        return matcher.group(1);
      }
      if (!process.isAlive() || System.nanoTime() > deadline) {
        throw new AssertionError("did not start:\n" + log());
      }
      LockSupport.parkNanos(Duration.ofMillis(50).toNanos());
    }
  }

  public String log() {
    try {
      return Files.readString(log);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  public long pid() {
    return process.pid();
  }

  public boolean isAlive() {
    return process.isAlive();
  }

  /** User and system time of all its threads so far. */
  public Duration cpu() {
    return processes()
        .map(one -> one.info().totalCpuDuration().orElseThrow())
        .reduce(Duration.ZERO, Duration::plus);
  }

  /** Its resident memory in bytes, as Linux tells it. */
  public long resident() {
    return processes().mapToLong(one -> resident(one.pid())).sum();
  }

  private static long resident(long pid) {
    try {
      Matcher matcher =
          RESIDENT.matcher(Files.readString(Path.of("/proc", Long.toString(pid), "status")));
      if (!matcher.find()) {
        throw new AssertionError("process " + pid + " has ended");
      }
      return Long.parseLong(matcher.group(1)) << 10;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Asks it to end, as {@code kill} does: SIGTERM. */
  public void terminate() {
    process.destroy();
  }

  /** Waits until it has ended by itself. */
  public int awaitExit(Duration patience) {
    try {
      if (!process.waitFor(patience.toMillis(), TimeUnit.MILLISECONDS)) {
        throw new AssertionError("still runs after " + patience + ":\n" + log());
      }
      return process.exitValue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  /** Ends it as {@code kill -9} does. */
  public void kill() {
    process.destroyForcibly();
  }

  private Stream<ProcessHandle> processes() {
    return Stream.concat(Stream.of(process.toHandle()), process.descendants());
  }

  @Override
  public void close() {
    List<ProcessHandle> all = processes().toList();
    process.destroy();
    try {
      process.waitFor(10, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    all.forEach(ProcessHandle::destroyForcibly);
  }
}
