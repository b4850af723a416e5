package io.livegate;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Remembers every secret of the test run in {@code target/secrets}, and every text that the gateway
 * shows in {@code target/shown}, for {@link SecretsIT} to look for the ones in the others.
 */
public final class Secrets {

  static final Path SECRETS = Path.of("target", "secrets");
  static final Path SHOWN = Path.of("target", "shown");

  private Secrets() {}

  public static String remember(String secret) {
    append(SECRETS, secret);
    return secret;
  }

  static void shown(String text) {
    append(SHOWN, text);
  }

  private static synchronized void append(Path file, String line) {
    try {
      Files.createDirectories(file.getParent());
      Files.writeString(file, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
