package io.livegate.image;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * A container run by podman as strictly as a cluster would: nothing may be written but what is
 * mounted, no capability, no new privilege, the image's own user. It shares the network with the
 * test.
 */
final class Container implements AutoCloseable {

  private static final List<String> STRICT =
      List.of(
          "--read-only",
          // Without this podman mounts writable /tmp, /run and /var/tmp over what is read-only.
          "--read-only-tmpfs=false",
          "--cap-drop=ALL",
          "--security-opt=no-new-privileges",
          "--network=host",
          "--pull=never");
  private static final int SECONDS = 120;

  /** In what Linux tells to programs, whatever the kernel uses. */
  private static final double TICKS_PER_SECOND = 100;

  private final String id;

  private Container(String id) {
    this.id = id;
  }

  /**
   * Starts one.
   *
   * @param options further ones of {@code podman run}
   * @param arguments of the image's entry point
   */
  static Container start(String image, List<String> options, List<String> arguments)
      throws IOException {
    var command = new ArrayList<>(List.of("run", "--detach"));
    command.addAll(STRICT);
    command.addAll(options);
    command.add(image);
    command.addAll(arguments);
    return new Container(podman(command.toArray(String[]::new)).strip());
  }

  /** Its first process, as this machine numbers it. */
  long pid() throws IOException {
    return Long.parseLong(podman("inspect", "--format={{.State.Pid}}", id).strip());
  }

  /** When its first process was started, on the clock of {@link #uptime}, to 10 ms. */
  double started() throws IOException {
    String stat = proc("stat");
    // The 22nd field; the second, a name in parentheses, may have blanks.
    List<String> fields = List.of(stat.substring(stat.lastIndexOf(')') + 2).split(" ", -1));
    return Long.parseLong(fields.get(19)) / TICKS_PER_SECOND;
  }

  /** Seconds since this machine was started. */
  static double uptime() {
    try {
      String text = Files.readString(Path.of("/proc/uptime"));
      return Double.parseDouble(text.substring(0, text.indexOf(' ')));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  String logs() throws IOException {
    return podman("logs", id);
  }

  /** A file of {@code /proc} about its first process. */
  String proc(String file) throws IOException {
    return Files.readString(Path.of("/proc", Long.toString(pid()), file));
  }

  /** A line of its {@code /proc/.../status}. */
  String status(String name) throws IOException {
    var line = Pattern.compile("(?m)^" + name + ":\\s*(.*)$").matcher(proc("status"));
    if (!line.find()) {
      throw new IOException(name + " is not in the status of " + id);
    }
    return line.group(1);
  }

  /** Sends SIGTERM and waits; the exit code. */
  int stop() throws IOException {
    podman("stop", "--time=60", id);
    return exitCode();
  }

  /** Waits until it ends by itself. */
  int exitCode() throws IOException {
    return Integer.parseInt(podman("wait", id).strip());
  }

  @Override
  public void close() throws IOException {
    podman("rm", "--force", "--volumes", id);
  }

  /** Both outputs of a podman command that succeeds. */
  static String podman(String... arguments) throws IOException {
    var command = new ArrayList<>(List.of("podman"));
    command.addAll(List.of(arguments));
    Path output = Files.createTempFile("podman", ".log");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    try {
      boolean ended = process.waitFor(SECONDS, TimeUnit.SECONDS);
      String text = Files.readString(output, StandardCharsets.UTF_8);
      if (!ended || process.exitValue() != 0) {
        throw new IOException(command + (ended ? " failed: " : " does not end: ") + text);
      }
      return text;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    } finally {
      process.destroyForcibly();
      Files.deleteIfExists(output);
    }
  }
}
