package io.livegate.audit;

import java.nio.charset.StandardCharsets;
import java.util.Optional;

/**
 * The lines of one run of a process at one sink: numbered from 1 without gaps and, with a key, each
 * bound to all before it.
 *
 * <p>A line is an event's JSON with four fields behind it: {@code replica}, {@code run}, {@code
 * sequence} and {@code mac}. The last is the HMAC-SHA256, in hexadecimal, of the previous line's
 * mac (as it stands there) and this line's bytes as they would be without the mac.
 */
final class Chain {

  /**
   * The end of a chain.
   *
   * @param mac empty without a key
   */
  record Tip(String run, long sequence, String mac) {}

  private final Optional<AuditKey> key;
  private final String envelope;
  private Tip tip;

  /**
   * A chain without lines.
   *
   * @param replica as JSON
   */
  Chain(String replica, String run, Optional<AuditKey> key) {
    this.key = key;
    this.envelope = ",\"replica\":" + replica + ",\"run\":\"" + run + "\",\"sequence\":";
    this.tip = new Tip(run, 0, "");
  }

  Tip tip() {
    return tip;
  }

  /** Goes back to where it was, or to where it turned out to be. */
  void tip(Tip to) {
    tip = to;
  }

  /** Before its first line: continues what an earlier process left. */
  void continues(String mac) {
    tip = new Tip(tip.run(), tip.sequence(), mac);
  }

  /** The next line, without a line feed. */
  String add(String event) {
    long sequence = tip.sequence() + 1;
    String open = event.substring(0, event.length() - 1) + envelope + sequence;
    String mac =
        key.map(k -> k.mac(tip.mac(), (open + "}").getBytes(StandardCharsets.UTF_8))).orElse("");
    tip = new Tip(tip.run(), sequence, mac);
    return mac.isEmpty() ? open + "}" : open + ",\"mac\":\"" + mac + "\"}";
  }
}
