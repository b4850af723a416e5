package io.livegate;

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
import java.util.Map;
import java.util.UUID;

/**
 * What the gateway under test stands between: two OpenID providers, the simulator in Google's
 * place, a policy file and a key file. The same for the app in the test's JVM and the packaged one.
 */
public final class Surroundings implements QuarkusTestResourceLifecycleManager {

  static final String API_KEY = "AIzaSyTestKeyOfTheSurroundings000000001";

  private static TestIssuer issuer;
  private static TestIssuer partner;
  private static LiveSimulator simulator;
  private static Path policy;
  private static Path key;

  static TestIssuer issuer() {
    return issuer;
  }

  static TestIssuer partner() {
    return partner;
  }

  static LiveSimulator simulator() {
    return simulator;
  }

  static Path policyFile() {
    return policy;
  }

  static Path keyFile() {
    return key;
  }

  @Override
  public Map<String, String> start() {
    issuer = new TestIssuer();
    partner = new TestIssuer();
    simulator =
        LiveSimulator.start(
            Options.builder()
                .recording(Options.Recording.FRAMES)
                .resumptionInterval(Duration.ofMillis(150))
                .apiKey(Secrets.remember(API_KEY))
                .apiKey(ROTATED_KEY)
                .build());
    try {
      Path directory = Files.createTempDirectory("livegate");
      policy = Files.writeString(directory.resolve("policy.yaml"), policyText());
      key = Files.writeString(directory.resolve("key"), API_KEY + "\n");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    var config = new HashMap<String, String>();
    config.put("quarkus.oidc.auth-server-url", issuer.url());
    config.put("quarkus.oidc.token.audience", "livegate");
    config.put("quarkus.oidc.client-id", "livegate");
    config.put("quarkus.oidc.credentials.secret", "introspection-secret");
    config.put("quarkus.oidc.token.allow-opaque-token-introspection", "true");
    config.put("quarkus.oidc.partner.auth-server-url", partner.url());
    config.put("quarkus.oidc.partner.token.audience", "livegate");
    String secret = Secrets.remember(UUID.randomUUID().toString().replace("-", ""));
    config.put("quarkus.oidc.pages.tenant-enabled", "true");
    config.put("quarkus.oidc.pages.auth-server-url", issuer.url());
    config.put("quarkus.oidc.pages.client-id", "livegate-pages");
    config.put("quarkus.oidc.pages.credentials.secret", secret);
    config.put("quarkus.oidc.pages.authentication.nonce-required", "true");
    config.put("quarkus.oidc.pages.authentication.state-secret", secret);
    config.put("quarkus.oidc.pages.token-state-manager.encryption-secret", secret);
    config.put("livegate.policy.file", policy.toString());
    config.put("livegate.policy.reload-interval", "100ms");
    config.put("livegate.gemini.base-url", simulator.baseUrl().toString());
    config.put("livegate.gemini.api-key-file", key.toString());
    // Each start of the app begins a new file; none may be lost.
    config.put("quarkus.log.file.rotation.max-backup-index", "50");
    // The audit goes to the same log file as the rest, where secrets are looked for.
    config.put("quarkus.log.category.\"audit\".use-parent-handlers", "true");
    config.put("quarkus.log.category.\"io.livegate\".level", "DEBUG");
    return config;
  }

  static final String ROTATED_KEY = Secrets.remember("AIzaSyTestKeyOfTheSurroundings000000002");

  /** The policy of the tests; {@link #policyFile} holds it at the start. */
  static String policyText() {
    return """
        version: 1
        admins: {issuers: [%1$s], when: "'platform-sre' in claims.groups"}
        rules:
          - name: pilots
            issuers: [%1$s]
            when: "'voice-pilots' in claims.groups"
            models: [gemini-3.8-live, gemini-3.8-live-extended-thinking]
            token: {uses: 3, expires-in: 30m, start-within: 60s}
            setup:
              generationConfig: {responseModalities: [AUDIO]}
              systemInstruction: "You help ${has(claims.name) ? claims.name : 'a colleague'}."
              outputAudioTranscription: {}
              contextWindowCompression: {triggerTokens: "25000", slidingWindow: {targetTokens: "8000"}}
            open: [tools, generationConfig.speechConfig, generationConfig.temperature]
          - name: faulty
            issuers: [%1$s]
            when: "'faulty' in claims.groups && claims.level > 1"
            models: [gemini-3.8-live]
          - name: relayed
            issuers: [%1$s]
            when: "'relayed' in claims.groups"
            models: [gemini-3.8-live]
            modes: [relay]
          - name: bridged
            issuers: [%1$s]
            when: "'bridged' in claims.groups"
            models: [gemini-3.8-live, gemini-3.1-flash-live-preview]
            modes: [direct, relay]
            token: {uses: 2, expires-in: 30m, start-within: 60s}
            setup:
              generationConfig: {responseModalities: [AUDIO]}
              systemInstruction: "You are brief."
              outputAudioTranscription: {}
            open: [tools, generationConfig.temperature]
          - name: generous
            issuers: [%1$s]
            when: "'generous' in claims.groups"
            models: [gemini-3.8-live]
            modes: [direct, relay]
            token: {uses: 2, expires-in: 30m, start-within: 60s}
            setup:
              generationConfig:
                responseModalities: [AUDIO]
                speechConfig: {voiceConfig: {prebuiltVoiceConfig: {voiceName: Kore}}}
              tools: [{functionDeclarations: [{name: lookup, parameters: {type: OBJECT}}]}]
              contextWindowCompression: {slidingWindow: {targetTokens: 4000}}
            open: [systemInstruction, generationConfig, realtimeInputConfig]
          - name: templated
            issuers: [%1$s]
            when: "'templated' in claims.groups"
            models: [gemini-3.8-live]
            setup: {systemInstruction: "You help ${claims.department}."}
          - name: limited
            issuers: [%1$s]
            when: "'limited' in claims.groups"
            models: [gemini-3.8-live]
            modes: [relay]
            token: {uses: 3}
            setup: {generationConfig: {responseModalities: [AUDIO]}}
            limits:
              - {per: subject, grants-per-minute: 3, concurrent-sessions: 1}
              - {session-duration: 10m, idle: 4m}
          - name: budgeted
            issuers: [%1$s]
            when: "'budgeted' in claims.groups"
            models: [gemini-3.8-live]
            modes: [direct, relay]
            setup: {generationConfig: {responseModalities: [AUDIO]}}
            limits:
              - {per: claims.department, usage-tokens-per-day: 100}
            direct-reserve: 60
          - name: partners
            issuers: [%2$s]
            models: [gemini-3.8-live]
            setup: {generationConfig: {responseModalities: [AUDIO]}}
        """
        .formatted(issuer.url(), partner.url());
  }

  @Override
  public void stop() {
    simulator.journal().mints().stream()
        .map(Journal.Mint::token)
        .filter(token -> !token.isEmpty())
        .forEach(Secrets::remember);
    simulator.close();
    issuer.close();
    partner.close();
  }
}
