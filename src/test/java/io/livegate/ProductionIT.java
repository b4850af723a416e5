package io.livegate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What {@code java -jar target/quarkus-app/quarkus-run.jar} does with unsafe settings. */
class ProductionIT {

  private static final List<String> SAFE =
      List.of(
          "-Dquarkus.oidc.auth-server-url=https://localhost:1/realm",
          "-Dquarkus.oidc.token.audience=livegate",
          "-Dlivegate.gemini.api-key=AIzaSyNone");

  @TempDir Path directory;

  @Test
  void withoutAnIssuerItDoesNotStart() throws Exception {
    assertTrue(refusal(List.of()).contains("quarkus.oidc.auth-server-url"));
  }

  @Test
  void everyUnsafeSettingIsNamed() throws Exception {
    String refusal =
        refusal(
            List.of(
                "-Dquarkus.oidc.auth-server-url=http://localhost:1/realm",
                "-Dquarkus.oidc.partner.auth-server-url=http://192.0.2.1/realm",
                "-Dquarkus.oidc.partner.token.audience=any",
                "-Dlivegate.gemini.base-url=http://192.0.2.2"));
    for (String named :
        List.of(
            "quarkus.oidc.token.audience must name",
            "quarkus.oidc.partner.token.audience must name",
            "quarkus.oidc.partner.auth-server-url=http://192.0.2.1/realm is plain HTTP",
            "livegate.gemini.base-url=http://192.0.2.2 is plain HTTP",
            "livegate.gemini.api-key or livegate.gemini.api-key-file is missing",
            "livegate.policy.file is missing",
            "quarkus.oidc.auth-server-url=http://localhost:1/realm is plain HTTP; that is for trials")) {
      assertTrue(refusal.contains(named), () -> named + " is not in " + refusal);
    }
  }

  @Test
  void anyIssuerAndDisguisedAddressesAreRefused() throws Exception {
    String refusal =
        refusal(
            List.of(
                "-Dquarkus.oidc.auth-server-url=https://localhost:1/realm",
                "-Dquarkus.oidc.token.audience=livegate",
                "-Dquarkus.oidc.token.issuer=any",
                "-Dlivegate.gemini.base-url=HTTP://127.evil.example"));
    assertTrue(refusal.contains("quarkus.oidc.token.issuer must not be any"), refusal);
    assertTrue(refusal.contains("HTTP://127.evil.example is plain HTTP"), refusal);
  }

  @Test
  void forwardedAddressesNeedAProxyThatIsTrusted() throws Exception {
    String refusal = refusalWith("-Dquarkus.http.proxy.proxy-address-forwarding=true");
    assertTrue(refusal.contains("quarkus.http.proxy.trusted-proxies is missing"), refusal);
  }

  @Test
  void severalReplicasNeedTheSecretsThatTheyShare() throws Exception {
    String several = "-Dlivegate.ledger.store=redis";
    String stream = "-Dlivegate.audit.sinks=stdout,redis";
    String pages = "-Dquarkus.oidc.pages.tenant-enabled=true";
    String client = "-Dquarkus.oidc.pages.client-id=livegate";
    String key = "-Dlivegate.audit.key-file=" + directory.resolve("audit.key");
    String sealed =
        "-Dlivegate.relay.handle-key=" + Base64.getEncoder().encodeToString(new byte[32]);
    String cookies = "-Dquarkus.oidc.pages.token-state-manager.encryption-secret=" + "c".repeat(32);
    var needed =
        List.of(
            "livegate.audit.key-file or livegate.audit.key is missing",
            "livegate.relay.handle-key is missing",
            "quarkus.oidc.pages.token-state-manager.encryption-secret is missing");

    String refusal = refusalWith(several, stream, pages, client);
    assertEquals(needed, needed.stream().filter(refusal::contains).toList(), refusal);
    String whole = refusalWith(several, stream, pages, client, key, sealed, cookies);
    String alone = refusalWith(stream, pages, client);
    assertTrue(needed.stream().noneMatch(whole::contains), whole);
    assertTrue(needed.stream().noneMatch(alone::contains), "one replica shares nothing");
  }

  /** Without a policy, so that it ends in any case. */
  private String refusalWith(String... settings) throws Exception {
    var all = new ArrayList<>(SAFE);
    all.addAll(List.of(settings));
    String refusal = refusal(all);
    assertTrue(refusal.contains("livegate.policy.file is missing"), refusal);
    return refusal;
  }

  @Test
  void aKeyThatIsNoneIsRefusedAndNotShown() throws Exception {
    Path key = Files.writeString(directory.resolve("key"), "AIzaFirstHalf\nSecondHalf\n");
    Path policy =
        Files.writeString(
            directory.resolve("policy.yaml"),
            "version: 1\nrules: [{name: all, models: [gemini-3.8-live]}]\n");
    String refusal =
        refusal(
            List.of(
                "-Dquarkus.oidc.auth-server-url=https://localhost:1/realm",
                "-Dquarkus.oidc.token.audience=livegate",
                "-Dlivegate.policy.file=" + policy,
                "-Dlivegate.gemini.api-key-file=" + key));
    assertTrue(refusal.contains("livegate.gemini.api-key-file holds something else"), refusal);
    assertFalse(refusal.contains("SecondHalf"), refusal);
  }

  @Test
  void everyMistakeOfThePolicyIsNamed() throws Exception {
    Path policy =
        Files.writeString(
            directory.resolve("policy.yaml"),
            """
            version: 1
            rules:
              - name: a
                modells: [x]
              - name: a
                models: [gemini-3.8-live]
                token: {expires-in: 20h}
            """);
    var settings = new ArrayList<>(SAFE);
    settings.add("-Dlivegate.policy.file=" + policy);
    String refusal = refusal(settings);
    for (String line : List.of("line 4", "line 7, rule a", "under 20h", "needs models")) {
      assertTrue(refusal.contains(line), () -> line + " is not in " + refusal);
    }
  }

  @Test
  void thePackagedAppHasNoSimulatorBean() throws IOException {
    Path generated = Path.of("target", "quarkus-app", "quarkus", "generated-bytecode.jar");
    try (var jar = new java.util.jar.JarFile(generated.toFile());
        Stream<String> names = jar.stream().map(entry -> entry.getName())) {
      List<String> beans = names.filter(name -> name.endsWith("_Bean.class")).toList();
      assertFalse(beans.isEmpty());
      assertEquals(
          List.of(),
          beans.stream()
              .filter(name -> name.contains("livegate/simulator") || name.contains("livegate/dev"))
              .toList());
    }
  }

  private String refusal(List<String> settings) throws Exception {
    var command = new ArrayList<String>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Dquarkus.http.port=0", "-Dquarkus.management.port=0"));
    command.addAll(settings);
    command.addAll(List.of("-jar", "target/quarkus-app/quarkus-run.jar"));
    var builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().remove("GEMINI_API_KEY");
    Path output = directory.resolve("output.log");
    Process process = builder.redirectOutput(output.toFile()).start();
    try {
      assertTrue(process.waitFor(60, TimeUnit.SECONDS), "it should have ended");
      assertEquals(1, process.exitValue());
      return Files.readString(output, StandardCharsets.UTF_8);
    } finally {
      process.destroyForcibly();
    }
  }
}
