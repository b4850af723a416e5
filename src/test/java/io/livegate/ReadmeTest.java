package io.livegate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.audit.AuditConfig;
import io.livegate.error.ErrorCode;
import io.livegate.gemini.GeminiConfig;
import io.livegate.identity.IdentityConfig;
import io.livegate.ledger.LedgerConfig;
import io.livegate.logout.LogoutConfig;
import io.livegate.policy.PolicyConfig;
import io.livegate.policy.PolicyFile;
import io.livegate.relay.RelayConfig;
import io.smallrye.config.ConfigMapping;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What the README promises exists, and what exists is in the README. */
class ReadmeTest {

  private static String readme;

  @BeforeAll
  static void read() throws IOException {
    readme = Files.readString(Path.of("README.md"));
  }

  @Test
  void itListsEveryErrorCode() {
    for (ErrorCode code : ErrorCode.values()) {
      String row = "| `%s` | %d | %s |".formatted(code.label(), code.status(), code.explanation());
      assertTrue(readme.contains(row), row);
    }
    assertEquals(
        ErrorCode.values().length, found("(?m)^\\| `([a-z-]+)` \\| [45][0-9]{2} \\|").size());
  }

  @Test
  void itListsEveryConfigurationKey() {
    Set<String> keys =
        new TreeSet<>(Set.of("livegate.simulator.port", "livegate.public-url", "livegate.replica"));
    for (Class<?> config :
        new Class<?>[] {
          AuditConfig.class,
          GeminiConfig.class,
          IdentityConfig.class,
          LedgerConfig.class,
          LogoutConfig.class,
          PolicyConfig.class,
          RelayConfig.class
        }) {
      collect(config.getAnnotation(ConfigMapping.class).prefix(), config, keys);
    }
    assertEquals(keys, found("(?m)^\\| `(livegate\\.[a-z.-]+)` \\|"));
  }

  @Test
  void itsPolicyIsAccepted() {
    String policy =
        Pattern.compile("```yaml\n(#[^\n]*\n)?(version: 1.*?)```", Pattern.DOTALL)
            .matcher(readme)
            .results()
            .map(match -> match.group(2))
            .findFirst()
            .orElseThrow();
    var compiled = PolicyFile.compile(policy.getBytes(StandardCharsets.UTF_8), false);
    assertTrue(compiled instanceof PolicyFile.Compiled.Accepted, compiled::toString);
  }

  private static Set<String> found(String pattern) {
    return Pattern.compile(pattern)
        .matcher(readme)
        .results()
        .map((MatchResult match) -> match.group(1))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static void collect(String prefix, Class<?> config, Set<String> keys) {
    for (Method method : config.getDeclaredMethods()) {
      String key =
          prefix
              + "."
              + method.getName().replaceAll("([A-Z])", "-$1").toLowerCase(java.util.Locale.ROOT);
      if (method.getReturnType().isInterface()
          && method.getReturnType().getEnclosingClass() == config) {
        collect(key, method.getReturnType(), keys);
      } else {
        keys.add(key);
      }
    }
  }
}
