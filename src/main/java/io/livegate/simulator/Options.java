package io.livegate.simulator;

import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * How a simulator behaves. Start from {@link #builder()}.
 *
 * @param host the address to listen on
 * @param port the port to listen on; 0 takes any free one
 * @param apiKeys the keys that are accepted; empty accepts every non-empty key
 * @param clock tells token expiry and the lifetime of connections
 * @param tls the certificate to serve, or empty for plain HTTP
 * @param models the models that exist; they answer in audio only
 * @param textModels further models, which can also answer in text
 * @param chunkInterval the pause between two pieces of an answer; zero sends as fast as the client
 *     reads
 * @param audioTurn how much audio makes a turn when nothing ended it before
 * @param resumptionInterval how soon a new handle follows a change outside of a turn
 * @param legLifetime how long a connection lasts; zero is for ever
 * @param goAwayLead how long before that end {@code goAway} is sent
 * @param maxMessageBytes the largest client message
 * @param recording what the journal keeps
 */
public record Options(
    String host,
    int port,
    Set<String> apiKeys,
    Clock clock,
    Optional<Tls> tls,
    Set<String> models,
    Set<String> textModels,
    Duration chunkInterval,
    Duration audioTurn,
    Duration resumptionInterval,
    Duration legLifetime,
    Duration goAwayLead,
    int maxMessageBytes,
    Recording recording) {

  /** What the {@link Journal} keeps. */
  public enum Recording {
    /** Nothing, for benchmarks. */
    NONE,
    /** Mints, sessions and the messages that entered the model's history. */
    MESSAGES,
    /** The above, and every frame as it arrived or was sent. */
    FRAMES
  }

  /** A PEM certificate chain and its private key. */
  public record Tls(Path certificate, Path key) {}

  public Options {
    if (port < 0 || port > 65535) {
      throw new IllegalArgumentException("port must be between 0 and 65535, not " + port);
    }
    if (maxMessageBytes < 1024) {
      throw new IllegalArgumentException("maxMessageBytes must be at least 1024");
    }
    for (Duration duration :
        List.of(chunkInterval, audioTurn, resumptionInterval, legLifetime, goAwayLead)) {
      if (duration.isNegative()) {
        throw new IllegalArgumentException("durations must not be negative");
      }
    }
    apiKeys = Set.copyOf(apiKeys);
    models = Set.copyOf(models);
    textModels = Set.copyOf(textModels);
  }

  /** Options fit for tests and development; every setter replaces one default. */
  public static Builder builder() {
    return new Builder();
  }

  boolean acceptsKey(String key) {
    return apiKeys.isEmpty() ? !key.isEmpty() : apiKeys.contains(key);
  }

  /** Collects options. Not thread-safe. */
  public static final class Builder {
    private String host = "127.0.0.1";
    private int port;
    private final Set<String> apiKeys = new LinkedHashSet<>();
    private Clock clock = Clock.systemUTC();
    private Optional<Tls> tls = Optional.empty();
    private Set<String> models =
        Set.of(
            "gemini-3.8-live",
            "gemini-3.8-live-extended-thinking",
            "gemini-3.1-flash-live-preview",
            "gemini-2.5-flash-native-audio-preview-12-2025",
            "gemini-2.5-flash-native-audio-preview-09-2025");
    private Set<String> textModels = Set.of("simulated-text-live");
    private Duration chunkInterval = Duration.ofMillis(20);
    private Duration audioTurn = Duration.ofSeconds(10);
    private Duration resumptionInterval = Duration.ofMillis(1200);
    private Duration legLifetime = Duration.ofMinutes(10);
    private Duration goAwayLead = Duration.ofSeconds(50);
    private int maxMessageBytes = 24 << 20;
    private Recording recording = Recording.MESSAGES;

    private Builder() {}

    public Builder host(String value) {
      host = value;
      return this;
    }

    public Builder port(int value) {
      port = value;
      return this;
    }

    /** Adds one accepted key. Without any, every non-empty key is accepted. */
    public Builder apiKey(String value) {
      apiKeys.add(value);
      return this;
    }

    public Builder clock(Clock value) {
      clock = value;
      return this;
    }

    public Builder tls(Path certificate, Path key) {
      tls = Optional.of(new Tls(certificate, key));
      return this;
    }

    public Builder models(Set<String> value) {
      models = value;
      return this;
    }

    public Builder textModels(Set<String> value) {
      textModels = value;
      return this;
    }

    public Builder chunkInterval(Duration value) {
      chunkInterval = value;
      return this;
    }

    public Builder audioTurn(Duration value) {
      audioTurn = value;
      return this;
    }

    public Builder resumptionInterval(Duration value) {
      resumptionInterval = value;
      return this;
    }

    public Builder legLifetime(Duration value) {
      legLifetime = value;
      return this;
    }

    public Builder goAwayLead(Duration value) {
      goAwayLead = value;
      return this;
    }

    public Builder maxMessageBytes(int value) {
      maxMessageBytes = value;
      return this;
    }

    public Builder recording(Recording value) {
      recording = value;
      return this;
    }

    public Options build() {
      return new Options(
          host,
          port,
          apiKeys,
          clock,
          tls,
          models,
          textModels,
          chunkInterval,
          audioTurn,
          resumptionInterval,
          legLifetime,
          goAwayLead,
          maxMessageBytes,
          recording);
    }
  }
}
