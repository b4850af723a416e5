package io.livegate.bench;

import io.livegate.TestIssuer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * The packaged gateway in a process of its own.
 *
 * <p>{@code -Dbench.app} names another build, {@code -Dbench.java} the home of another Java, {@code
 * -Dbench.jvm} adds arguments of its JVM, such as a flight recorder's.
 */
public final class PackagedGateway implements AutoCloseable {

  public static final String API_KEY = "AIzaSyBenchmarkKey000000000000000000001";

  private static final Path OUTPUT = Path.of("target", "bench");
  private static final Path JAVA =
      Path.of(System.getProperty("bench.java", System.getProperty("java.home")), "bin");
  private static final Pattern LISTENING = Pattern.compile("Listening on: (\\S+?)\\.? Management");
  private static final Pattern TOTAL = Pattern.compile("Total +[0-9]+ +([0-9]+)");

  private final Program program;
  private final URI url;

  /**
   * Starts it and waits until it listens.
   *
   * @param jvm arguments of the JVM, before those of {@code bench.jvm}
   * @param more properties of the gateway
   */
  public PackagedGateway(
      TestIssuer issuer, URI google, String policy, List<String> jvm, Map<String, String> more)
      throws IOException {
    Files.createDirectories(OUTPUT);
    var command = new ArrayList<>(List.of(JAVA.resolve("java").toString()));
    command.addAll(jvm);
    Arrays.stream(System.getProperty("bench.jvm", "").split(" "))
        .filter(argument -> !argument.isEmpty())
        .forEach(command::add);
    Map.of(
            "quarkus.http.host", "127.0.0.1",
            "quarkus.http.port", "0",
            "quarkus.management.host", "127.0.0.1",
            "quarkus.management.port", "0",
            "quarkus.oidc.auth-server-url", issuer.url(),
            "quarkus.oidc.token.audience", "livegate",
            "livegate.policy.file",
                Files.writeString(Files.createTempFile(OUTPUT, "policy", ".yaml"), policy)
                    .toString(),
            "livegate.gemini.base-url", google.toString(),
            "livegate.gemini.api-key", API_KEY)
        .forEach((name, value) -> command.add("-D" + name + "=" + value));
    more.forEach((name, value) -> command.add("-D" + name + "=" + value));
    command.add("-jar");
    command.add(
        Path.of(System.getProperty("bench.app", "target/quarkus-app"), "quarkus-run.jar")
            .toString());
    program = new Program(Files.createTempFile(OUTPUT, "gateway", ".log"), command);
    url = URI.create(program.await(LISTENING));
  }

  public URI url() {
    return url;
  }

  public Program program() {
    return program;
  }

  /** What a full collection leaves on its heap, in bytes. */
  public long liveHeap() {
    try {
      Process jcmd =
          new ProcessBuilder(
                  JAVA.resolve("jcmd").toString(),
                  Long.toString(program.pid()),
                  "GC.class_histogram")
              .redirectErrorStream(true)
              .start();
      String histogram = new String(jcmd.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      var total = TOTAL.matcher(histogram);
      if (!total.find()) {
        throw new AssertionError("jcmd says: " + histogram);
      }
      return Long.parseLong(total.group(1));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    program.close();
  }
}
