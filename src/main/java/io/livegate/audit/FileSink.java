package io.livegate.audit;

import io.livegate.audit.AuditLine.Torn;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * A file of lines. When it is full it is renamed by a number at its end, the newest having the
 * highest, and a new one is begun. It belongs to one process: a second one finds the lock beside it
 * taken.
 *
 * <p>What a failed write left is cut off again, so that an event that was refused is not told. What
 * a crash left stays; the line after it says how much that is.
 */
final class FileSink implements Sink {

  private static final Logger LOG = Logger.getLogger(FileSink.class);

  /** How far from its end a file is searched for its last line. */
  private static final int TAIL = 1 << 20;

  /**
   * Where a file ends.
   *
   * @param torn what is behind its last line
   * @param unclosed whether it lacks its last line feed
   */
  private record End(Optional<Chain.Tip> last, Optional<Torn> torn, boolean unclosed) {}

  private final Path path;
  private final long maxSize;
  private final int maxFiles;
  private final boolean force;

  private @Nullable FileChannel lock;
  private @Nullable FileChannel file;
  private @Nullable Object identity;
  private Optional<Opening> opening = Optional.empty();
  private boolean unclosed;
  private long cutAt = -1;

  /**
   * Opens the file, and creates it with its directory if need be.
   *
   * @param force whether what is appended must survive a crash of the machine
   */
  FileSink(Path path, long maxSize, int maxFiles, boolean force) throws IOException {
    this.path = path.toAbsolutePath();
    this.maxSize = maxSize;
    this.maxFiles = maxFiles;
    this.force = force;
    Files.createDirectories(directory());
    open();
  }

  @Override
  public Optional<Opening> prepare(long bytes) throws IOException {
    if (cutAt >= 0) {
      cut();
    }
    FileChannel open = file;
    if (open == null || !leadsHere()) {
      close();
      open = open();
    }
    long size = open.size();
    if (opening.isEmpty() && size > 0 && size + bytes > maxSize) {
      open = rotate(open);
    } else if (opening.isEmpty() && size == 0) {
      // Somebody emptied it.
      opening = Optional.of(Opening.FRESH);
    }
    return opening;
  }

  @Override
  public Batch append(Batch batch) throws IOException {
    FileChannel open = Objects.requireNonNull(file);
    ByteBuffer bytes = bytes(batch.lines());
    long before = open.size();
    try {
      while (bytes.hasRemaining()) {
        open.write(bytes);
      }
      if (force) {
        open.force(false);
      }
      if (!leadsHere()) {
        throw new NoSuchFileException(path.toString());
      }
    } catch (IOException e) {
      cutAt = before;
      try {
        cut();
      } catch (IOException later) {
        e.addSuppressed(later);
      }
      throw e;
    }
    opening = Optional.empty();
    unclosed = false;
    return batch;
  }

  @Override
  public void close() throws IOException {
    FileChannel written = file;
    FileChannel locked = lock;
    file = null;
    lock = null;
    try {
      if (written != null) {
        written.force(false);
        written.close();
      }
    } finally {
      if (locked != null) {
        locked.close();
      }
    }
  }

  private FileChannel open() throws IOException {
    lock = lock();
    try {
      End end = end();
      FileChannel open = create(StandardOpenOption.CREATE);
      unclosed = end.unclosed();
      opening = Optional.of(new Opening(end.last(), end.torn()));
      return open;
    } catch (IOException e) {
      close();
      throw e;
    }
  }

  /** Opens the file for appending. */
  private FileChannel create(StandardOpenOption how) throws IOException {
    Set<OpenOption> options = Set.of(StandardOpenOption.APPEND, how);
    FileChannel open = FileChannel.open(path, options, attributes());
    file = open;
    identity = fileKey();
    forceDirectory();
    return open;
  }

  private FileChannel lock() throws IOException {
    FileChannel channel =
        FileChannel.open(
            beside(".lock"),
            Set.of(StandardOpenOption.CREATE, StandardOpenOption.WRITE),
            attributes());
    FileLock taken = null;
    try {
      taken = channel.tryLock();
    } catch (OverlappingFileLockException e) {
      // Another one in this process: the same to the user.
    } finally {
      if (taken == null) {
        channel.close();
      }
    }
    if (taken == null) {
      throw new IOException("another process writes to " + path + "; give each a file of its own");
    }
    return channel;
  }

  /** Where the chain ends: in this file, or when it is empty in the last full one. */
  private End end() throws IOException {
    End end = endOf(path);
    if (end.last().isPresent()) {
      return end;
    }
    List<Long> numbers = numbers();
    return numbers.isEmpty()
        ? end
        : new End(
            endOf(numbered(numbers.get(numbers.size() - 1))).last(), end.torn(), end.unclosed());
  }

