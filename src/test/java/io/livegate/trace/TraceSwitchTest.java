package io.livegate.trace;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TraceSwitchTest {

  private static final String ENDPOINT = "quarkus.otel.exporter.otlp.endpoint";

  private static boolean disabled(Map<String, String> settings) {
    return new SmallRyeConfigBuilder()
        .addDefaultInterceptors()
        .withDefaultValue(ENDPOINT, "http://localhost:4317/")
        .withSources(new TraceSwitch())
        .withSources(new PropertiesConfigSource(settings, "settings", 300))
        .build()
        .getValue("quarkus.otel.sdk.disabled", Boolean.class);
  }

  @Test
  void tracesAreOffWhereNobodyNamesAnEndpoint() {
    assertEquals(true, disabled(Map.of()));
    assertEquals(true, disabled(Map.of(ENDPOINT, "")));
  }

  @Test
  void anEndpointSwitchesThemOn() {
    assertEquals(false, disabled(Map.of(ENDPOINT, "http://collector:4317")));
    assertEquals(
        false, disabled(Map.of("quarkus.otel.exporter.otlp.traces.endpoint", "http://c:4317")));
  }

  @Test
  void theUserHasTheLastWord() {
    assertEquals(
        true, disabled(Map.of(ENDPOINT, "http://c:4317", "quarkus.otel.sdk.disabled", "true")));
  }
}
