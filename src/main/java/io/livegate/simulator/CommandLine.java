package io.livegate.simulator;

import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Reads the command line of the standalone simulator. */
final class CommandLine {
  static final String HELP =
      """
      A pretend Gemini Live API.

        --host HOST        address to listen on (127.0.0.1)
        --port PORT        port to listen on; 0 takes any free one (8089)
        --key KEY          an API key to accept; may be repeated (any key)
        --model MODEL      a model to know, instead of the usual ones; may be repeated
        --tls-cert FILE    PEM certificate chain; serves https and wss
        --tls-key FILE     PEM private key for it
        --tls-dir DIR      serves https and wss with a certificate of its own, made there:
                           ca.pem is what clients have to trust
        --tls-name NAME    a host name or IP address for that certificate; may be repeated
                           (localhost)
        --leg-lifetime S   seconds a connection lasts; 0 is for ever (600)
        --record WHAT      none, messages or frames (messages)
        --help             this text
      """;

  private CommandLine() {}

  /**
   * Reads the arguments. Makes certificates, if it is to.
   *
   * @return the options, or empty if help was asked for
   * @throws IllegalArgumentException with a message for the user
   * @throws IllegalStateException if certificates cannot be made
   */
  static Optional<Options> parse(String... args) {
    Options.Builder options = Options.builder().port(8089);
    Set<String> models = new LinkedHashSet<>();
    String certificate = "";
    String key = "";
    String directory = "";
    Set<String> names = new LinkedHashSet<>();
    Iterator<String> rest = List.of(args).iterator();
    while (rest.hasNext()) {
      String name = rest.next();
      if (name.equals("--help") || name.equals("-h")) {
        return Optional.empty();
      }
      String value = rest.hasNext() ? rest.next() : "";
      switch (name) {
        case "--host" -> options.host(given(name, value));
        case "--port" -> options.port(number(name, value));
        case "--key" -> options.apiKey(given(name, value));
        case "--model" -> models.add(given(name, value));
        case "--tls-cert" -> certificate = given(name, value);
        case "--tls-key" -> key = given(name, value);
        case "--tls-dir" -> directory = given(name, value);
        case "--tls-name" -> names.add(given(name, value));
        case "--leg-lifetime" -> options.legLifetime(Duration.ofSeconds(number(name, value)));
        case "--record" -> options.recording(recording(value));
        default -> throw new IllegalArgumentException("unknown option " + name);
      }
    }
    if (certificate.isEmpty() != key.isEmpty()) {
      throw new IllegalArgumentException("--tls-cert and --tls-key go together");
    }
    if (!certificate.isEmpty() && !directory.isEmpty()) {
      throw new IllegalArgumentException("--tls-cert and --tls-dir exclude each other");
    }
    if (directory.isEmpty() && !names.isEmpty()) {
      throw new IllegalArgumentException("--tls-name needs --tls-dir");
    }
    if (!directory.isEmpty()) {
      Options.Tls own =
          OwnAuthority.in(Path.of(directory), names.isEmpty() ? Set.of("localhost") : names);
      options.tls(own.certificate(), own.key());
    }
    if (!certificate.isEmpty()) {
      options.tls(Path.of(certificate), Path.of(key));
    }
    if (!models.isEmpty()) {
      options.models(models);
    }
    return Optional.of(options.build());
  }

  private static String given(String name, String value) {
    if (value.isEmpty()) {
      throw new IllegalArgumentException(name + " needs a value");
    }
    return value;
  }

  private static int number(String name, String value) {
    try {
      return Integer.parseInt(given(name, value));
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(name + " needs a number, not " + value, e);
    }
  }

  private static Options.Recording recording(String value) {
    for (Options.Recording recording : Options.Recording.values()) {
      if (recording.name().equalsIgnoreCase(value)) {
        return recording;
      }
    }
    throw new IllegalArgumentException("--record needs none, messages or frames");
  }
}
