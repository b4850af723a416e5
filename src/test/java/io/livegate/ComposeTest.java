package io.livegate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.gemini.GeminiConfig;
import io.livegate.policy.PolicyFile;
import io.quarkus.runtime.configuration.DurationConverter;
import io.smallrye.config.EnvConfigSource;
import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** The trial of {@code docker/compose.yaml}: what its parts say of each other holds. */
class ComposeTest {

  private static final Path DIRECTORY = Path.of("docker");

  /** {@code ${NAME:-instead}} and {@code ${NAME:+given}}. */
  private static final Pattern VARIABLE = Pattern.compile("\\$\\{([A-Z_]+):([-+])([^}]*)\\}");

  private static Map<String, Object> compose;
  private static JsonObject realm;

  @BeforeAll
  static void read() throws IOException {
    compose =
        new Yaml(new SafeConstructor(new LoaderOptions()))
            .load(Files.readString(DIRECTORY.resolve("compose.yaml")));
    realm = new JsonObject(Files.readString(DIRECTORY.resolve("livegate-realm.json")));
  }

  @Test
  void whatAServiceNeedsIsThere() throws IOException {
    String dockerfile = Files.readString(DIRECTORY.resolve("Dockerfile"));
    Set<String> mounted = new TreeSet<>();
    for (String name : map(compose, "services").keySet()) {
      Map<String, Object> service = service(name);
      if (service.containsKey("build")) {
        Map<String, Object> build = map(service, "build");
        assertTrue(dockerfile.contains(" AS " + build.get("target") + "\n"), name);
        assertEquals("docker/Dockerfile", build.get("dockerfile"));
      }
      map(service, "depends_on")
          .forEach(
              (other, how) -> {
                String condition = String.valueOf(((Map<?, ?>) how).get("condition"));
                assertEquals(
                    condition.equals("service_healthy"),
                    service(other).containsKey("healthcheck"),
                    name + " waits for " + other);
              });
      for (String volume : list(service, "volumes")) {
        String source = volume.substring(0, volume.indexOf(':'));
        if (source.startsWith("./")) {
          assertTrue(Files.isRegularFile(DIRECTORY.resolve(source)), volume);
        } else {
          mounted.add(source);
        }
      }
      for (String port : list(service, "ports")) {
        assertTrue(port.startsWith("127.0.0.1:"), port);
      }
    }
    assertEquals(map(compose, "volumes").keySet(), mounted);
  }

  @Test
  void whatIsOursRunsAsTheImagesAreTested() {
    for (String name : List.of("gateway", "simulator", "proxy")) {
      assertEquals(true, service(name).get("read_only"), name);
      assertEquals(List.of("ALL"), list(service(name), "cap_drop"), name);
      assertEquals(List.of("no-new-privileges:true"), list(service(name), "security_opt"), name);
    }
    assertEquals(List.of("/tmp"), list(service("gateway"), "tmpfs"));
    assertEquals(2, map(service("gateway"), "deploy").get("replicas"));
  }

  @Test
  void addressesAreThoseOfWhoListens() throws IOException {
    Map<String, String> gateway = environment(Map.of());
    URI google = URI.create(gateway.get("LIVEGATE_GEMINI_BASE_URL"));
    URI issuer = URI.create(gateway.get("QUARKUS_OIDC_AUTH_SERVER_URL"));
    URI redis = URI.create(gateway.get("QUARKUS_REDIS_HOSTS"));
    assertEquals("simulator:8089", google.getAuthority());
    assertEquals("keycloak:8443", issuer.getAuthority());
    assertEquals("redis:6379", redis.getAuthority());
    List<String> simulator = list(service("simulator"), "command");
    for (String host : List.of(google.getHost(), issuer.getHost(), "localhost")) {
      assertEquals("--tls-name", simulator.get(simulator.indexOf(host) - 1), host);
    }
    assertEquals(List.of("127.0.0.1:8089:8089"), list(service("simulator"), "ports"));
    assertEquals(List.of("127.0.0.1:8443:8443"), list(service("keycloak"), "ports"));
    assertTrue(list(service("keycloak"), "command").contains("--hostname=https://localhost:8443"));
    for (String file : List.of("certificate-file=/tls/server.pem", "key-file=/tls/server.key")) {
      assertTrue(
          list(service("keycloak"), "command").stream().anyMatch(option -> option.endsWith(file)),
          file);
    }
    assertTrue(list(service("keycloak"), "volumes").contains("tls:/tls:ro"));
    String proxy = Files.readString(DIRECTORY.resolve("nginx.conf"));
    assertTrue(proxy.contains("server gateway:8080;") && proxy.contains("listen 8080;"), proxy);
    assertEquals(List.of("127.0.0.1:8080:8080"), list(service("proxy"), "ports"));
    assertTrue(
        Files.readString(Path.of("pom.xml"))
            .contains(
                "<keycloak.version>"
                    + service("keycloak").get("image").toString().replaceFirst(".*:", "")
                    + "</keycloak.version>"));
  }

