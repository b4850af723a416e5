package io.livegate.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.livegate.Certificates;
import io.livegate.TestIssuer;
import io.livegate.bench.LiveLoad.Result;
import io.livegate.bench.LiveLoad.Target;
import io.vertx.core.http.WebSocket;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntToDoubleFunction;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the relay costs: the packaged gateway, with policy and metering on, beside nginx and Node.js
 * as plain WebSocket proxies, in turn. Clients use no TLS; the upstream is an echo on TLS 1.3 and
 * on plain TCP.
 *
 * <p>{@code -Dbench.rounds} and {@code -Dbench.seconds} make it longer; {@link PackagedGateway} has
 * the options of the gateway.
 */
class RelayBench {

  private static final Path OUTPUT = Path.of("target", "bench");
  private static final int ROUNDS = Integer.getInteger("bench.rounds", 3);
  private static final Duration MEASURED =
      Duration.ofSeconds(Integer.getInteger("bench.seconds", 5));

  private static final int SESSIONS = 50;
  private static final int IDLE = 1000;
  private static final int SET_UP_WARM = 1500;
  private static final int SET_UP = 200;

  /** What the JIT compilers need to be mostly done, for each size. */
  private static final Duration WARM_UP = Duration.ofSeconds(10);

  /** All of its heap is resident from the start, so that what grows is outside of it. */
  private static final List<String> JVM = List.of("-Xms256m", "-Xmx256m", "-XX:+AlwaysPreTouch");

  private static final String POLICY =
      """
      version: 1
      rules:
        - name: pilots
          when: "'voice-pilots' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay]
          setup:
            generationConfig: {responseModalities: [AUDIO]}
            systemInstruction: "You help ${claims.name}."
            outputAudioTranscription: {}
      """;

  private static final String DIRECT = "direct";
  private static final String GATEWAY = "Livegate";
  private static final String NGINX = "nginx";
  private static final String TUNED = "nginx tuned";
  private static final String NODE = "Node ws";

  /** Messages of one size, and how many a second in each session. */
  private record Load(String name, Numbered messages, int perSecond) {}

  private static final List<Load> LOADS =
      List.of(
          new Load("1 KB", new Numbered(1 << 10), 40),
          new Load("8 KB", new Numbered(8 << 10), 40),
          new Load("40 KB", new Numbered(40 << 10), 20));

  /** One way to the upstream. Nothing is watched on the direct one. */
  private record Way(Target target, Optional<Program> program) {
    Duration cpu() {
      return program.map(Program::cpu).orElse(Duration.ZERO);
    }
  }

  @Test
  void relaySessions(@TempDir Path directory) throws IOException {
    Certificates certificates = Certificates.create(directory, "localhost");
    try (var issuer = new TestIssuer();
        var google = new EchoGoogle(OUTPUT.resolve("google.log"), certificates);
        var load = new LiveLoad(certificates);
        var behindTls = gateway(issuer, google.tls(), certificates);
        var behindPlain = gateway(issuer, google.plain(), certificates)) {
      var rivals = new LinkedHashMap<String, Rival>();
      try {
        Rival.nginx(NGINX, google, certificates, "").ifPresent(one -> rivals.put(NGINX, one));
        Rival.nginx(
                TUNED,
                google,
                certificates,
                "proxy_buffer_size 64k; proxy_buffers 4 64k; proxy_busy_buffers_size 64k;")
            .ifPresent(one -> rivals.put(TUNED, one));
        Rival.node(google, certificates).ifPresent(one -> rivals.put(NODE, one));

        var tls = new LinkedHashMap<String, Way>();
        var plain = new LinkedHashMap<String, Way>();
        // Direct is without TLS, whatever is behind the relays.
        tls.put(DIRECT, new Way(new Target(google.plain(), Map.of()), Optional.empty()));
        plain.putAll(tls);
        tls.put(GATEWAY, way(behindTls, issuer));
        plain.put(GATEWAY, way(behindPlain, issuer));
        rivals.forEach(
            (name, rival) -> {
              tls.put(name, way(rival, rival.tls()));
              plain.put(name, way(rival, rival.plain()));
            });

        setUp(load, google, tls);
        memory(load, behindTls, tls);
        printMessages("TLS 1.3", messages(load, tls));
        printMessages("plain", messages(load, plain));
      } finally {
        rivals.values().forEach(Rival::close);
      }
      for (PackagedGateway gateway : List.of(behindTls, behindPlain)) {
        assertEquals(
            List.of(),
            gateway
                .program()
                .log()
                .lines()
                .filter(line -> line.contains("has been blocked") || line.contains("LEAK"))
                .toList(),
            "what goes wrong is in its log");
      }
    }
  }

