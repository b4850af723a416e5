package io.livegate.issue;

import io.livegate.grant.Limit;
import io.livegate.ledger.Standing;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Limits as HTTP fields: {@code RateLimit-Policy} and {@code RateLimit}
 * (draft-ietf-httpapi-ratelimit-headers-10), which clients and proxies can act on.
 */
public final class RateLimits {

  private RateLimits() {}

  /** The fields, by name; none where there is no limit. */
  public static Map<String, String> fields(List<Standing> standings) {
    var policies = new ArrayList<String>();
    var limits = new ArrayList<String>();
    for (Standing standing : standings) {
      Limit limit = standing.limit();
      String name = quoted(limit.name());
      policies.add(name + ";q=" + limit.max() + window(limit.kind()));
      // Rounded up, so that who waits that long does not come too early.
      long reset = standing.reset().plusMillis(999).toSeconds();
      limits.add(name + ";r=" + standing.remaining() + ";t=" + reset);
    }
    var fields = new LinkedHashMap<String, String>();
    if (!policies.isEmpty()) {
      fields.put("RateLimit-Policy", String.join(", ", policies));
      fields.put("RateLimit", String.join(", ", limits));
    }
    return fields;
  }

  private static String window(Limit.Kind kind) {
    return switch (kind) {
      case GRANTS_PER_MINUTE -> ";w=60";
      case GRANTS_PER_DAY -> ";w=86400";
      // The registry of units has none for these, and without one they would be requests.
      case USAGE_TOKENS_PER_DAY -> ";qu=\"tokens\";w=86400";
      case SESSION_TIME_PER_DAY -> ";qu=\"seconds\";w=86400";
      case CONCURRENT_SESSIONS -> ";qu=\"concurrent-requests\"";
    };
  }

  /** A string of structured fields (RFC 9651): printable ASCII. */
  private static String quoted(String name) {
    return "\"" + name.replaceAll("[^ -~]", "?").replaceAll("([\"\\\\])", "\\\\$1") + "\"";
  }
}