  @Test
  void theRealmsTokensAreForTheGateway() throws IOException {
    Map<String, String> gateway = environment(Map.of());
    assertTrue(
        gateway
            .get("QUARKUS_OIDC_AUTH_SERVER_URL")
            .endsWith("/realms/" + realm.getString("realm")));
    String mappers =
        realm.getJsonArray("clients").getJsonObject(0).getJsonArray("protocolMappers").encode();
    assertTrue(
        mappers.contains(
            "\"included.custom.audience\":\"" + gateway.get("QUARKUS_OIDC_TOKEN_AUDIENCE") + "\""));
    var policy = PolicyFile.compile(Files.readAllBytes(DIRECTORY.resolve("policy.yaml")), false);
    assertTrue(policy instanceof PolicyFile.Compiled.Accepted, policy::toString);
    for (Object group : realm.getJsonArray("groups")) {
      assertTrue(
          Files.readString(DIRECTORY.resolve("policy.yaml"))
              .contains("'" + ((JsonObject) group).getString("name") + "' in claims.groups"));
    }
  }

  @Test
  void onlyWhatIsConfigurableIsConfigured() throws IOException {
    String readme = Files.readString(Path.of("README.md"));
    Set<String> known =
        Pattern.compile("(?m)^\\| `(livegate\\.[a-z.-]+)` \\|")
            .matcher(readme)
            .results()
            .map(row -> row.group(1).replaceAll("[.-]", "_").toUpperCase(Locale.ROOT))
            .collect(Collectors.toSet());
    for (String name : environment(Map.of()).keySet()) {
      String key = name.replaceFirst("^_GOOGLE_", "");
      assertTrue(!key.startsWith("LIVEGATE_") || known.contains(key), name);
    }
  }

  @Test
  void withoutAKeyTheSimulatorIsInGooglesPlace() throws IOException {
    GeminiConfig config = gemini(Map.of());

    assertEquals("https://simulator:8089", config.baseUrl().toString());
    assertEquals(Optional.of("trial"), config.tlsConfigurationName());
    assertTrue(config.apiKey().isPresent());
  }

  @Test
  void aKeySwitchesToGoogle() throws IOException {
    GeminiConfig config = gemini(Map.of("GEMINI_API_KEY", "a-key-of-ones-own"));

    assertEquals("https://generativelanguage.googleapis.com", config.baseUrl().toString());
    assertEquals(Optional.empty(), config.tlsConfigurationName());
    assertEquals(Optional.of("a-key-of-ones-own"), config.apiKey());
  }

  private static GeminiConfig gemini(Map<String, String> host) throws IOException {
    Map<String, String> environment = environment(host);
    var profiles = Arrays.asList(environment.get("QUARKUS_PROFILE").split(",", -1));
    return new SmallRyeConfigBuilder()
        .addDefaultInterceptors()
        .withMapping(GeminiConfig.class)
        .withMappingIgnore("**")
        .withConverter(Duration.class, 100, new DurationConverter())
        .withProfiles(profiles)
        .withSources(
            new EnvConfigSource(environment, 300),
            new PropertiesConfigSource(
                Path.of("src", "main", "resources", "application.properties").toUri().toURL(), 250))
        .build()
        .getConfigMapping(GeminiConfig.class);
  }

  /** What the gateway's environment is, given that of who runs Compose. */
  private static Map<String, String> environment(Map<String, String> host) {
    var environment = new TreeMap<String, String>();
    map(service("gateway"), "environment")
        .forEach((name, value) -> environment.put(name, interpolate(value.toString(), host)));
    return environment;
  }

  private static String interpolate(String value, Map<String, String> host) {
    return VARIABLE
        .matcher(value)
        .replaceAll(
            match -> {
              String given = host.getOrDefault(match.group(1), "");
              boolean isDefault = match.group(2).equals("-");
              return Matcher.quoteReplacement(
                  given.isEmpty()
                      ? (isDefault ? match.group(3) : "")
                      : (isDefault ? given : match.group(3)));
            });
  }

  private static Map<String, Object> service(String name) {
    Map<String, Object> services = map(compose, "services");
    assertTrue(services.containsKey(name), name);
    return map(services, name);
  }

  @SuppressWarnings("unchecked")
  private static Map<String, Object> map(Map<String, Object> parent, String key) {
    return (Map<String, Object>) parent.getOrDefault(key, Map.of());
  }

  private static List<String> list(Map<String, Object> parent, String key) {
    var texts = new ArrayList<String>();
    for (Object one : (List<?>) parent.getOrDefault(key, List.of())) {
      texts.add(one.toString());
    }
    return texts;
  }
}
