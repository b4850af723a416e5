package io.livegate.k8s;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.introspect.Annotated;
import com.fasterxml.jackson.databind.introspect.JacksonAnnotationIntrospector;
import com.google.gson.JsonElement;
import com.google.gson.JsonParser;
import com.networknt.schema.JsonSchema;
import com.networknt.schema.JsonSchemaFactory;
import com.networknt.schema.SpecVersion;
import com.networknt.schema.ValidationMessage;
import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.KubernetesResource;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.InvocationTargetException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.ServiceLoader;

/**
 * What is wrong with an object by the models of its kind: fields that do not exist, are missing or
 * of another type. A cluster may ignore such a field silently.
 */
final class Strict {

  /** Fails on what it does not know, where fabric8's models would keep it. */
  private static final ObjectMapper FABRIC8 =
      new ObjectMapper()
          .setAnnotationIntrospector(
              new JacksonAnnotationIntrospector() {
                private static final long serialVersionUID = 1;

                @Override
                public Boolean hasAnySetter(Annotated annotated) {
                  return false;
                }
              });

  private static final Map<String, Class<?>> FABRIC8_KINDS = fabric8Kinds();
  private static final JsonSchema EXTERNAL_SECRET = externalSecret();

  private Strict() {}

  /** Everything that any of them finds; a kind that none knows is a mistake. */
  static List<String> mistakes(JsonNode object) {
    var mistakes = new ArrayList<String>();
    List<Boolean> known =
        List.of(
            byKubernetesJava(object, mistakes),
            byFabric8(object, mistakes),
            bySchema(object, mistakes));
    if (!known.contains(true)) {
      mistakes.add("nothing knows this kind");
    }
    mistakes.replaceAll(mistake -> Manifests.label(object) + ": " + mistake);
    return List.copyOf(mistakes);
  }

  /** By the models of Kubernetes' own Java client. Whether they know the kind. */
  static boolean byKubernetesJava(JsonNode object, List<String> mistakes) {
    String[] api = object.path("apiVersion").asText().split("/", 2);
    if (api[0].contains(".") && !api[0].endsWith(".k8s.io")) {
      return false;
    }
    String version = api[api.length - 1];
    String model =
        "io.kubernetes.client.openapi.models."
            + version.substring(0, 1).toUpperCase(java.util.Locale.ROOT)
            + version.substring(1)
            + object.path("kind").asText();
    try {
      Class.forName(model)
          .getMethod("validateJsonElement", JsonElement.class)
          .invoke(null, JsonParser.parseString(object.toString()));
      return true;
    } catch (ClassNotFoundException e) {
      return false;
    } catch (InvocationTargetException e) {
      mistakes.add("kubernetes-client/java: " + e.getCause().getMessage());
      return true;
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  /** By the models of fabric8. Whether they know the kind. */
  static boolean byFabric8(JsonNode object, List<String> mistakes) {
    Class<?> model =
        FABRIC8_KINDS.get(object.path("apiVersion").asText() + "/" + object.path("kind").asText());
    if (model == null) {
      return false;
    }
    try {
      FABRIC8.treeToValue(object, model);
    } catch (JsonProcessingException e) {
      mistakes.add("fabric8: " + e.getOriginalMessage());
    }
    return true;
  }

  /** By a schema of the tests' own, for what both do not know. */
  static boolean bySchema(JsonNode object, List<String> mistakes) {
    if (!object.path("kind").asText().equals("ExternalSecret")) {
      return false;
    }
    EXTERNAL_SECRET.validate(object).stream()
        .map(ValidationMessage::getMessage)
        .forEach(message -> mistakes.add("schema: " + message));
    return true;
  }

  private static Map<String, Class<?>> fabric8Kinds() {
    Map<String, Class<?>> kinds = new HashMap<>();
    for (KubernetesResource resource : ServiceLoader.load(KubernetesResource.class)) {
      Class<? extends KubernetesResource> model = resource.getClass();
      if (resource instanceof HasMetadata) {
        Class<? extends HasMetadata> typed = model.asSubclass(HasMetadata.class);
        kinds.put(HasMetadata.getApiVersion(typed) + "/" + HasMetadata.getKind(typed), typed);
      }
    }
    return Map.copyOf(kinds);
  }

  private static JsonSchema externalSecret() {
    try (InputStream in =
        Objects.requireNonNull(
            Strict.class.getResourceAsStream("/k8s/externalsecret.schema.json"))) {
      return JsonSchemaFactory.getInstance(SpecVersion.VersionFlag.V202012).getSchema(in);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
