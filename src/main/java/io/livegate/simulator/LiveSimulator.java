package io.livegate.simulator;

import io.vertx.core.Context;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.file.FileSystemOptions;
import io.vertx.core.http.HttpServer;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.net.PemKeyCertOptions;
import java.net.URI;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A running pretend Gemini Live API. Point any client's base URL at {@link #baseUrl()}.
 *
 * <p>Besides the service's own paths it answers, for tests in other processes and languages:
 *
 * <ul>
 *   <li>{@code GET /_simulator/journal}: everything in the {@link Journal}; {@code DELETE} forgets
 *       it.
 *   <li>{@code POST /_simulator/faults/mint}: a {@link MintFault} with {@code times}; {@code POST
 *       /_simulator/faults/session}: steps for the next connections (see {@link Script}); {@code
 *       DELETE /_simulator/faults} clears both.
 *   <li>{@code POST /_simulator/sessions/{id}}: does an {@link Action} to an open connection; the
 *       id {@code all} means every one. Answers how many there were.
 * </ul>
 */
public final class LiveSimulator implements AutoCloseable {
  private static final long TICK_MILLIS = 100;
  private static final int START_SECONDS = 30;

  private final Vertx vertx;
  private final HttpServer server;
  private final World world;
  private final HttpApi http;

  private LiveSimulator(Vertx vertx, HttpServer server, World world, HttpApi http) {
    this.vertx = vertx;
    this.server = server;
    this.world = world;
    this.http = http;
  }

  /**
   * Starts a simulator and returns when it listens. Blocks, so never call it on an event loop.
   *
   * @throws IllegalStateException if it cannot listen
   */
  public static LiveSimulator start(Options options) {
    Vertx vertx =
        Vertx.vertx(
            new VertxOptions()
                .setEventLoopPoolSize(1)
                .setUseDaemonThread(true)
                .setFileSystemOptions(
                    new FileSystemOptions()
                        .setFileCachingEnabled(false)
                        .setClassPathResolvingEnabled(false)));
    Context context = vertx.getOrCreateContext();
    World world =
        new World(
            options,
            vertx,
            context,
            new Tokens(options.clock()),
            new Handles(options.clock()),
            new Script(),
            new Journal(options.recording()));
    HttpApi http = new HttpApi(world);
    CompletableFuture<HttpServer> listening = new CompletableFuture<>();
    context.runOnContext(
        run -> {
          vertx.setPeriodic(TICK_MILLIS, tick -> http.tick());
          vertx
              .createHttpServer(serverOptions(options))
              .requestHandler(http::handle)
              .listen(options.port(), options.host())
              .onSuccess(listening::complete)
              .onFailure(listening::completeExceptionally);
        });
    try {
      return new LiveSimulator(vertx, listening.get(START_SECONDS, TimeUnit.SECONDS), world, http);
    } catch (InterruptedException | ExecutionException | TimeoutException e) {
      if (e instanceof InterruptedException) {
        Thread.currentThread().interrupt();
      }
      vertx.close();
      Throwable cause = e instanceof ExecutionException ? e.getCause() : e;
      throw new IllegalStateException(
          "cannot listen on %s:%d: %s".formatted(options.host(), options.port(), cause), cause);
    }
  }

  private static HttpServerOptions serverOptions(Options options) {
    HttpServerOptions server =
        new HttpServerOptions()
            .setHttp2ClearTextEnabled(false)
            .setUseAlpn(false)
            .setPerFrameWebSocketCompressionSupported(false)
            .setPerMessageWebSocketCompressionSupported(false)
            .setMaxWebSocketFrameSize(options.maxMessageBytes())
            .setMaxWebSocketMessageSize(options.maxMessageBytes());
    options
        .tls()
        .ifPresent(
            tls ->
                server
                    .setSsl(true)
                    .setKeyCertOptions(
                        new PemKeyCertOptions()
                            .setCertPath(tls.certificate().toAbsolutePath().toString())
                            .setKeyPath(tls.key().toAbsolutePath().toString())));
    return server;
  }

  /** The port it listens on. */
  public int port() {
    return server.actualPort();
  }

  /** Its address as a base URL, without a trailing slash. */
  public URI baseUrl() {
    String scheme = world.options().tls().isPresent() ? "https" : "http";
    String host = world.options().host();
    return URI.create(
        "%s://%s:%d".formatted(scheme, host.contains(":") ? "[" + host + "]" : host, port()));
  }

  /** What shall go wrong next. */
  public Script script() {
    return world.script();
  }

  /** What happened so far. */
  public Journal journal() {
    return world.journal();
  }

  /**
   * Does something to every open connection.
   *
   * @return completes with how many there were
   */
  public CompletableFuture<Integer> playAll(Action action) {
    return play("all", action);
  }

  /** Does something to the connection with this {@link Journal.Session#id}, if it is open. */
  public CompletableFuture<Integer> play(String id, Action action) {
    CompletableFuture<Integer> done = new CompletableFuture<>();
    world.context().runOnContext(run -> done.complete(http.play(id, action)));
    return done;
  }

  /** Stops at once; open connections are cut. Waits until the port is free. */
  @Override
  public void close() {
    Future<Void> closed = vertx.close();
    try {
      closed.toCompletionStage().toCompletableFuture().get(START_SECONDS, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    } catch (ExecutionException | TimeoutException e) {
      throw new IllegalStateException("the simulator did not stop", e);
    }
  }

  /** Runs a simulator until the process is told to end. See {@code --help}. */
  public static void main(String[] args) throws InterruptedException {
    LiveSimulator simulator;
    try {
      Optional<Options> options = CommandLine.parse(args);
      if (options.isEmpty()) {
        System.out.print(CommandLine.HELP);
        return;
      }
      simulator = start(options.get());
    } catch (IllegalArgumentException e) {
      System.err.println(e.getMessage());
      System.err.println("Try --help.");
      System.exit(2);
      return;
    } catch (IllegalStateException e) {
      System.err.println(e.getMessage());
      System.exit(1);
      return;
    }
    System.out.println("Live simulator at " + simulator.baseUrl());
    Runtime.getRuntime().addShutdownHook(new Thread(simulator::close));
    // Its own threads are daemons, so that an embedded simulator never keeps a program alive.
    new CountDownLatch(1).await();
  }
}
