package io.livegate.k8s;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * What a workload does against the Pod Security Standard {@code restricted}, which the cluster
 * refuses, and against our own rules, which it would not notice.
 */
final class Hardening {

  private static final Set<String> VOLUMES =
      Set.of(
          "configMap",
          "csi",
          "downwardAPI",
          "emptyDir",
          "ephemeral",
          "persistentVolumeClaim",
          "projected",
          "secret");

  /** Containers that have to write to their own image, and say why where they are. */
  private static final Set<String> WRITING = Set.of("keycloak");

  private Hardening() {}

  static List<String> violations(JsonNode workload) {
    var violations = new ArrayList<String>();
    JsonNode pod = Manifests.podSpec(workload);
    restrictedPod(pod, violations);
    ours(pod, violations);
    Manifests.containers(workload)
        .forEach(
            container -> {
              var found = new ArrayList<String>();
              restricted(pod, container, found);
              ours(container, found, container.path("name").asText());
              found.forEach(v -> violations.add(container.path("name").asText() + ": " + v));
            });
    violations.replaceAll(violation -> Manifests.label(workload) + ": " + violation);
    return List.copyOf(violations);
  }

  private static void restrictedPod(JsonNode pod, List<String> violations) {
    for (String field : List.of("hostNetwork", "hostPID", "hostIPC")) {
      if (pod.path(field).asBoolean()) {
        violations.add(field);
      }
    }
    for (JsonNode volume : pod.path("volumes")) {
      for (var source : volume.properties()) {
        if (!source.getKey().equals("name") && !VOLUMES.contains(source.getKey())) {
          violations.add("volume of type " + source.getKey());
        }
      }
    }
    if (!pod.at("/securityContext/sysctls").isEmpty()) {
      violations.add("sysctls");
    }
  }

  private static void restricted(JsonNode pod, JsonNode container, List<String> violations) {
    JsonNode own = container.path("securityContext");
    if (own.path("privileged").asBoolean()) {
      violations.add("privileged");
    }
    if (own.path("allowPrivilegeEscalation").asBoolean(true)) {
      violations.add("allowPrivilegeEscalation");
    }
    if (!"[\"ALL\"]".equals(own.at("/capabilities/drop").toString())) {
      violations.add("capabilities are not dropped");
    }
    for (JsonNode added : own.at("/capabilities/add")) {
      if (!added.asText().equals("NET_BIND_SERVICE")) {
        violations.add("capability " + added.asText());
      }
    }
    if (!either(pod, container, "/runAsNonRoot").asBoolean()) {
      violations.add("may run as root");
    }
    if (either(pod, container, "/runAsUser").asInt(1) == 0) {
      violations.add("runs as root");
    }
    if (!Set.of("RuntimeDefault", "Localhost")
        .contains(either(pod, container, "/seccompProfile/type").asText())) {
      violations.add("no seccomp profile");
    }
    if (own.has("procMount") && !own.path("procMount").asText().equals("Default")) {
      violations.add("procMount");
    }
    for (String options : List.of("/seLinuxOptions", "/windowsOptions")) {
      if (!either(pod, container, options).isMissingNode()) {
        violations.add(options.substring(1));
      }
    }
    for (JsonNode port : container.path("ports")) {
      if (port.path("hostPort").asInt() != 0) {
        violations.add("hostPort");
      }
    }
  }

  /** The container's, or else the pod's. */
  private static JsonNode either(JsonNode pod, JsonNode container, String pointer) {
    JsonNode own = container.path("securityContext").at(pointer);
    return own.isMissingNode() ? pod.path("securityContext").at(pointer) : own;
  }

  private static void ours(JsonNode pod, List<String> violations) {
    if (pod.path("automountServiceAccountToken").asBoolean(true)) {
      violations.add("the token of its service account is mounted");
    }
    if (pod.path("enableServiceLinks").asBoolean(true)) {
      violations.add("service links fill the environment, where settings are");
    }
  }

  private static void ours(JsonNode container, List<String> violations, String name) {
    if (!container.at("/securityContext/readOnlyRootFilesystem").asBoolean()
        && !WRITING.contains(name)) {
      violations.add("its root file system can be written");
    }
    for (String kind : List.of("requests", "limits")) {
      for (String resource : List.of("cpu", "memory")) {
        if (!container.path("resources").path(kind).has(resource)) {
          violations.add("no " + resource + " in " + kind);
        }
      }
    }
    String image = container.path("image").asText();
    if (!image.matches(".*:[^:/]+") || image.endsWith(":latest")) {
      violations.add("an image without a version");
    }
    if (!container.has("startupProbe")) {
      violations.add("no startupProbe");
    }
  }
}
