package io.livegate.dev;

import io.smallrye.config.ConfigSourceContext;
import io.smallrye.config.ConfigSourceFactory;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.PropertiesConfigSource;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.eclipse.microprofile.config.spi.ConfigSource;

/** In dev mode without a Gemini API key, Google is the simulator. */
public final class DevUpstream implements ConfigSourceFactory {

  @Override
  public Iterable<ConfigSource> getConfigSources(ConfigSourceContext context) {
    if (!context.getProfiles().contains("dev") || isSet(context, "GEMINI_API_KEY")) {
      return List.of();
    }
    String port = context.getValue("livegate.simulator.port").getValue();
    return List.of(
        new PropertiesConfigSource(
            Map.of(
                "livegate.gemini.base-url",
                "http://localhost:" + port,
                "livegate.gemini.api-key",
                "simulator"),
            "livegate-dev-upstream",
            // Above application.properties, below what a user sets.
            260));
  }

  @Override
  public OptionalInt getPriority() {
    return OptionalInt.of(260);
  }

  private static boolean isSet(ConfigSourceContext context, String name) {
    ConfigValue value = context.getValue(name);
    return value != null && value.getValue() != null && !value.getValue().isBlank();
  }
}
