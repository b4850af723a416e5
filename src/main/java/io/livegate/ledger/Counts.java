package io.livegate.ledger;

import io.livegate.grant.Limit;
import io.livegate.grant.Limit.Kind;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** What is counted under each limit, in this process's memory. Not thread-safe. */
final class Counts {

  /** What is to be counted next. */
  record Next(boolean grant, boolean session, long reserve) {}

  private static final Duration WINDOW = Duration.ofMinutes(1);

  private record Name(Kind kind, String key, boolean shared) {
    static Name of(Limit limit) {
      return new Name(limit.kind(), limit.key(), limit.shared());
    }
  }

  private record Daily(Name name, LocalDate day) {}

  /** Grants by id and moment, oldest first. */
  private final Map<Name, LinkedHashMap<String, Instant>> windows = new HashMap<>();

  /** Sessions by id and the end of their leases, the earliest first. */
  private final Map<Name, LinkedHashMap<String, Instant>> slots = new HashMap<>();

  /** Grants, Gemini tokens, or milliseconds. */
  private final Map<Daily, Long> days = new HashMap<>();

  static LocalDate day(Instant now) {
    return LocalDate.ofInstant(now, ZoneOffset.UTC);
  }

  /**
   * How the first limit stands that does not hold for what comes next. Budgets refuse whatever
   * comes once they are reached.
   */
  Optional<Standing> refusal(List<Limit> limits, Next next, Instant now) {
    for (Limit limit : limits) {
      long used = used(limit, now);
      boolean holds =
          switch (limit.kind()) {
            case GRANTS_PER_MINUTE, GRANTS_PER_DAY -> !next.grant || used < limit.max();
            case CONCURRENT_SESSIONS -> !next.session || used < limit.max();
            case USAGE_TOKENS_PER_DAY ->
                used + Math.min(0, next.reserve) < limit.max()
                    && used + next.reserve <= limit.max();
            case SESSION_TIME_PER_DAY -> used < limit.max();
          };
      if (!holds) {
        return Optional.of(standing(limit, now));
      }
    }
    return Optional.empty();
  }

  /** The first budget that is reached. */
  Optional<Limit> reached(List<Limit> limits, Instant now) {
    return limits.stream()
        .filter(
            limit ->
                switch (limit.kind()) {
                  case USAGE_TOKENS_PER_DAY, SESSION_TIME_PER_DAY ->
                      used(limit, now) >= limit.max();
                  case GRANTS_PER_MINUTE, GRANTS_PER_DAY, CONCURRENT_SESSIONS -> false;
                })
        .findFirst();
  }

  List<Standing> standings(List<Limit> limits, Instant now) {
    return limits.stream().map(limit -> standing(limit, now)).toList();
  }

  private Standing standing(Limit limit, Instant now) {
    long used = used(limit, now);
    Duration reset =
        switch (limit.kind()) {
          case GRANTS_PER_MINUTE ->
              window(Name.of(limit), now).values().stream()
                  .findFirst()
                  .map(oldest -> Duration.between(now, oldest.plus(WINDOW)))
                  .orElse(Duration.ZERO);
          case CONCURRENT_SESSIONS ->
              used == 0 ? Duration.ZERO : Duration.ofSeconds(Ledger.LEASE_SECONDS);
          case GRANTS_PER_DAY, USAGE_TOKENS_PER_DAY, SESSION_TIME_PER_DAY ->
              Duration.between(now, day(now).plusDays(1).atStartOfDay(ZoneOffset.UTC).toInstant());
        };
    return new Standing(limit, used, reset);
  }

  private long used(Limit limit, Instant now) {
    Name name = Name.of(limit);
    return switch (limit.kind()) {
      case GRANTS_PER_MINUTE -> window(name, now).size();
      case CONCURRENT_SESSIONS -> running(name, now).size();
      case GRANTS_PER_DAY, USAGE_TOKENS_PER_DAY, SESSION_TIME_PER_DAY ->
          inUnits(limit.kind(), booked(name, day(now)));
    };
  }

