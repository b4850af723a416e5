package io.livegate.ledger;

import io.livegate.grant.Login;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Who is cut off, in this process's memory, in the order in which it was said. Not thread-safe. */
final class CutOffs {

  /** How long a lifted one is told of. */
  private static final Duration AFTERLIFE = Duration.ofDays(1);

  private record Name(CutOff.Kind kind, String key) {}

  private final Map<Name, Long> versions = new HashMap<>();
  private final TreeMap<Long, CutOff> byVersion = new TreeMap<>();
  private long version;

  /** A block replaces the subject's last; logouts only ever reach further. */
  void put(CutOff cutOff) {
    var merged =
        find(cutOff.kind(), cutOff.key())
            .filter(last -> cutOff.kind() != CutOff.Kind.BLOCK)
            .map(
                last ->
                    new CutOff(
                        cutOff.kind(),
                        cutOff.key(),
                        later(last.since(), cutOff.since()),
                        later(last.until(), cutOff.until())))
            .orElse(cutOff);
    Long last = versions.put(new Name(cutOff.kind(), cutOff.key()), ++version);
    if (last != null) {
      byVersion.remove(last);
    }
    byVersion.put(version, merged);
  }

  /** Puts it where nothing newer stands. */
  void restore(CutOff cutOff) {
    if (cutOff.kind() != CutOff.Kind.BLOCK || find(cutOff.kind(), cutOff.key()).isEmpty()) {
      put(cutOff);
    }
  }

  private static Instant later(Instant one, Instant other) {
    return one.isAfter(other) ? one : other;
  }

  private Optional<CutOff> find(CutOff.Kind kind, String key) {
    return Optional.ofNullable(versions.get(new Name(kind, key))).map(byVersion::get);
  }

  private Optional<CutOff> inForce(CutOff.Kind kind, String key, Instant now) {
    return find(kind, key).filter(cutOff -> cutOff.until().isAfter(now));
  }

  Optional<CutOff> block(String subject, Instant now) {
    return inForce(CutOff.Kind.BLOCK, subject, now);
  }

  boolean isLoggedOut(Login login, Instant now) {
    return login
            .sid()
            .flatMap(sid -> inForce(CutOff.Kind.LOGOUT_SID, login.tenant() + ":" + sid, now))
            .isPresent()
        || inForce(CutOff.Kind.LOGOUT_SUB, login.tenant() + ":" + login.sub(), now)
            .filter(cutOff -> login.issuedAt().isBefore(cutOff.since()))
            .isPresent();
  }

  List<CutOff> since(long seen) {
    return List.copyOf(byVersion.tailMap(seen > version ? 0 : seen, false).values());
  }

  long version() {
    return version;
  }

  void sweep(Instant now) {
    byVersion.values().removeIf(cutOff -> cutOff.until().plus(AFTERLIFE).isBefore(now));
    versions.values().removeIf(number -> !byVersion.containsKey(number));
  }
}
