package io.livegate.k8s;

import com.fasterxml.jackson.databind.JsonNode;
import io.livegate.Await;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import redis.embedded.RedisExecProvider;

/**
 * A real redis-server, started by the very command of the component's container, with the
 * component's configuration; only its port and directories are the test's.
 */
final class RedisPod implements AutoCloseable {

  private final int port;
  private final String password;
  private final Path root;
  private final List<String> command = new ArrayList<>();
  private Process process;

  RedisPod(Manifests manifests, String password) {
    this.password = password;
    JsonNode container =
        Manifests.container(manifests.the("StatefulSet", "livegate-redis"), "redis");
    String config = manifests.the("ConfigMap", "livegate-redis").at("/data/redis.conf").asText();
    try {
      Path output = Files.createDirectories(Path.of("target", "k8s"));
      root = Files.createTempDirectory(output, "redis").toAbsolutePath();
      for (String directory : List.of("data", "etc", "run", "secrets", "bin")) {
        Files.createDirectory(root.resolve(directory));
      }
      try (var free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
        port = free.getLocalPort();
      }
      Files.writeString(
          root.resolve("etc/redis.conf"), moved(config) + "port " + port + "\nbind 127.0.0.1\n");
      Files.writeString(root.resolve("secrets/password"), password);
      Files.createSymbolicLink(
          root.resolve("bin/redis-server"), RedisExecProvider.defaultProvider().get().toPath());
      container.path("command").forEach(word -> command.add(moved(word.asText())));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    start();
  }

  /** Starts it, again at the same address and with the same volume. */
  final void start() {
    Path log = root.resolve("log");
    try {
      Files.deleteIfExists(log);
      var builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().merge("PATH", root.resolve("bin") + ":", (path, bin) -> bin + path);
      process = builder.redirectOutput(log.toFile()).start();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    Await.until(() -> log().contains("Ready to accept connections"));
  }

  private String moved(String text) {
    return text.replace("/run/redis", root + "/run")
        .replace("/run/secrets/redis", root + "/secrets")
        .replace("/etc/redis", root + "/etc")
        .replace("dir /data", "dir " + root + "/data");
  }

  private String log() throws IOException {
    String log = Files.readString(root.resolve("log"));
    if (!process.isAlive()) {
      throw new AssertionError("redis-server ended: " + log);
    }
    return log;
  }

  String url() {
    return "redis://127.0.0.1:" + port;
  }

  /** What it answers to a command of a client that gave no password. */
  String ask(String command) throws IOException {
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(5000);
      socket.getOutputStream().write((command + "\r\n").getBytes(StandardCharsets.US_ASCII));
      byte[] answer = new byte[200];
      int length = socket.getInputStream().read(answer);
      return new String(answer, 0, length, StandardCharsets.US_ASCII).strip();
    }
  }

  /** Has it lose all its data, without a word. */
  void empty() throws IOException {
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      socket.setSoTimeout(5000);
      String commands = "AUTH " + password + "\r\nFLUSHALL\r\nQUIT\r\n";
      socket.getOutputStream().write(commands.getBytes(StandardCharsets.US_ASCII));
      String answers =
          new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      if (!answers.equals("+OK\r\n+OK\r\n+OK\r\n")) {
        throw new AssertionError(answers);
      }
    }
  }

  /** Ends it as Kubernetes does. */
  void stop() {
    process.destroy();
    try {
      if (!process.waitFor(20, TimeUnit.SECONDS)) {
        throw new AssertionError("redis-server does not end");
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
