package io.livegate.bench;

import io.livegate.Certificates;
import io.vertx.core.Vertx;
import io.vertx.core.VertxOptions;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerOptions;
import io.vertx.core.http.ServerWebSocket;
import io.vertx.core.json.JsonObject;
import io.vertx.core.net.PemKeyCertOptions;
import java.net.URI;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Google as a benchmark wants it, in a process of its own: mints any token, completes any setup,
 * and sends every message back as it came. On plain TCP, and on TLS 1.3 with one cipher, so that no
 * relay has an easier one.
 *
 * <p>Told {@link #FLOOD}, a session sends as fast as it can until told {@link #DONE}; told {@link
 * #SIP}, it reads slowly until {@link #DRAIN} is posted, and counts until told {@link #DONE}.
 */
final class EchoGoogle implements AutoCloseable {

  static final String FLOOD = told("flood");
  static final String SIP = told("sip");
  static final String DONE = told("done");
  static final String DRAIN = "/drain";

  /** One of these each so many milliseconds is about 100 KB/s. */
  static final int SIP_SIZE = 8 << 10;

  static final int SIP_MILLIS = 80;

  private static final int LARGEST = 1 << 20;
  private static final Pattern PLAIN = Pattern.compile("Plain at (\\S+)");
  private static final Pattern TLS = Pattern.compile("TLS at (\\S+)");

  private final Program program;

  EchoGoogle(Path log, Certificates certificates) {
    program =
        new Program(
            log,
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                EchoGoogle.class.getName(),
                certificates.certificate().toString(),
                certificates.key().toString()));
  }

  /** Its address without TLS. */
  URI plain() {
    return URI.create(program.await(PLAIN));
  }

  URI tls() {
    return URI.create(program.await(TLS));
  }

  @Override
  public void close() {
    program.close();
  }

  private static String told(String what) {
    return "{\"realtimeInput\":{\"text\":\"" + what + "\"}}";
  }

  // --- What runs in the process of its own

  /**
   * Runs until it is killed.
   *
   * @param args certificate and key
   */
  public static void main(String[] args) {
    Vertx vertx = Vertx.vertx(new VertxOptions().setPreferNativeTransport(true));
    var sipping = new ArrayList<Sipping>();
    serve(vertx, sipping, new HttpServerOptions(), "Plain at http");
    serve(
        vertx,
        sipping,
        new HttpServerOptions()
            .setSsl(true)
            .setKeyCertOptions(new PemKeyCertOptions().addCertPath(args[0]).addKeyPath(args[1]))
            .setEnabledSecureTransportProtocols(Set.of("TLSv1.3"))
            .addEnabledCipherSuite("TLS_AES_128_GCM_SHA256"),
        "TLS at https");
  }

  private static void serve(
      Vertx vertx, List<Sipping> sipping, HttpServerOptions options, String name) {
    vertx
        .createHttpServer(
            options
                .setHost("127.0.0.1")
                .setPort(0)
                .setMaxWebSocketFrameSize(LARGEST)
                .setMaxWebSocketMessageSize(LARGEST)
                .setPerMessageWebSocketCompressionSupported(false)
                .setPerFrameWebSocketCompressionSupported(false))
        .webSocketHandler(socket -> new Session(vertx, sipping, socket))
        .requestHandler(
            request -> {
              if (request.path().equals(DRAIN)) {
                synchronized (sipping) {
                  sipping.forEach(Sipping::end);
                }
              }
              String body =
                  request.method().equals(HttpMethod.POST)
                      ? "{\"name\":\"auth_tokens/benchmark\"}"
                      : "{}";
              request.response().putHeader("Content-Type", "application/json").end(body);
            })
        .listen()
        .onSuccess(s -> System.out.println(name + "://localhost:" + s.actualPort()))
        .onFailure(Throwable::printStackTrace);
  }

  /** Reads one frame at a time, until it ends. */
  private record Sipping(Vertx vertx, ServerWebSocket socket, long timer) {
    void end() {
      vertx.cancelTimer(timer);
      socket.resume();
    }
  }

  private static final class Session {
    private static final Numbered FLOOD_OF = new Numbered(SIP_SIZE);

    private final Vertx vertx;
    private final List<Sipping> sipping;
    private final ServerWebSocket socket;
    private boolean setUp;
    private boolean flooding;
    private long sent;
    private boolean counting;
    private long counted;
    private boolean inOrder = true;

    Session(Vertx vertx, List<Sipping> sipping, ServerWebSocket socket) {
      this.vertx = vertx;
      this.sipping = sipping;
      this.socket = socket;
      socket.handler(this::received);
      socket.exceptionHandler(reset -> {});
    }

    private void received(Buffer message) {
      if (!setUp) {
        setUp = true;
        answer("{\"setupComplete\":{}}");
        return;
      }
      String told = message.length() < 100 ? message.toString() : "";
      if (told.equals(FLOOD)) {
        flooding = true;
        flood();
      } else if (told.equals(SIP)) {
        counting = true;
        sip();
      } else if (told.equals(DONE)) {
        answer(new JsonObject().put("count", flooding ? sent : counted).put("inOrder", inOrder));
        flooding = false;
        counting = false;
      } else if (counting) {
        inOrder &= Numbered.number(message) == counted++;
      } else if (!flooding) {
        socket.writeFinalBinaryFrame(message);
      }
    }

    private void flood() {
      while (flooding && !socket.writeQueueFull()) {
        answer(FLOOD_OF.message(sent++));
      }
      if (flooding) {
        socket.drainHandler(room -> flood());
      }
    }

    private void sip() {
      socket.pause();
      long timer = vertx.setPeriodic(SIP_MILLIS, tick -> socket.fetch(1));
      synchronized (sipping) {
        sipping.add(new Sipping(vertx, socket, timer));
      }
      // What talks is not silent.
      long talk = vertx.setPeriodic(1000, tick -> answer("{\"serverContent\":{}}"));
      socket.closeHandler(
          closed -> {
            vertx.cancelTimer(timer);
            vertx.cancelTimer(talk);
          });
    }

    private void answer(JsonObject json) {
      answer(json.encode());
    }

    private void answer(String json) {
      socket.writeFinalBinaryFrame(Buffer.buffer(json));
    }
  }
}
