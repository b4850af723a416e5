package io.livegate.k8s;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Names, ports and selectors that lead nowhere. */
final class References {

  private static final Set<String> CLUSTER_WIDE = Set.of("Namespace");

  private final Manifests manifests;
  private final List<String> dangling = new ArrayList<>();

  private References(Manifests manifests) {
    this.manifests = manifests;
  }

  static List<String> dangling(Manifests manifests) {
    var references = new References(manifests);
    references.namespaces();
    manifests.workloads().forEach(references::workload);
    manifests.of("Service").forEach(references::service);
    manifests.of("StatefulSet").forEach(references::governing);
    manifests.of("PodDisruptionBudget").forEach(r -> references.pods(r, r.at("/spec/selector")));
    manifests.of("HorizontalPodAutoscaler").forEach(references::scaled);
    manifests.of("HTTPRoute").forEach(references::route);
    manifests.of("ServiceMonitor").forEach(references::monitored);
    manifests.of("NetworkPolicy").forEach(references::networkPolicy);
    return List.copyOf(references.dangling);
  }

  private void wrong(JsonNode object, String what) {
    dangling.add(Manifests.label(object) + ": " + what);
  }

  private void namespaces() {
    Set<String> namespaces =
        manifests.of("Namespace").map(Manifests::name).collect(Collectors.toSet());
    for (JsonNode object : manifests.objects()) {
      if (!CLUSTER_WIDE.contains(object.path("kind").asText())
          && !namespaces.contains(object.at("/metadata/namespace").asText())) {
        wrong(object, "is in no namespace of ours");
      }
    }
  }

  private void workload(JsonNode workload) {
    JsonNode pod = Manifests.podSpec(workload);
    if (!selects(workload.at("/spec/selector"), Manifests.podLabels(workload))) {
      wrong(workload, "does not select its own pods");
    }
    for (JsonNode spread : pod.path("topologySpreadConstraints")) {
      if (!selects(spread.path("labelSelector"), Manifests.podLabels(workload))) {
        wrong(workload, "spreads other pods than its own");
      }
    }
    String account = pod.path("serviceAccountName").asText();
    if (!account.isEmpty() && !exists("ServiceAccount", account)) {
      wrong(workload, "no service account " + account);
    }
    Set<String> volumes = new TreeSet<>();
    for (JsonNode volume : pod.path("volumes")) {
      volumes.add(volume.path("name").asText());
      String map = volume.at("/configMap/name").asText();
      if (!map.isEmpty() && !exists("ConfigMap", map)) {
        wrong(workload, "no config map " + map);
      }
      String secret = volume.at("/secret/secretName").asText();
      if (!secret.isEmpty()) {
        secret(workload, secret, volume.at("/secret/items"));
      }
    }
    for (JsonNode claim : workload.at("/spec/volumeClaimTemplates")) {
      volumes.add(Manifests.name(claim));
    }
    Set<String> mounted = new TreeSet<>();
    Manifests.containers(workload).forEach(container -> mounted.addAll(mounts(container)));
    if (!volumes.equals(mounted)) {
      wrong(workload, "volumes " + volumes + ", of which are mounted " + mounted);
    }
    Manifests.containers(workload).forEach(container -> container(workload, container));
  }

  /** A secret is here, or its keys are fetched from elsewhere. */
  private void secret(JsonNode workload, String name, JsonNode items) {
    Set<String> keys = new TreeSet<>();
    manifests
        .of("Secret")
        .filter(secret -> Manifests.name(secret).equals(name))
        .forEach(secret -> secret.path("data").fieldNames().forEachRemaining(keys::add));
    manifests
        .of("ExternalSecret")
        .filter(secret -> secret.at("/spec/target/name").asText().equals(name))
        .forEach(
            secret -> secret.at("/spec/data").forEach(d -> keys.add(d.path("secretKey").asText())));
    if (keys.isEmpty()) {
      wrong(workload, "no secret " + name);
    }
    for (JsonNode item : items) {
      if (!keys.contains(item.path("key").asText())) {
        wrong(workload, "no key " + item.path("key").asText() + " in secret " + name);
      }
    }
  }

  private static Set<String> mounts(JsonNode container) {
    return Manifests.each(container.path("volumeMounts"))
        .map(mount -> mount.path("name").asText())
        .collect(Collectors.toSet());
  }

  private void container(JsonNode workload, JsonNode container) {
    for (JsonNode source : container.path("envFrom")) {
      String map = source.at("/configMapRef/name").asText();
      if (!exists("ConfigMap", map)) {
        wrong(workload, "no config map " + map);
      }
    }
    for (String probe : List.of("startupProbe", "readinessProbe", "livenessProbe")) {
      for (String by : List.of("httpGet", "tcpSocket")) {
        JsonNode port = container.path(probe).path(by).path("port");
        if (!port.isMissingNode() && !ports(container).contains(port.asText())) {
          wrong(workload, probe + " at port " + port.asText());
        }
      }
    }
  }

