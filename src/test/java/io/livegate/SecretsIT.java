package io.livegate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Runs after every other test: nothing that the gateway logged, counted or answered in an error
 * holds an API key, a user's token or an issued token.
 */
class SecretsIT {

  @Test
  void noSecretWasShown() throws IOException {
    Set<String> secrets = new TreeSet<>();
    for (String line : Files.readAllLines(Secrets.SECRETS)) {
      secrets.add(line);
      // A JWT is as good as shown when its signature or its claims are.
      for (String part : line.split("\\.", -1)) {
        if (part.length() > 40) {
          secrets.add(part);
        }
      }
      if (line.startsWith("auth_tokens/")) {
        secrets.add(line.substring("auth_tokens/".length()));
      }
    }
    secrets.remove("");
    assertTrue(secrets.size() > 100, "the suite remembered only " + secrets.size());

    List<String> shown = new ArrayList<>();
    List<Path> places = places();
    assertTrue(places.size() >= 3, "places searched: " + places);
    boolean audited = false;
    for (Path place : places) {
      String text = Files.readString(place);
      audited |= text.contains("token.issued");
      for (String secret : secrets) {
        if (text.contains(secret)) {
          shown.add(place + " shows a secret of " + secret.length() + " characters");
        }
      }
    }
    assertTrue(audited, "the audit lines are among the places searched");
    assertEquals(List.of(), shown);
  }

  private static List<Path> places() throws IOException {
    try (Stream<Path> files = Files.walk(Path.of("target"), 2)) {
      return files
          .filter(
              file -> file.getFileName().toString().contains(".log") || file.equals(Secrets.SHOWN))
          .toList();
    }
  }
}