  static PackagedGateway gateway(TestIssuer issuer, URI google, Certificates certificates)
      throws IOException {
    return new PackagedGateway(
        issuer,
        google,
        POLICY,
        JVM,
        Map.of(
            "livegate.gemini.tls-configuration-name",
            "google",
            "quarkus.tls.google.trust-store.pem.certs",
            certificates.authority().toString()));
  }

  private static Way way(PackagedGateway gateway, TestIssuer issuer) {
    return new Way(target(gateway, issuer), Optional.of(gateway.program()));
  }

  /** The gateway, with an access token that outlives the benchmark. */
  static Target target(PackagedGateway gateway, TestIssuer issuer) {
    String token =
        issuer
            .token("ada")
            .claim("exp", Instant.now().plus(2, ChronoUnit.HOURS).getEpochSecond())
            .claim("name", "Ada")
            .groups("staff", "voice-pilots")
            .sign();
    return new Target(gateway.url(), Map.of("Authorization", "Bearer " + token));
  }

  private static Way way(Rival rival, URI url) {
    return new Way(new Target(url, Map.of()), Optional.of(rival.program()));
  }

  // --- Set-up

  /** The gateway mints and connects; the others connect; directly, the client does both itself. */
  private static void setUp(LiveLoad load, EchoGoogle google, Map<String, Way> ways) {
    var all = new LinkedHashMap<>(ways);
    all.put(DIRECT, new Way(new Target(google.tls(), Map.of()), Optional.empty()));
    all.forEach((name, way) -> load.openEach(way.target(), name.equals(DIRECT), SET_UP_WARM));
    var millis = new LinkedHashMap<String, double[][]>();
    for (int round = 0; round < ROUNDS; round++) {
      for (var entry : all.entrySet()) {
        Way way = entry.getValue();
        Duration before = way.cpu();
        long[] nanos = load.openEach(way.target(), entry.getKey().equals(DIRECT), SET_UP);
        double cpu = way.cpu().minus(before).toNanos() / 1e6 / SET_UP;
        millis.computeIfAbsent(entry.getKey(), n -> new double[ROUNDS][])[round] =
            new double[] {nanos[SET_UP / 2] / 1e6, nanos[SET_UP * 99 / 100] / 1e6, cpu};
      }
    }
    System.out.printf(
        "%nFrom connecting until setupComplete, one at a time, TLS 1.3 upstream, median of %d times"
            + " %d; ms%n%-12s %8s %8s %8s %8s%n",
        ROUNDS, SET_UP, "", "p50", "added", "p99", "CPU");
    millis.forEach(
        (name, rounds) ->
            System.out.printf(
                "%-12s %8.2f %8.2f %8.2f %8.2f%n",
                name,
                median(round -> rounds[round][0]),
                median(round -> rounds[round][0] - millis.get(DIRECT)[round][0]),
                median(round -> rounds[round][1]),
                median(round -> rounds[round][2])));
    System.out.println(
        "direct mints and connects from the client, the gateway from within, the others only"
            + " connect; CPU includes the end.");
  }

  // --- Memory

