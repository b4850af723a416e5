package io.livegate.gemini;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.net.URI;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** How Google is reached. */
@ConfigMapping(prefix = "livegate.gemini")
public interface GeminiConfig {

  /** Where tokens are minted and direct clients connect. */
  @WithDefault("https://generativelanguage.googleapis.com")
  URI baseUrl();

  /** The API version of minting and of the addresses given to clients. */
  @WithDefault("v1beta")
  String apiVersion();

  /** The Gemini API key. */
  Optional<String> apiKey();

  /** A file that holds the key; re-read when it changes, so that keys rotate without a restart. */
  Optional<Path> apiKeyFile();

  /** The most that minting may take, waiting and retrying included. */
  @WithDefault("5s")
  Duration timeout();

  /**
   * How many calls to Google run at a time, each on a worker thread (quarkus.thread-pool has at
   * least 200); more wait within the timeout.
   */
  @WithDefault("64")
  int maxConcurrentMints();

  /** A named TLS configuration of Quarkus, {@code quarkus.tls.<name>.*}, such as a private CA. */
  Optional<String> tlsConfigurationName();

  Proxy proxy();

  /** A corporate proxy, asked by CONNECT. */
  interface Proxy {
    /** The proxy's host name; no proxy without it. */
    Optional<String> host();

    @WithDefault("3128")
    int port();

    /** Credentials for Basic authentication at the proxy. */
    Optional<String> username();

    Optional<String> password();

    /** Hosts reached without the proxy; a leading dot or {@code *.} covers a domain. */
    Optional<List<String>> noProxy();
  }
}
