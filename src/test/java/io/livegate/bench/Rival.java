package io.livegate.bench;

import io.livegate.Await;
import io.livegate.Certificates;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * Another program that passes WebSockets on, without policy or metering.
 *
 * @param plain where it passes to the upstream without TLS
 * @param tls where it passes to the one with TLS; clients need none for either
 */
record Rival(Program program, URI plain, URI tls) implements AutoCloseable {

  private static final Path OUTPUT = Path.of("target", "bench").toAbsolutePath();
  private static final Path SCRIPT = Path.of("src", "test", "resources", "bench");
  private static final int INSTALL_MINUTES = 3;

  /**
   * nginx with one worker, if there is one on the PATH.
   *
   * @param buffers directives that tune it
   */
  static Optional<Rival> nginx(
      String name, EchoGoogle google, Certificates certificates, String buffers)
      throws IOException {
    if (isMissing("nginx", "-v")) {
      System.out.println("Left out: " + name + ", for want of nginx");
      return Optional.empty();
    }
    Path home = Files.createDirectories(OUTPUT.resolve(name.replace(' ', '-')));
    int plain;
    int tls;
    try (var one = new ServerSocket(0);
        var other = new ServerSocket(0)) {
      plain = one.getLocalPort();
      tls = other.getLocalPort();
    }
    Path config =
        Files.writeString(
            home.resolve("nginx.conf"),
            """
            daemon off;
            worker_processes 1;
            pid nginx.pid;
            error_log stderr warn;
            events { worker_connections 10000; }
            http {
              access_log off;
              client_body_temp_path body;
              proxy_temp_path proxy;
              fastcgi_temp_path fastcgi;
              uwsgi_temp_path uwsgi;
              scgi_temp_path scgi;
              proxy_http_version 1.1;
              proxy_set_header Upgrade $http_upgrade;
              proxy_set_header Connection upgrade;
              proxy_read_timeout 1h;
              proxy_ssl_protocols TLSv1.3;
              proxy_ssl_verify on;
              proxy_ssl_name localhost;
              proxy_ssl_trusted_certificate %s;
              %s
              server { listen 127.0.0.1:%d; location / { proxy_pass http://127.0.0.1:%d; } }
              server { listen 127.0.0.1:%d; location / { proxy_pass https://127.0.0.1:%d; } }
            }
            """
                .formatted(
                    certificates.authority(),
                    buffers,
                    plain,
                    google.plain().getPort(),
                    tls,
                    google.tls().getPort()));
    var program =
        new Program(
            home.resolve("nginx.log"),
            List.of("nginx", "-p", home.toString(), "-e", "stderr", "-c", config.toString()));
    Await.until(
        () -> {
          if (!program.isAlive()) {
            throw new AssertionError(program.log());
          }
          return isOpen(plain) && isOpen(tls);
        });
    return Optional.of(new Rival(program, local(plain), local(tls)));
  }

  /** A relay in Node.js with {@code ws}, if npm can install that. */
  static Optional<Rival> node(EchoGoogle google, Certificates certificates) throws IOException {
    Path home = Files.createDirectories(OUTPUT.resolve("node"));
    for (String file : List.of("package.json", "relay.mjs")) {
      Files.copy(SCRIPT.resolve(file), home.resolve(file), StandardCopyOption.REPLACE_EXISTING);
    }
    if (isMissing("node", "--version") || !isInstalled(home)) {
      System.out.println("Left out: Node.js, for want of it, of npm or of ws");
      return Optional.empty();
    }
    var command = new ArrayList<String>(List.of("env"));
    command.add("NODE_EXTRA_CA_CERTS=" + certificates.authority());
    command.addAll(List.of("node", home.resolve("relay.mjs").toString()));
    command.addAll(List.of(google.plain().toString(), google.tls().toString()));
    var program = new Program(home.resolve("relay.log"), command);
    return Optional.of(
        new Rival(
            program,
            URI.create(program.await(Pattern.compile("http: by (\\S+)"))),
            URI.create(program.await(Pattern.compile("https: by (\\S+)")))));
  }

  private static boolean isInstalled(Path home) throws IOException {
    if (Files.exists(home.resolve("node_modules/ws/package.json"))) {
      return true;
    }
    return run(
        new ProcessBuilder(
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--package-lock=false",
                "--ignore-scripts")
            .directory(home.toFile())
            .redirectErrorStream(true)
            .redirectOutput(home.resolve("npm.log").toFile()));
  }

  private static boolean isMissing(String... command) {
    try {
      return !run(
          new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD));
    } catch (IOException e) {
      return true;
    }
  }

  private static boolean run(ProcessBuilder builder) throws IOException {
    Process process = builder.start();
    try {
      return process.waitFor(INSTALL_MINUTES, TimeUnit.MINUTES) && process.exitValue() == 0;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return false;
    } finally {
      process.destroyForcibly();
    }
  }

  private static boolean isOpen(int port) {
    try (var socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
      return socket.isConnected();
    } catch (IOException e) {
      return false;
    }
  }

  private static URI local(int port) {
    return URI.create("http://localhost:" + port);
  }

  @Override
  public void close() {
    program.close();
  }
}