  private static void memory(LiveLoad load, PackagedGateway gateway, Map<String, Way> ways) {
    System.out.printf(
        "%nMemory of an idle session, TLS 1.3 upstream: growth from %d to %d; KB%n%-12s %8s %8s%n",
        IDLE, 2 * IDLE, "", "resident", "live heap");
    ways.forEach(
        (name, way) -> {
          if (way.program().isEmpty()) {
            return;
          }
          Program program = way.program().get();
          boolean java = name.equals(GATEWAY);
          List<WebSocket> first = load.open(way.target(), IDLE);
          long heap = java ? gateway.liveHeap() : 0;
          long resident = program.resident();
          List<WebSocket> second = load.open(way.target(), IDLE);
          heap = java ? gateway.liveHeap() - heap : 0;
          System.out.printf(
              "%-12s %8.1f %8s%n",
              name,
              (program.resident() - resident) / 1024.0 / IDLE,
              java ? "%.1f".formatted(heap / 1024.0 / IDLE) : "-");
          load.close(first);
          load.close(second);
        });
    System.out.println(
        "Livegate's heap is resident from the start: its memory is the sum of both.");
  }

  // --- Messages

  /** Results by size and way, one for each round. */
  private static Map<Load, Map<String, List<Result>>> messages(
      LiveLoad load, Map<String, Way> ways) {
    var sessions = new LinkedHashMap<String, List<WebSocket>>();
    ways.forEach((name, way) -> sessions.put(name, load.open(way.target(), SESSIONS)));
    for (Load size : LOADS) {
      ways.forEach(
          (name, way) ->
              load.exchange(
                  sessions.get(name),
                  size.messages(),
                  2 * size.perSecond(),
                  way.program().isEmpty() ? WARM_UP.dividedBy(5) : WARM_UP,
                  way::cpu));
    }
    var measured = new LinkedHashMap<Load, Map<String, List<Result>>>();
    var order = new ArrayList<>(ways.keySet());
    for (int round = 0; round < ROUNDS; round++) {
      for (Load size : LOADS) {
        var results = measured.computeIfAbsent(size, unseen -> new LinkedHashMap<>());
        for (String name : order) {
          Way way = ways.get(name);
          results
              .computeIfAbsent(name, unseen -> new ArrayList<>())
              .add(
                  load.exchange(
                      sessions.get(name), size.messages(), size.perSecond(), MEASURED, way::cpu));
        }
      }
      // Nobody always follows the same neighbour's caches.
      Collections.rotate(order, 1);
    }
    sessions.values().forEach(load::close);
    return measured;
  }

  private static void printMessages(
      String upstream, Map<Load, Map<String, List<Result>>> measured) {
    System.out.printf(
        "%nMessages, %s upstream, %d sessions, median of %d rounds of %d s;"
            + " CPU of a message in one direction, round trips, in us%n"
            + "%-6s %-12s %8s %8s %8s %8s %8s %8s %8s%n",
        upstream,
        SESSIONS,
        ROUNDS,
        MEASURED.toSeconds(),
        "",
        "",
        "CPU",
        "x nginx",
        "x tuned",
        "p50",
        "added",
        "p99",
        "added");
    measured.forEach(
        (size, ways) -> {
          List<Result> direct = ways.get(DIRECT);
          for (String name : List.of(DIRECT, GATEWAY, NGINX, TUNED, NODE)) {
            List<Result> results = ways.get(name);
            if (results == null) {
              continue;
            }
            boolean watched = !name.equals(DIRECT);
            System.out.printf(
                "%-6s %-12s %8s %8s %8s %8.0f %8.0f %8.0f %8.0f%n",
                size.name(),
                name,
                watched ? "%.1f".formatted(median(r -> results.get(r).cpuMicros())) : "-",
                watched ? ratio(results, ways.get(NGINX)) : "-",
                watched ? ratio(results, ways.get(TUNED)) : "-",
                median(r -> results.get(r).micros(0.5)),
                median(r -> results.get(r).micros(0.5) - direct.get(r).micros(0.5)),
                median(r -> results.get(r).micros(0.99)),
                median(r -> results.get(r).micros(0.99) - direct.get(r).micros(0.99)));
          }
        });
    System.out.println(
        "Ratios are taken within a round. One build differs by 15 % between runs: less is no"
            + " result.");
  }

  private static String ratio(List<Result> results, List<Result> others) {
    return others == null
        ? "-"
        : "%.2f".formatted(median(r -> results.get(r).cpuMicros() / others.get(r).cpuMicros()));
  }

  private static double median(IntToDoubleFunction ofRound) {
    double[] values = IntStream.range(0, ROUNDS).mapToDouble(ofRound).sorted().toArray();
    return values[values.length / 2];
  }
}
