package io.livegate.audit;

import jakarta.inject.Singleton;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.security.SecureRandom;
import java.util.HexFormat;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * The name of this process among those of an installation: {@code livegate.replica}, or the host's
 * name with something random behind it.
 */
@Singleton
public final class Replica {

  private final String name;

  Replica(@ConfigProperty(name = "livegate.replica") Optional<String> configured) {
    name = configured.filter(given -> !given.isBlank()).orElseGet(() -> host() + "-" + random(3));
  }

  public String name() {
    return name;
  }

  /** So many random bytes, in hexadecimal. */
  static String random(int bytes) {
    var random = new byte[bytes];
    new SecureRandom().nextBytes(random);
    return HexFormat.of().formatHex(random);
  }

  private static String host() {
    String given = System.getenv("HOSTNAME");
    if (given != null && !given.isBlank()) {
      return given;
    }
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "livegate";
    }
  }
}
