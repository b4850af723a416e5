package io.livegate.audit;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A line as it is read back: by the process that continues a file, and to verify one. */
final class AuditLine {

  /** The first line of a run. */
  static final String STARTED = "audit.started";

  /** The first line of a file within a run. */
  static final String CONTINUED = "audit.continued";

  /** The last line of a run that ended as it should. */
  static final String STOPPED = "audit.stopped";

  /** Stands for events that found no room on their way to this sink. */
  static final String LOST = "audit.lost";

  private static final ObjectMapper JSON =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);
  private static final Pattern MAC = Pattern.compile(",\"mac\":\"([0-9a-f]{64})\"\\}$");

  private final byte[] bytes;
  private final JsonNode fields;
  private final String mac;

  private AuditLine(byte[] bytes, JsonNode fields, String mac) {
    this.bytes = bytes;
    this.fields = fields;
    this.mac = mac;
  }

  /** Reads a line without its line feed; empty when it is none of the audit's. */
  static Optional<AuditLine> parse(byte[] bytes) {
    JsonNode fields;
    try {
      fields = JSON.readTree(bytes);
    } catch (JsonProcessingException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw new IllegalStateException("no file is read here", e);
    }
    if (fields == null
        || !fields.path("run").isTextual()
        || !fields.path("sequence").isIntegralNumber()) {
      return Optional.empty();
    }
    // One character for each byte, so that its place is its offset.
    Matcher mac = MAC.matcher(new String(bytes, StandardCharsets.ISO_8859_1));
    return Optional.of(new AuditLine(bytes, fields, mac.find() ? mac.group(1) : ""));
  }

  String time() {
    return text("time");
  }

  String event() {
    return text("event");
  }

  String replica() {
    return text("replica");
  }

  String run() {
    return text("run");
  }

  long sequence() {
    return fields.path("sequence").asLong();
  }

  /** Empty where it was written without a key. */
  String mac() {
    return mac;
  }

  Chain.Tip tip() {
    return new Chain.Tip(run(), sequence(), mac);
  }

  /** Whether it says itself what it continues. */
  boolean opens() {
    return event().equals(STARTED) || event().equals(CONTINUED);
  }

  /** Where it continues a chain; of a line that {@link #opens}. */
  Optional<Chain.Tip> previous() {
    JsonNode run = fields.path("previousRun");
    return run.isTextual()
        ? Optional.of(
            new Chain.Tip(
                run.asText(), fields.path("previousSequence").asLong(), text("previousMac")))
        : Optional.empty();
  }

  /** What a crash left before it; of a line that {@link #opens}. */
  Optional<Torn> torn() {
    return fields.has("tornBytes")
        ? Optional.of(new Torn(fields.path("tornBytes").asLong(), text("tornSha256")))
        : Optional.empty();
  }

  /** How many events it stands for; of {@link #LOST}. */
  long count() {
    return fields.path("count").asLong();
  }

  /** Whether the key proves that it follows the line with that mac, and is as it was written. */
  boolean follows(String previous, AuditKey key) {
    if (mac.isEmpty()) {
      return false;
    }
    int sealed = ",\"mac\":\"\"}".length() + mac.length();
    byte[] unsealed = Arrays.copyOf(bytes, bytes.length - sealed + 1);
    unsealed[unsealed.length - 1] = '}';
    return key.mac(previous, unsealed).equals(mac);
  }

  private String text(String field) {
    return fields.path(field).asText();
  }

  /**
   * What is no line: bytes at the end of a file that a crash cut off.
   *
   * @param bytes how many, with the line feed that closes them off
   */
  record Torn(long bytes, String sha256) {

    /** Some bytes, as they are once a line feed closes them off. */
    static Torn of(byte[] bytes) {
      try {
        var digest = MessageDigest.getInstance("SHA-256");
        digest.update(bytes);
        boolean closed = bytes.length > 0 && bytes[bytes.length - 1] == '\n';
        if (!closed) {
          digest.update((byte) '\n');
        }
        return new Torn(
            closed ? bytes.length : bytes.length + 1L, HexFormat.of().formatHex(digest.digest()));
      } catch (NoSuchAlgorithmException e) {
        throw new IllegalStateException("every JDK has SHA-256", e);
      }
    }
  }
}
