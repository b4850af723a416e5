package io.livegate.audit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import org.jboss.logging.Logger;

/**
 * Writes each event as one line of JSON to the log category {@code audit}, which the configuration
 * sends to standard output as it is.
 */
@ApplicationScoped
class AuditLog {

  private static final Logger AUDIT = Logger.getLogger("audit");

  private final ObjectMapper json;

  AuditLog(ObjectMapper json) {
    this.json = json;
  }

  void record(@Observes GatewayEvent event) throws JsonProcessingException {
    ObjectNode line = json.createObjectNode();
    line.put("time", event.time().toString());
    line.put("event", event.event());
    line.put("outcome", event.outcome());
    ObjectNode values = json.valueToTree(event);
    values
        .properties()
        .forEach(
            value -> {
              if (!line.has(value.getKey()) && !value.getValue().isNull()) {
                line.set(value.getKey(), value.getValue());
              }
            });
    AUDIT.info(json.writeValueAsString(line));
  }
}
