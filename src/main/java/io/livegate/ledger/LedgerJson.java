package io.livegate.ledger;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.datatype.jdk8.Jdk8Module;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import io.livegate.grant.Grant;
import io.livegate.grant.Limit;
import io.livegate.grant.Login;
import java.io.UncheckedIOException;
import java.util.List;

/**
 * What is kept in Redis as JSON. Replicas of two versions share it during an update, so that fields
 * may be added, but none renamed.
 */
final class LedgerJson {

  private static final ObjectMapper JSON =
      JsonMapper.builder()
          .addModule(new Jdk8Module())
          .addModule(new JavaTimeModule())
          .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          // As SetupSchema has them.
          .enable(DeserializationFeature.USE_LONG_FOR_INTS)
          .build();

  private LedgerJson() {}

  static String issue(Issue issue) {
    return write(issue);
  }

  static Issue issue(String json) {
    return read(json, Issue.class);
  }

  static String use(Use use) {
    return write(use);
  }

  /** Nothing was written for a session that has not been charged. */
  static Use use(String json) {
    return json.isEmpty() ? Use.NONE : read(json, Use.class);
  }

  /** What the scripts must know of a grant, without its setup. */
  static String terms(Grant grant) {
    Login login = grant.login();
    var node = JSON.createObjectNode();
    node.put("subject", grant.subject())
        .put("rule", grant.rule())
        .put("model", grant.model())
        .put("uses", grant.uses())
        .put("reserve", grant.limits().directReserve())
        .put("tenant", login.tenant())
        .put("sub", login.sub())
        .put("issuedAt", login.issuedAt().toEpochMilli());
    login.sid().ifPresent(sid -> node.put("sid", sid));
    var limits = node.putArray("limits");
    for (Limit limit : grant.limits().limits()) {
      limits
          .addObject()
          .put("kind", limit.kind().name())
          .put("key", limit.key())
          .put("max", limit.max())
          .put("name", limit.name())
          .put("shared", limit.shared());
    }
    return node.toString();
  }

  /** Subject, rule and model of a usage row. */
  static List<String> names(String json) {
    JsonNode names = read(json, JsonNode.class);
    return List.of(names.path(0).asText(), names.path(1).asText(), names.path(2).asText());
  }

  private static String write(Object value) {
    try {
      return JSON.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static <T> T read(String json, Class<T> type) {
    try {
      return JSON.readValue(json, type);
    } catch (JsonProcessingException e) {
      // The message would quote what was read.
      throw new IllegalStateException("The ledger holds no " + type.getSimpleName());
    }
  }
}