  /** The ports of a container, by name and by number. */
  private static Set<String> ports(JsonNode container) {
    return Manifests.each(container.path("ports"))
        .flatMap(port -> Stream.of(port.path("name"), port.path("containerPort")))
        .map(JsonNode::asText)
        .collect(Collectors.toSet());
  }

  private Stream<JsonNode> selected(JsonNode selector) {
    return manifests
        .workloads()
        .filter(workload -> selects(selector, Manifests.podLabels(workload)));
  }

  private void pods(JsonNode object, JsonNode selector) {
    if (selected(selector).findAny().isEmpty()) {
      wrong(object, "selects no pods");
    }
  }

  private void podPort(JsonNode object, JsonNode selector, String port) {
    List<JsonNode> workloads = selected(selector).toList();
    if (workloads.isEmpty()) {
      wrong(object, "selects no pods");
    }
    for (JsonNode workload : workloads) {
      if (Manifests.containers(workload).noneMatch(c -> ports(c).contains(port))) {
        wrong(object, "no port " + port + " in " + Manifests.label(workload));
      }
    }
  }

  private void service(JsonNode service) {
    for (JsonNode port : service.at("/spec/ports")) {
      podPort(service, service.at("/spec/selector"), port.path("targetPort").asText());
    }
  }

  private void governing(JsonNode set) {
    String service = set.at("/spec/serviceName").asText();
    if (!exists("Service", service)) {
      wrong(set, "no service " + service);
    }
  }

  private void scaled(JsonNode scaler) {
    JsonNode target = scaler.at("/spec/scaleTargetRef");
    String kind = target.path("kind").asText();
    List<JsonNode> found =
        manifests
            .of(kind)
            .filter(object -> Manifests.name(object).equals(target.path("name").asText()))
            .toList();
    if (found.isEmpty()) {
      wrong(scaler, "no " + kind + " " + target.path("name").asText());
    }
    for (JsonNode object : found) {
      if (object.path("spec").has("replicas")) {
        wrong(scaler, "every roll-out would set replicas back");
      }
    }
  }

  private void route(JsonNode route) {
    for (JsonNode rule : route.at("/spec/rules")) {
      for (JsonNode backend : rule.path("backendRefs")) {
        boolean found =
            manifests
                .of("Service")
                .filter(s -> Manifests.name(s).equals(backend.path("name").asText()))
                .flatMap(s -> Manifests.each(s.at("/spec/ports")))
                .anyMatch(p -> p.path("port").asInt() == backend.path("port").asInt());
        if (!found) {
          wrong(route, "no service " + backend);
        }
      }
    }
  }

  private void monitored(JsonNode monitor) {
    List<JsonNode> services =
        manifests
            .of("Service")
            .filter(s -> selects(monitor.at("/spec/selector"), s.at("/metadata/labels")))
            .toList();
    if (services.size() != 1) {
      wrong(monitor, "selects " + services.size() + " services");
    }
    for (JsonNode endpoint : monitor.at("/spec/endpoints")) {
      for (JsonNode service : services) {
        if (Manifests.each(service.at("/spec/ports"))
            .noneMatch(p -> p.path("name").equals(endpoint.path("port")))) {
          wrong(monitor, "no port " + endpoint.path("port").asText());
        }
      }
    }
  }

  private void networkPolicy(JsonNode policy) {
    JsonNode selector = policy.at("/spec/podSelector");
    if (selector.isEmpty()) {
      return;
    }
    for (JsonNode rule : policy.at("/spec/ingress")) {
      for (JsonNode port : rule.path("ports")) {
        podPort(policy, selector, port.path("port").asText());
      }
      for (JsonNode from : rule.path("from")) {
        if (from.has("podSelector")) {
          pods(policy, from.path("podSelector"));
        }
      }
    }
    for (JsonNode rule : policy.at("/spec/egress")) {
      for (JsonNode to : rule.path("to")) {
        if (to.has("podSelector") && !to.has("namespaceSelector")) {
          for (JsonNode port : rule.path("ports")) {
            podPort(policy, to.path("podSelector"), port.path("port").asText());
          }
        }
      }
    }
  }

  private boolean exists(String kind, String name) {
    return manifests.has(kind, object -> Manifests.name(object).equals(name));
  }

  /** A selector of any form: bare labels, or below matchLabels. An empty one selects nothing. */
  private static boolean selects(JsonNode selector, JsonNode labels) {
    JsonNode wanted = selector.has("matchLabels") ? selector.path("matchLabels") : selector;
    return !wanted.isEmpty()
        && wanted.properties().stream().allMatch(e -> e.getValue().equals(labels.path(e.getKey())));
  }
}
