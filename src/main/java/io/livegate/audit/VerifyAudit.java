package io.livegate.audit;

import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Verifies files of audit lines: that none was changed, added, removed or moved since a process
 * with the key wrote them. Reports the first thing that is wrong.
 *
 * <p>That the newest lines are still there cannot be seen from the files; compare what is reported
 * as the end with what the process logged, or with another sink.
 */
public final class VerifyAudit {

  static final String USAGE =
      """
      Verifies audit files.

        java -cp 'target/quarkus-app/app/*:target/quarkus-app/lib/main/*' io.livegate.audit.VerifyAudit \\
          --key-file KEY FILE-OR-DIRECTORY...

        --key-file KEY   the key of livegate.audit.key-file; without it only the numbers are checked

      Ends with 0 when everything is in order, with 1 and the first thing that is not, and with 2
      when it cannot be told.
      """;

  private static final int GOOD = 0;
  private static final int BAD = 1;
  private static final int UNKNOWN = 2;

  /** A full file is renamed with a number at its end. */
  private static final Pattern NUMBERED = Pattern.compile("(.+)\\.([1-9][0-9]{0,17})");

  /** Something is wrong with a line. */
  private static final class BrokenException extends Exception {
    private static final long serialVersionUID = 1;

    BrokenException(Path file, long line, String why) {
      super(file + ", line " + line + ": " + why);
    }
  }

  private final Optional<AuditKey> key;
  private final PrintStream out;

  // Of the files of one process, in the order in which they were written.
  private Optional<Chain.Tip> tip = Optional.empty();
  private Optional<AuditLine.Torn> torn = Optional.empty();
  private long tornLine;
  private long lines;
  private long lost;
  private String from = "";
  private String to = "";

  private VerifyAudit(Optional<AuditKey> key, PrintStream out) {
    this.key = key;
    this.out = out;
  }

  /** Verifies the files that are named. See {@link #USAGE}. */
  public static void main(String[] args) {
    System.exit(run(List.of(args), System.out, System.err));
  }

  static int run(List<String> args, PrintStream out, PrintStream err) {
    try {
      var files = new ArrayList<Path>();
      Optional<AuditKey> key = Optional.empty();
      for (int i = 0; i < args.size(); i++) {
        if (args.get(i).equals("--key-file") && i + 1 < args.size()) {
          key = Optional.of(AuditKey.read(Path.of(args.get(++i))));
        } else if (args.get(i).startsWith("--")) {
          throw new IllegalArgumentException("unknown option " + args.get(i));
        } else {
          addFiles(Path.of(args.get(i)), files);
        }
      }
      if (files.isEmpty()) {
        throw new IllegalArgumentException("no files are named\n\n" + USAGE);
      }
      for (List<Path> written : series(files)) {
        new VerifyAudit(key, out).verify(written);
      }
      return GOOD;
    } catch (BrokenException e) {
      out.println("BROKEN " + e.getMessage());
      return BAD;
    } catch (IllegalArgumentException | IOException e) {
      err.println(e instanceof IOException ? "cannot read " + e.getMessage() : e.getMessage());
      return UNKNOWN;
    }
  }

  private static void addFiles(Path given, List<Path> files) throws IOException {
    if (!Files.isDirectory(given)) {
      files.add(given);
      return;
    }
    try (Stream<Path> found = Files.list(given)) {
      found
          .filter(Files::isRegularFile)
          .filter(file -> !file.toString().endsWith(".lock"))
          .forEach(files::add);
    }
  }

  /** The files of each process, oldest first: the numbered ones, then the one without a number. */
  private static Iterable<List<Path>> series(List<Path> files) {
    Map<Path, TreeMap<Long, Path>> series = new TreeMap<>(Comparator.comparing(Path::toString));
    for (Path file : files) {
      Matcher numbered = NUMBERED.matcher(String.valueOf(file.getFileName()));
      Path name = numbered.matches() ? file.resolveSibling(numbered.group(1)) : file;
      long number = numbered.matches() ? Long.parseLong(numbered.group(2)) : Long.MAX_VALUE;
      series.computeIfAbsent(name, none -> new TreeMap<>()).put(number, file);
    }
    return series.values().stream().map(written -> List.copyOf(written.values())).toList();
  }

