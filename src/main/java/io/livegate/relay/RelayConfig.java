package io.livegate.relay;

import io.livegate.identity.Credentials;
import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** What the relay takes, and for how long. */
@ConfigMapping(prefix = "livegate.relay")
public interface RelayConfig {

  /** Whether sessions can run through this gateway. */
  @WithDefault("true")
  boolean enabled();

  /** Which credentials a query may carry: any, or auth-tokens. */
  @WithDefault("any")
  Credentials.Query queryCredentials();

  /** Origins of browser pages that may connect, besides the gateway's own; * for all. */
  Optional<List<String>> allowedOrigins();

  /** Names of further messages that clients may send, for those of Google's future. */
  Optional<List<String>> clientMessages();

  /** Sessions at a time; more are refused. */
  @WithDefault("5000")
  int maxSessions();

  /** Connections at a time that have not sent their setup; more are refused. */
  @WithDefault("500")
  int maxPending();

  /** What sessions may hold in memory together; beyond, none reads, and the largest is closed. */
  @WithDefault("256M")
  MemorySize maxBufferedBytes();

  /** The largest message of Google's. */
  @WithDefault("16M")
  MemorySize maxMessageSize();

  /** The largest message of a client's. */
  @WithDefault("8M")
  MemorySize maxClientMessageSize();

  /** How soon a client must send its setup. */
  @WithDefault("10s")
  Duration setupTimeout();

  /** How long Google may take from there to setupComplete, minting included. */
  @WithDefault("15s")
  Duration connectTimeout();

  /** How often both sides are pinged. */
  @WithDefault("30s")
  Duration pingInterval();

  /** How long a side may show no sign of life. */
  @WithDefault("60s")
  Duration silenceTimeout();

  /** How long a session may pass without a message, where its rule does not say. */
  @WithDefault("5m")
  Duration idleTimeout();

  /** The longest session, where its rule does not say. */
  @WithDefault("60m")
  Duration maxSession();

  /** How long before its end a client is told. */
  @WithDefault("30s")
  Duration goAwayLead();

  /** How long a connection to Google is used; a little less than Google lets it live. */
  @WithDefault("9m")
  Duration legLifetime();

  /** How often in a row a lost connection to Google is tried to be followed by another. */
  @WithDefault("5")
  int resumeAttempts();

  /** Audio and video that waited longer for a connection is dropped. */
  @WithDefault("2s")
  Duration maxMediaDelay();

  /** How long Google may take from reading a message to having it in its handles. */
  @WithDefault("500ms")
  Duration handleLag();

  /** Keys that seal the handles of clients: base64 of 32 bytes each; the first seals, all open. */
  Optional<List<String>> handleKey();

  /** How long sessions may go on when the gateway is shut down. */
  @WithDefault("60s")
  Duration drainTime();
}
