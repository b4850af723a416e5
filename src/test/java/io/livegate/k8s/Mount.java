package io.livegate.k8s;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Map;

/**
 * A directory as the kubelet mounts config maps and secrets: the files are links into a directory
 * behind a link of its own, and a change swaps that.
 */
final class Mount {

  private static final String DATA = "..data";

  private final Path directory;
  private int version;

  Mount(Path directory, Map<String, String> files) {
    this.directory = directory;
    try {
      Files.createDirectories(directory);
      write(files);
      for (String name : files.keySet()) {
        Files.createSymbolicLink(directory.resolve(name), Path.of(DATA, name));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** New content, of the same names. */
  void change(Map<String, String> files) {
    try {
      write(files);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void write(Map<String, String> files) throws IOException {
    version++;
    Path next = Files.createDirectory(directory.resolve("..version-" + version));
    for (Map.Entry<String, String> file : files.entrySet()) {
      Files.writeString(next.resolve(file.getKey()), file.getValue());
    }
    Path link = directory.resolve("..data_tmp");
    Files.createSymbolicLink(link, next.getFileName());
    Files.move(
        link,
        directory.resolve(DATA),
        StandardCopyOption.ATOMIC_MOVE,
        StandardCopyOption.REPLACE_EXISTING);
  }
}