  private long booked(Name name, LocalDate day) {
    return days.getOrDefault(new Daily(name, day), 0L);
  }

  private Map<String, Instant> window(Name name, Instant now) {
    var window = windows.getOrDefault(name, new LinkedHashMap<>());
    dropUntil(window, now.minus(WINDOW));
    return window;
  }

  private Map<String, Instant> running(Name name, Instant now) {
    var running = slots.getOrDefault(name, new LinkedHashMap<>());
    dropUntil(running, now);
    return running;
  }

  private static void dropUntil(Map<String, Instant> inOrder, Instant end) {
    var entries = inOrder.values().iterator();
    while (entries.hasNext() && !entries.next().isAfter(end)) {
      entries.remove();
    }
  }

  void addGrant(String grantId, List<Limit> limits, Instant now) {
    for (Limit limit : limits) {
      if (limit.kind() == Kind.GRANTS_PER_MINUTE) {
        windows.computeIfAbsent(Name.of(limit), none -> new LinkedHashMap<>()).put(grantId, now);
      }
    }
    book(limits, Kind.GRANTS_PER_DAY, day(now), 1);
  }

  /** Undoes a grant that was counted on that day. */
  void removeGrant(String grantId, List<Limit> limits, LocalDate day) {
    for (Limit limit : limits) {
      var window = windows.get(Name.of(limit));
      if (window != null) {
        window.remove(grantId);
      }
    }
    book(limits, Kind.GRANTS_PER_DAY, day, -1);
  }

  void takeSlot(String sessionId, List<Limit> limits, Instant until) {
    for (Limit limit : limits) {
      if (limit.kind() == Kind.CONCURRENT_SESSIONS) {
        var held = slots.computeIfAbsent(Name.of(limit), none -> new LinkedHashMap<>());
        held.remove(sessionId); // so that it moves to the end
        held.put(sessionId, until);
      }
    }
  }

  void freeSlot(String sessionId, List<Limit> limits) {
    for (Limit limit : limits) {
      var held = slots.get(Name.of(limit));
      if (held != null) {
        held.remove(sessionId);
      }
    }
  }

  /**
   * Adds to a day's counts under the limits of that kind; to each once, though two limits share it.
   *
   * @return whether a limit is reached that was not before
   */
  boolean book(List<Limit> limits, Kind kind, LocalDate day, long amount) {
    boolean reached = false;
    var names = new HashSet<Name>();
    long unit = kind == Kind.SESSION_TIME_PER_DAY ? 1000 : 1;
    for (Limit limit : limits) {
      if (limit.kind() == kind) {
        Name name = Name.of(limit);
        if (names.add(name)) {
          days.merge(new Daily(name, day), amount, Long::sum);
        }
        long after = booked(name, day);
        long max = limit.max() * unit;
        reached |= after - amount < max && after >= max;
      }
    }
    return reached;
  }

  List<Share> shares(Instant now) {
    LocalDate today = day(now);
    var largest = new ArrayList<Share>();
    for (Kind kind : Kind.values()) {
      days.entrySet().stream()
          .filter(count -> count.getKey().day.equals(today))
          .filter(count -> count.getKey().name.shared && count.getKey().name.kind == kind)
          .map(count -> new Share(kind, count.getKey().name.key, inUnits(kind, count.getValue())))
          .filter(share -> share.used() > 0)
          .sorted(Share.ORDER)
          .limit(Share.MOST)
          .forEach(largest::add);
    }
    return largest;
  }

  private static long inUnits(Kind kind, long booked) {
    return kind == Kind.SESSION_TIME_PER_DAY ? booked / 1000 : booked;
  }

  /** Forgets what no longer counts. */
  void sweep(Instant now) {
    windows.keySet().removeIf(name -> window(name, now).isEmpty());
    slots.keySet().removeIf(name -> running(name, now).isEmpty());
    LocalDate yesterday = day(now).minusDays(1);
    days.keySet().removeIf(daily -> daily.day.isBefore(yesterday));
  }
}
