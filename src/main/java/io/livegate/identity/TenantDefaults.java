package io.livegate.identity;

import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import org.eclipse.microprofile.config.spi.ConfigSource;
import org.jspecify.annotations.Nullable;

/**
 * Safer defaults for every OIDC tenant, which a property file cannot give for names that it does
 * not know: nothing is sent to an issuer's introspection endpoint unless that is configured. As
 * Quarkus has it, any garbage that looks like a token would be, at the sender's will.
 */
public final class TenantDefaults implements ConfigSource {

  private static final Pattern INTROSPECTION =
      Pattern.compile(
          "quarkus\\.oidc\\.(\"[^\"]+\"\\.|[^.\"]+\\.)?token\\."
              + "allow-(jwt|opaque-token)-introspection");

  @Override
  public Map<String, String> getProperties() {
    return Map.of();
  }

  @Override
  public Set<String> getPropertyNames() {
    return Set.of();
  }

  /** Below every place in which a user writes configuration. */
  @Override
  public int getOrdinal() {
    return 10;
  }

  @Override
  public @Nullable String getValue(String name) {
    return INTROSPECTION.matcher(name).matches() ? "false" : null;
  }

  @Override
  public String getName() {
    return "livegate-tenant-defaults";
  }
}
