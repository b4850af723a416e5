package io.livegate.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.livegate.Certificates;
import io.livegate.Secrets;
import io.livegate.simulator.Journal;
import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.Options;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** The simulator in Google's place, and the gateway's policy, key and certificate. */
public final class SimulatedGoogle implements QuarkusTestResourceLifecycleManager {

  static final String API_KEY = Secrets.remember("AIzaSyTestKeyOfTheEndToEndTests00000001");

  private static final String POLICY =
      """
      version: 1
      admins: "'platform-sre' in claims.groups"
      rules:
        - name: pilots
          when: "'voice-pilots' in claims.groups"
          models: [gemini-3.8-live]
          modes: [direct, relay]
          token: {uses: 1, expires-in: 30m, start-within: 60s}
          setup:
            generationConfig: {responseModalities: [AUDIO]}
            systemInstruction: "You help ${claims.name}."
            outputAudioTranscription: {}
            contextWindowCompression: {slidingWindow: {}}
          open: [tools, generationConfig.temperature]
      """;

  private static LiveSimulator simulator;
  private static Certificates certificates;

  static LiveSimulator simulator() {
    return simulator;
  }

  /** What the gateway shows to who connects by TLS. */
  static Certificates certificates() {
    return certificates;
  }

  /** What the gateway sent to Google since the journal was cleared, which must be one request. */
  static Journal.Mint onlyMint() {
    List<Journal.Mint> mints = simulator.journal().mints();
    assertEquals(1, mints.size());
    return mints.get(0);
  }

  /** The one session since the journal was cleared, when it is over. */
  static Journal.Session onlySession() throws Exception {
    var over = simulator.journal().session(Journal.Session::closed).get(10, TimeUnit.SECONDS);
    assertEquals(1, simulator.journal().sessions().size());
    return over;
  }

  @Override
  public Map<String, String> start() {
    simulator =
        LiveSimulator.start(
            Options.builder()
                .recording(Options.Recording.FRAMES)
                .resumptionInterval(Duration.ofMillis(150))
                .apiKey(API_KEY)
                .build());
    try {
      Path directory = Files.createTempDirectory(Path.of("target"), "e2e");
      Path policy = Files.writeString(directory.resolve("policy.yaml"), POLICY);
      Path key = Files.writeString(directory.resolve("key"), API_KEY + "\n");
      certificates = Certificates.create(directory.toAbsolutePath(), "gateway.test");
      var config = new HashMap<String, String>();
      config.put("quarkus.http.host", "127.0.0.1");
      config.put("quarkus.management.host", "127.0.0.1");
      config.put("quarkus.management.port", "0");
      config.put("quarkus.http.tls-configuration-name", "gateway");
      config.put("quarkus.tls.gateway.key-store.pem.0.cert", certificates.certificate().toString());
      config.put("quarkus.tls.gateway.key-store.pem.0.key", certificates.key().toString());
      config.put("livegate.policy.file", policy.toAbsolutePath().toString());
      config.put("livegate.gemini.base-url", simulator.baseUrl().toString());
      config.put("livegate.gemini.api-key-file", key.toAbsolutePath().toString());
      // The simulator has in its handles whatever it has read.
      config.put("livegate.relay.handle-lag", "0s");
      // The audit goes to the same log file as the rest, where secrets are looked for.
      config.put("quarkus.log.category.\"audit\".use-parent-handlers", "true");
      config.put("quarkus.log.category.\"io.livegate\".level", "DEBUG");
      return config;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void stop() {
    simulator.close();
  }
}
