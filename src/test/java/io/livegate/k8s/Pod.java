package io.livegate.k8s;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import io.livegate.bench.Program;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The packaged gateway as a process that gets what a rendered Deployment gives to its container:
 * the environment, and the volumes below a directory of the test's instead of the root.
 */
final class Pod implements AutoCloseable {

  private static final Path OUTPUT = Path.of("target", "k8s");
  private static final Pattern LISTENING =
      Pattern.compile("Listening on: \\S+?:([0-9]+)\\.? Management");
  private static final Pattern MANAGEMENT =
      Pattern.compile("Management interface listening on http://\\S+?:([0-9]+)");
  private static final HttpClient HTTP =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private final Program program;
  private final Map<String, Mount> mounts = new HashMap<>();

  /**
   * Starts it.
   *
   * @param secrets the data of secrets by name, as they are not in the manifests
   * @param instead settings of another place: variables that replace those of the manifests
   */
  Pod(Manifests manifests, Map<String, Map<String, String>> secrets, Map<String, String> instead) {
    JsonNode deployment = manifests.the("Deployment", "livegate");
    JsonNode container = Manifests.container(deployment, "gateway");
    try {
      Files.createDirectories(OUTPUT);
      Path root = Files.createTempDirectory(OUTPUT, "pod").toAbsolutePath();
      for (JsonNode mount : container.path("volumeMounts")) {
        String path = mount.path("mountPath").asText();
        Map<String, String> files =
            files(manifests, secrets, deployment, mount.path("name").asText());
        mounts.put(path, new Mount(Path.of(root + path), files));
      }
      Map<String, String> variables = environment(manifests, container);
      variables.replaceAll((name, value) -> moved(value, root, mounts.keySet()));
      variables.putAll(instead);
      variables.putIfAbsent("QUARKUS_HTTP_PORT", "0");
      variables.putIfAbsent("QUARKUS_MANAGEMENT_PORT", "0");
      program = new Program(root.resolve("log"), command(root, variables));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<String> command(Path root, Map<String, String> variables) {
    var command = new ArrayList<>(List.of("env", "-u", "GEMINI_API_KEY"));
    variables.forEach((name, value) -> command.add(name + "=" + value));
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx256m",
            "-Djava.io.tmpdir=" + root.resolve("tmp"),
            "-jar",
            "target/quarkus-app/quarkus-run.jar"));
    return command;
  }

  /** A path below a mount, where that is here. */
  private static String moved(String value, Path root, Set<String> places) {
    return places.stream().anyMatch(place -> Path.of(value).startsWith(place))
        ? root + value
        : value;
  }

  /** The variables of a container, as far as config maps and the manifest itself give them. */
  static Map<String, String> environment(Manifests manifests, JsonNode container) {
    Map<String, String> variables = new TreeMap<>();
    for (JsonNode source : container.path("envFrom")) {
      String name = source.at("/configMapRef/name").asText();
      JsonNode data =
          manifests
              .of("ConfigMap")
              .filter(map -> Manifests.name(map).equals(name))
              .findFirst()
              .orElseThrow()
              .path("data");
      data.properties().forEach(e -> variables.put(e.getKey(), e.getValue().asText()));
    }
    for (JsonNode variable : container.path("env")) {
      variables.put(variable.path("name").asText(), variable.path("value").asText());
    }
    return variables;
  }

  private static Map<String, String> files(
      Manifests manifests,
      Map<String, Map<String, String>> secrets,
      JsonNode deployment,
      String volume) {
    JsonNode source =
        Manifests.each(Manifests.podSpec(deployment).path("volumes"))
            .filter(v -> v.path("name").asText().equals(volume))
            .findFirst()
            .orElseThrow();
    Map<String, String> files = new HashMap<>();
    if (source.has("secret")) {
      files.putAll(secrets.get(source.at("/secret/secretName").asText()));
    }
    if (source.has("configMap")) {
      String name = source.at("/configMap/name").asText();
      manifests
          .of("ConfigMap")
          .filter(map -> Manifests.name(map).equals(name))
          .findFirst()
          .orElseThrow()
          .path("data")
          .properties()
          .forEach(e -> files.put(e.getKey(), e.getValue().asText()));
    }
    return files;
  }

  /** What is mounted at a path of the container. */
  Mount mount(String path) {
    return mounts.get(path);
  }

  Program program() {
    return program;
  }

  URI url() {
    return URI.create("http://localhost:" + program.await(LISTENING));
  }

  /** An address of the management port. */
  URI management(String path) {
    program.await(LISTENING);
    Matcher port = MANAGEMENT.matcher(program.log());
    assertTrue(port.find(), "the log names the management port");
    return URI.create("http://localhost:" + port.group(1) + path);
  }

  String metrics() {
    HttpResponse<String> answer = get(management("/q/metrics"));
    assertEquals(200, answer.statusCode());
    return answer.body();
  }

  static HttpResponse<String> get(URI uri) {
    return send(HttpRequest.newBuilder(uri));
  }

  HttpResponse<String> issue(String accessToken, String body) {
    return send(
        HttpRequest.newBuilder(url().resolve("/v1/tokens"))
            .header("Authorization", "Bearer " + accessToken)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofString(body)));
  }

  static HttpResponse<String> send(HttpRequest.Builder request) {
    try {
      return HTTP.send(request.build(), HttpResponse.BodyHandlers.ofString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new AssertionError(e);
    }
  }

  @Override
  public void close() {
    program.close();
  }
}
