package io.livegate.audit;

import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/** Where the audit goes, and what happens when it cannot. */
@ConfigMapping(prefix = "livegate.audit")
public interface AuditConfig {

  /** A place for audit lines. */
  enum Kind {
    STDOUT,
    FILE,
    REDIS;

    /** Whether what was written there outlives the process. */
    public boolean durable() {
      return this != STDOUT;
    }
  }

  /** Where each event is written: stdout, file, redis. */
  @WithDefault("stdout")
  Set<Kind> sinks();

  /** Whether nothing is handed out that no durable sink, file or redis, has recorded. */
  @WithDefault("false")
  boolean required();

  /** How long a grant waits to be recorded before it is refused. */
  @WithDefault("5s")
  Duration timeout();

  /** The key of the chain: base64 of at least 32 bytes. */
  Optional<String> key();

  /** A file that holds the key. */
  Optional<Path> keyFile();

  File file();

  Redis redis();

  /** The sink {@code file}. */
  interface File {
    /** The file that is written; of one process alone. */
    Optional<Path> path();

    /** How large it grows before the next one is begun. */
    @WithDefault("100M")
    MemorySize maxSize();

    /** How many full files are kept; 0 keeps all. */
    @WithDefault("0")
    int maxFiles();
  }

  /** The sink {@code redis}; the server is that of {@code quarkus.redis.*}. */
  interface Redis {
    /** The key of the stream. */
    @WithDefault("{livegate}:audit")
    String stream();

    /** About how many lines it keeps. */
    @WithDefault("1000000")
    long maxLength();
  }
}
