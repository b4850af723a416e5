package io.livegate.gemini;

import io.quarkus.runtime.ShutdownEvent;
import io.quarkus.runtime.StartupEvent;
import io.vertx.core.Vertx;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jboss.logging.Logger;

/**
 * The Gemini API key in force. A key file is looked at every few seconds; a mounted secret changes
 * by a swapped link, which only reading it shows.
 */
@ApplicationScoped
class ApiKey {

  private static final Logger LOG = Logger.getLogger(ApiKey.class);
  private static final long INTERVAL_MILLIS = 2000;

  /** What a header can carry; anything else would be quoted by whoever refuses it. */
  private static final Pattern KEY = Pattern.compile("[\\x21-\\x7e]+");

  private final Optional<Path> file;
  private final Vertx vertx;
  private volatile String key;
  private long timer = -1;

  ApiKey(GeminiConfig config, Vertx vertx) {
    this.file = config.apiKeyFile();
    this.vertx = vertx;
    try {
      key = file.isPresent() ? read(file.get()) : config.apiKey().orElse("").strip();
    } catch (IOException e) {
      throw new IllegalStateException("livegate.gemini.api-key-file cannot be read: " + e, e);
    }
    if (!key.isEmpty() && !KEY.matcher(key).matches()) {
      throw new IllegalStateException(
          "livegate.gemini.api-key or livegate.gemini.api-key-file holds something else than one key:"
              + " printable ASCII without spaces, in one line");
    }
    if (key.isEmpty()) {
      throw new IllegalStateException(
          "livegate.gemini.api-key or livegate.gemini.api-key-file must hold the Gemini API key");
    }
  }

  void start(@Observes StartupEvent event) {
    if (file.isPresent()) {
      timer = vertx.setPeriodic(INTERVAL_MILLIS, id -> vertx.executeBlocking(this::reload));
    }
  }

  void stop(@Observes ShutdownEvent event) {
    vertx.cancelTimer(timer);
  }

  String current() {
    return key;
  }

  private Void reload() {
    try {
      String now = read(file.orElseThrow());
      if (!KEY.matcher(now).matches()) {
        LOG.warn("The Gemini API key file holds no key, the last key stays in use");
      } else if (!now.equals(key)) {
        key = now;
        LOG.info("The Gemini API key has changed");
      }
    } catch (IOException e) {
      LOG.warnf("The Gemini API key file cannot be read, the last key stays in use: %s", e);
    }
    return null;
  }

  private static String read(Path file) throws IOException {
    return Files.readString(file).strip();
  }
}
