package io.livegate.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * Google's JavaScript SDK in a Node.js of its own: runs the scripts of {@code src/test/js} in a
 * copy below {@code target}.
 */
final class JsSdk {

  private static final Path SOURCES = Path.of("src", "test", "js");
  private static final Path HOME = Path.of("target", "js");
  private static final Path INSTALLED = HOME.resolve("installed.json");

  private static final Duration INSTALL_LIMIT = Duration.ofMinutes(5);
  private static final Duration RUN_LIMIT = Duration.ofSeconds(60);

  private JsSdk() {}

  /** Copies the scripts and has npm install the SDKs, unless they are there from an earlier run. */
  static void install() throws IOException {
    requireNode();
    Files.createDirectories(HOME);
    try (Stream<Path> sources = Files.list(SOURCES)) {
      for (Path source : sources.toList()) {
        Files.copy(source, HOME.resolve(source.getFileName()), StandardCopyOption.REPLACE_EXISTING);
      }
    }
    Path wanted = HOME.resolve("package.json");
    if (Files.exists(INSTALLED) && Files.mismatch(INSTALLED, wanted) == -1) {
      return;
    }
    execute(
        "npm-install",
        INSTALL_LIMIT,
        Map.of(),
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--package-lock=false",
        "--ignore-scripts");
    Files.copy(wanted, INSTALLED, StandardCopyOption.REPLACE_EXISTING);
  }

  private static void requireNode() {
    for (String command : List.of("node", "npm")) {
      try {
        new ProcessBuilder(command, "--version").start().destroy();
      } catch (IOException e) {
        fail("These tests need Node.js 18 or newer with npm on the PATH; there is no " + command);
      }
    }
  }

  /** What a script prints for this input. */
  static JsonObject run(String script, JsonObject input) throws IOException {
    return run(script, input, Map.of());
  }

  /** The same, where a certificate authority is trusted besides those that Node.js knows. */
  static JsonObject run(String script, JsonObject input, Path authority) throws IOException {
    return run(script, input, Map.of("NODE_EXTRA_CA_CERTS", authority.toString()));
  }

  /** What an example prints that wants an access token. */
  static String example(String file, String text, String accessToken, String interpreter)
      throws IOException {
    Files.writeString(HOME.resolve(file), text);
    return execute(file, RUN_LIMIT, Map.of("ACCESS_TOKEN", accessToken), interpreter, file);
  }

  private static JsonObject run(String script, JsonObject input, Map<String, String> environment)
      throws IOException {
    var all = new HashMap<>(environment);
    all.put("INPUT", input.encode());
    return new JsonObject(execute(script, RUN_LIMIT, all, "node", script));
  }

  private static String execute(
      String name, Duration limit, Map<String, String> environment, String... command)
      throws IOException {
    // Into files, so that no reader can hang on a pipe.
    Path out = Files.createTempFile(HOME, name, ".out");
    Path err = Files.createTempFile(HOME, name, ".err");
    var builder =
        new ProcessBuilder(command)
            .directory(HOME.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err.toFile());
    builder.environment().putAll(environment);
    Process process = builder.start();
    try {
      if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
        fail(name + " did not end within " + limit + "\n" + Files.readString(err));
      }
      assertEquals(0, process.exitValue(), () -> name + " failed; see " + err + " and " + out);
      return Files.readString(out);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return fail(name + " was interrupted");
    } finally {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
  }
}
