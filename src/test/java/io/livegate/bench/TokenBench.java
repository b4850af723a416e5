package io.livegate.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.livegate.TestIssuer;
import io.livegate.bench.Load.Message;
import io.livegate.bench.Load.Result;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntFunction;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * What issuing a token costs: the packaged gateway and the simulator in processes of their own, and
 * each measurement through the gateway beside the same one straight to the simulator, in turn.
 *
 * <p>{@code -Dbench.rounds} and {@code -Dbench.seconds} make it longer; {@link PackagedGateway} has
 * the options of the gateway.
 */
class TokenBench {

  private static final Path OUTPUT = Path.of("target", "bench");
  private static final String POLICY =
      """
      version: 1
      rules:
        - name: operators
          when: "'operators' in claims.groups"
          models: [gemini-3.8-live]
        - name: pilots
          when: "'voice-pilots' in claims.groups"
          models: [gemini-3.8-live]
          token: {uses: 1, expires-in: 30m, start-within: 60s}
          setup:
            generationConfig: {responseModalities: [AUDIO]}
            systemInstruction: "You help ${claims.name}."
            outputAudioTranscription: {}
          open: [tools, generationConfig.temperature]
      """;
  private static final int USERS = 200;
  private static final int RATE = 200;
  private static final List<Integer> IN_FLIGHT = List.of(32, 64);

  /** Until the JIT compilers are mostly done, or the machine is too busy to wait for them. */
  private static final int WARM_UP = 60_000;

  private static final Duration WARM_UP_LIMIT = Duration.ofMinutes(3);

  private static final int ROUNDS = Integer.getInteger("bench.rounds", 3);
  private static final Duration MEASURED =
      Duration.ofSeconds(Integer.getInteger("bench.seconds", 5));

  private static final int ISSUED = 201;
  private static final int MINTED = 200;

  /** One measurement of the two ways, by round. */
  private record Series(List<Result> direct, List<Result> through) {
    Series() {
      this(new ArrayList<>(), new ArrayList<>());
    }
  }

  @Test
  void issueTokens() throws IOException {
    try (var issuer = new TestIssuer();
        var simulator = startSimulator();
        var load = new Load()) {
      URI google = URI.create(simulator.await(Pattern.compile("Live simulator at (\\S+)")));
      try (var gateway = new PackagedGateway(issuer, google, POLICY, List.of(), Map.of())) {
        URI tokens = gateway.url().resolve("/v1/tokens");
        Supplier<Duration> cpu = gateway.program()::cpu;
        var direct = google.resolve("/v1beta/auth_tokens");
        var callers = callers(issuer);
        var mint = mint();

        int warm = 0;
        long limit = System.nanoTime() + WARM_UP_LIMIT.toNanos();
        while (warm < WARM_UP && System.nanoTime() < limit) {
          warm += load.saturating(tokens, callers, 32, MEASURED, cpu).total();
          load.saturating(direct, mint, 32, Duration.ofSeconds(1), simulator::cpu);
        }
        System.out.printf("%nWarmed up with %d tokens%n", warm);
        var measured = new LinkedHashMap<String, Series>();
        for (int round = 0; round < ROUNDS; round++) {
          var fixed = measured.computeIfAbsent(RATE + "/s", n -> new Series());
          fixed.direct().add(load.atRate(direct, mint, RATE, MEASURED, simulator::cpu));
          fixed.through().add(load.atRate(tokens, callers, RATE, MEASURED, cpu));
          for (int inFlight : IN_FLIGHT) {
            var full = measured.computeIfAbsent(inFlight + " in flight", n -> new Series());
            full.direct().add(load.saturating(direct, mint, inFlight, MEASURED, simulator::cpu));
            full.through().add(load.saturating(tokens, callers, inFlight, MEASURED, cpu));
          }
        }
        print(measured);

        var hang = new Message(Map.of(), "{\"hang\":true,\"times\":1000000}");
        load.once(HttpMethod.POST, google.resolve("/_simulator/faults/mint"), hang);
        printRefused(load.atRate(tokens, callers, RATE, MEASURED.multipliedBy(2), cpu));

        assertEquals(
            List.of(),
            gateway
                .program()
                .log()
                .lines()
                .filter(line -> line.contains("has been blocked"))
                .toList(),
            "an event loop was blocked");
        measured.values().stream()
            .flatMap(series -> series.through().stream())
            .forEach(run -> assertEquals(run.total(), run.answered(ISSUED), "all are issued"));
        System.out.println("No event loop was blocked.");
      }
    }
  }