  private static End endOf(Path file) throws IOException {
    byte[] tail = tail(file);
    int end = tail.length;
    boolean unclosed = end > 0 && tail[end - 1] != '\n';
    if (!unclosed) {
      end--;
    }
    while (end > 0) {
      byte[] line = lastLine(tail, end);
      Optional<AuditLine> last = AuditLine.parse(line);
      if (last.isPresent()) {
        int rest = Math.min(end + 1, tail.length);
        return new End(
            Optional.of(last.get().tip()),
            torn(Arrays.copyOfRange(tail, rest, tail.length)),
            unclosed);
      }
      end -= line.length + 1;
    }
    // A crash leaves at most the beginning of a line there.
    if (tail.length == TAIL || lastLine(tail, tail.length).length < tail.length) {
      throw new IOException(file + " holds something else than audit lines; move it away");
    }
    return new End(Optional.empty(), torn(tail), unclosed);
  }

  private static byte[] tail(Path path) throws IOException {
    if (!Files.isRegularFile(path)) {
      return new byte[] {};
    }
    try (FileChannel file = FileChannel.open(path)) {
      long start = Math.max(0, file.size() - TAIL);
      var tail = ByteBuffer.allocate((int) (file.size() - start));
      int read = 0;
      while (read >= 0 && tail.hasRemaining()) {
        read = file.read(tail, start + tail.position());
      }
      return Arrays.copyOf(tail.array(), tail.position());
    }
  }

  /** The bytes before the end, back to a line feed. */
  private static byte[] lastLine(byte[] tail, int end) {
    int start = end;
    while (start > 0 && tail[start - 1] != '\n') {
      start--;
    }
    return Arrays.copyOfRange(tail, start, end);
  }

  private static Optional<Torn> torn(byte[] rest) {
    return rest.length == 0 ? Optional.empty() : Optional.of(Torn.of(rest));
  }

  private ByteBuffer bytes(List<String> lines) {
    var bytes = new ByteArrayOutputStream();
    if (unclosed) {
      bytes.write('\n');
    }
    for (String line : lines) {
      bytes.writeBytes(line.getBytes(StandardCharsets.UTF_8));
      bytes.write('\n');
    }
    return ByteBuffer.wrap(bytes.toByteArray());
  }

  private void cut() throws IOException {
    if (file != null) {
      file.truncate(cutAt);
    }
    cutAt = -1;
  }

  /** Whether the path still leads to the open file; a file that was removed keeps nothing. */
  private boolean leadsHere() throws IOException {
    try {
      return Objects.equals(identity, fileKey());
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private @Nullable Object fileKey() throws IOException {
    return Files.readAttributes(path, BasicFileAttributes.class).fileKey();
  }

  private FileChannel rotate(FileChannel full) throws IOException {
    full.force(false);
    List<Long> numbers = numbers();
    long number = numbers.isEmpty() ? 1 : numbers.get(numbers.size() - 1) + 1;
    Files.move(path, numbered(number), StandardCopyOption.ATOMIC_MOVE);
    full.close();
    file = null;
    FileChannel open = create(StandardOpenOption.CREATE_NEW);
    opening = Optional.of(Opening.FRESH);
    numbers.add(number);
    if (maxFiles > 0) {
      for (long old : numbers.subList(0, Math.max(0, numbers.size() - maxFiles))) {
        remove(numbered(old));
      }
    }
    return open;
  }

  private static void remove(Path old) {
    try {
      Files.deleteIfExists(old);
    } catch (IOException e) {
      LOG.warnf("An old audit file cannot be removed: %s", e);
    }
  }

  /** The numbers of full files, ascending. */
  private List<Long> numbers() throws IOException {
    String prefix = path.getFileName() + ".";
    try (Stream<Path> files = Files.list(directory())) {
      return files
          .map(found -> String.valueOf(found.getFileName()))
          .filter(name -> name.startsWith(prefix))
          .map(name -> name.substring(prefix.length()))
          .filter(number -> number.matches("[1-9][0-9]{0,17}"))
          .map(Long::valueOf)
          .sorted()
          .collect(Collectors.toCollection(ArrayList::new));
    }
  }

  private Path numbered(long number) {
    return beside("." + number);
  }

  private Path beside(String end) {
    return path.resolveSibling(path.getFileName() + end);
  }

  private Path directory() {
    return Objects.requireNonNull(path.getParent());
  }

  private void forceDirectory() {
    try (FileChannel directory = FileChannel.open(directory())) {
      directory.force(true);
    } catch (IOException e) {
      LOG.debugf("This platform does not force directories: %s", e);
    }
  }

  /** For the owner and its group, who may collect it; it names people. */
  private FileAttribute<?>[] attributes() {
    return path.getFileSystem().supportedFileAttributeViews().contains("posix")
        ? new FileAttribute<?>[] {
          PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-r-----"))
        }
        : new FileAttribute<?>[] {};
  }
}
