package io.livegate.trace;

import io.smallrye.config.ConfigSourceContext;
import io.smallrye.config.ConfigSourceFactory;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.PropertiesConfigSource;
import java.util.List;
import java.util.Map;
import org.eclipse.microprofile.config.spi.ConfigSource;

/**
 * Traces are on where an endpoint for them is configured, and off elsewhere. As Quarkus has it, an
 * endpoint on this machine would be called without anybody having named it.
 */
public final class TraceSwitch implements ConfigSourceFactory {

  @Override
  public Iterable<ConfigSource> getConfigSources(ConfigSourceContext context) {
    boolean on =
        isSet(context, "quarkus.otel.exporter.otlp.endpoint")
            || isSet(context, "quarkus.otel.exporter.otlp.traces.endpoint");
    return List.of(
        new PropertiesConfigSource(
            Map.of("quarkus.otel.sdk.disabled", Boolean.toString(!on)),
            "livegate-trace-switch",
            // Below every place in which a user writes configuration.
            10));
  }

  private static boolean isSet(ConfigSourceContext context, String name) {
    ConfigValue value = context.getValue(name);
    return value != null
        && value.getValue() != null
        && !value.getValue().isBlank()
        // Not Quarkus' default.
        && value.getConfigSourceOrdinal() != Integer.MIN_VALUE;
  }
}