  private static void print(Map<String, Series> measured) {
    System.out.printf(
        "%nTokens, median of %d rounds of %d s; times in ms%n"
            + "%-13s %8s %8s %7s %9s %8s %8s %8s %8s %8s %8s %8s%n",
        ROUNDS,
        MEASURED.toSeconds(),
        "",
        "direct/s",
        "issued/s",
        "ratio",
        "CPU us",
        "per core",
        "sim. us",
        "p50 dir.",
        "p50 thr.",
        "p99 dir.",
        "p99 thr.",
        "p99 add.");
    measured.forEach(
        (name, series) -> {
          double perSecond = median(series.through(), run -> run.perSecond(ISSUED));
          double directly = median(series.direct(), run -> run.perSecond(MINTED));
          double cpu = median(series.through(), Result::cpuMicros);
          double p99Direct = median(series.direct(), run -> run.millis(MINTED, 0.99));
          double p99 = median(series.through(), run -> run.millis(ISSUED, 0.99));
          System.out.printf(
              "%-13s %8.0f %8.0f %7.3f %9.0f %8.0f %8.0f %8.2f %8.2f %8.2f %8.2f %8.2f%n",
              name,
              directly,
              perSecond,
              perSecond / directly,
              cpu,
              1e6 / cpu,
              median(series.direct(), Result::cpuMicros),
              median(series.direct(), run -> run.millis(MINTED, 0.5)),
              median(series.through(), run -> run.millis(ISSUED, 0.5)),
              p99Direct,
              p99,
              p99 - p99Direct);
        });
  }

  private static void printRefused(Result run) {
    System.out.printf("%nGoogle hangs, %d/s: %.0f us CPU per request%n", RATE, run.cpuMicros());
    new TreeMap<>(run.latencies())
        .forEach(
            (status, latencies) ->
                System.out.printf(
                    "  %d: %5d answers, p50 %.1f ms, p99 %.1f ms%n",
                    status, latencies.length, run.millis(status, 0.5), run.millis(status, 0.99)));
  }

  private static double median(List<Result> runs, ToDoubleFunction<Result> value) {
    double[] values = runs.stream().mapToDouble(value).sorted().toArray();
    return values[values.length / 2];
  }

  /** Requests of many users, with tokens signed beforehand. */
  private static IntFunction<Message> callers(TestIssuer issuer) {
    long exp = Instant.now().plus(1, ChronoUnit.HOURS).getEpochSecond();
    var messages =
        IntStream.range(0, USERS)
            .mapToObj(
                user ->
                    issuer
                        .token("user-" + user)
                        .claim("exp", exp)
                        .claim("name", "User " + user)
                        .groups("staff", "voice-pilots")
                        .sign())
            .map(token -> new Message(Map.of("Authorization", "Bearer " + token), ""))
            .toList();
    return i -> messages.get(i % USERS);
  }

  /** The request that the gateway makes of Google. */
  private static IntFunction<Message> mint() {
    Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    var setup =
        new JsonObject()
            .put("model", "models/gemini-3.8-live")
            .put(
                "generationConfig",
                new JsonObject().put("responseModalities", new JsonArray().add("AUDIO")))
            .put(
                "systemInstruction",
                new JsonObject()
                    .put(
                        "parts",
                        new JsonArray().add(new JsonObject().put("text", "You help User 1."))))
            .put("outputAudioTranscription", new JsonObject())
            .put("sessionResumption", new JsonObject());
    var body =
        new JsonObject()
            .put("uses", 1)
            .put("expireTime", now.plus(30, ChronoUnit.MINUTES).toString())
            .put("newSessionExpireTime", now.plus(10, ChronoUnit.MINUTES).toString())
            .put("bidiGenerateContentSetup", setup)
            .encode();
    var message =
        new Message(
            Map.of("x-goog-api-key", PackagedGateway.API_KEY, "Content-Type", "application/json"),
            body);
    return i -> message;
  }

  private static Program startSimulator() {
    return new Program(
        OUTPUT.resolve("simulator.log"),
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            Path.of("target", "classes")
                + ":"
                + Path.of("target", "quarkus-app", "lib", "main", "*"),
            "io.livegate.simulator.LiveSimulator",
            "--port",
            "0",
            "--record",
            "none",
            "--key",
            PackagedGateway.API_KEY));
  }
}