  private void verify(List<Path> files) throws IOException, BrokenException {
    for (Path file : files) {
      verify(file);
    }
    Path last = files.get(files.size() - 1);
    if (torn.isPresent()) {
      throw new BrokenException(last, tornLine, "was cut off, and nothing was written after it");
    }
    out.printf(
        "OK %s: %d lines from %s to %s; %d events found no room; ends at run %s, sequence %d, mac"
            + " %s%n",
        last,
        lines,
        from,
        to,
        lost,
        tip.map(Chain.Tip::run).orElse("none"),
        tip.map(Chain.Tip::sequence).orElse(0L),
        tip.map(Chain.Tip::mac).filter(mac -> !mac.isEmpty()).orElse("none"));
  }

  private void verify(Path file) throws IOException, BrokenException {
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
      var line = new ByteArrayOutputStream();
      long number = 0;
      for (int read = in.read(); read >= 0; read = in.read()) {
        if (read != '\n') {
          line.write(read);
        } else {
          verify(file, ++number, line.toByteArray(), true);
          line.reset();
        }
      }
      if (line.size() > 0) {
        verify(file, ++number, line.toByteArray(), false);
      }
    }
  }

  private void verify(Path file, long number, byte[] bytes, boolean closed) throws BrokenException {
    Optional<AuditLine> parsed = closed ? AuditLine.parse(bytes) : Optional.empty();
    if (parsed.isEmpty()) {
      if (torn.isPresent()) {
        throw new BrokenException(file, tornLine, "is no audit line");
      }
      torn = Optional.of(AuditLine.Torn.of(bytes));
      tornLine = number;
      return;
    }
    AuditLine line = parsed.get();
    if (torn.isPresent() && !(line.opens() && line.torn().equals(torn))) {
      throw new BrokenException(file, number - 1, "is no audit line");
    }
    if (torn.isEmpty() && line.opens() && line.torn().isPresent()) {
      throw new BrokenException(
          file, number, "tells of " + line.torn().get().bytes() + " torn bytes before it: removed");
    }
    torn.ifPresent(cut -> out.printf("NOTE %s, line %d: torn by a crash%n", file, tornLine));
    torn = Optional.empty();
    follow(file, number, line);
    lines++;
    lost += line.event().equals(AuditLine.LOST) ? line.count() : 0;
    from = from.isEmpty() ? line.time() : from;
    to = line.time();
  }

  private void follow(Path file, long number, AuditLine line) throws BrokenException {
    Optional<Chain.Tip> previous = line.opens() ? line.previous() : tip;
    if (tip.isEmpty()) {
      if (!line.opens()) {
        throw new BrokenException(
            file, number, "does not begin a file: lines before it are missing");
      }
      previous.ifPresent(
          before ->
              out.printf(
                  "NOTE %s begins behind run %s, sequence %d, which is not among the files%n",
                  file, before.run(), before.sequence()));
    } else if (!previous.equals(tip)) {
      throw new BrokenException(file, number, missing(tip.get(), previous));
    }
    boolean started = line.event().equals(AuditLine.STARTED);
    long expected =
        started ? 1 : previous.map(before -> before.sequence() + 1).orElse(line.sequence());
    boolean sameRun =
        started || previous.map(before -> before.run().equals(line.run())).orElse(true);
    if (!sameRun) {
      throw new BrokenException(file, number, "is of another run than the line before it");
    }
    if (line.sequence() > expected) {
      throw new BrokenException(
          file,
          number,
          "follows sequence %d with %d: %d missing"
              .formatted(expected - 1, line.sequence(), line.sequence() - expected));
    }
    if (line.sequence() < expected) {
      throw new BrokenException(
          file,
          number,
          "follows sequence %d with %d: out of order, or there twice"
              .formatted(expected - 1, line.sequence()));
    }
    if (key.isPresent() && !line.follows(previous.map(Chain.Tip::mac).orElse(""), key.get())) {
      throw new BrokenException(
          file,
          number,
          line.mac().isEmpty()
              ? "has no mac"
              : "does not have the mac that the key gives it: altered, or written without the key");
    }
    tip = Optional.of(line.tip());
  }

  private static String missing(Chain.Tip found, Optional<Chain.Tip> told) {
    if (told.isEmpty()) {
      return "says that nothing was before it, but run %s, sequence %d is"
          .formatted(found.run(), found.sequence());
    }
    Chain.Tip before = told.get();
    return before.run().equals(found.run()) && before.sequence() > found.sequence()
        ? "continues sequence %d, but what is before it ends at %d: %d missing"
            .formatted(before.sequence(), found.sequence(), before.sequence() - found.sequence())
        : "continues run %s, sequence %d, but what is before it ends at run %s, sequence %d"
            .formatted(before.run(), before.sequence(), found.run(), found.sequence());
  }
}
