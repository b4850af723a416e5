package io.livegate.ledger;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.grant.Grant;
import io.livegate.grant.Limit;
import io.livegate.grant.Limit.Kind;
import io.livegate.grant.Mode;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The ledger of one process, which ends with it. Answers at once; what has expired is swept away
 * now and then.
 */
public final class MemoryLedger implements Ledger {

  private static final int MOST_TOKENS = 100_000;
  private static final Duration RETRY_AFTER = Duration.ofSeconds(30);
  private static final Duration LEASE = Duration.ofSeconds(LEASE_SECONDS);

  /** How long a session can still be charged after its lease ran out. */
  private static final Duration AFTERLIFE = Duration.ofHours(1);

  /** How long what was cancelled or closed is known as such, and what has no token can be. */
  private static final Duration MEMORY = Duration.ofMinutes(2);

  /** How long a session's handles are good, so that it may have an heir. */
  private static final Duration HANDLE_LIFE = Duration.ofHours(2);

  private static final Duration NOTICE = Duration.ofMinutes(1);
  private static final Duration SWEEP = Duration.ofSeconds(10);

  /** A grant that was counted, or at least accepted. */
  private static final class Counted {
    private final Issue issue;

    /** Where its reserve is booked, and its grant counted; absent if neither is. */
    private final @Nullable LocalDate day;

    private long reserve;
    private int used;
    private @Nullable TokenHash token;
    private Instant forget;

    Counted(Issue issue, @Nullable LocalDate day, Instant forget) {
      this.issue = issue;
      this.day = day;
      this.forget = forget;
    }
  }

  /** What a session was started with; given back if it could not start. */
  private record Start(LocalDate day, @Nullable Counted token, boolean released) {}

  private record Notice(String text, Instant until) {}

  private static final class Held {
    private final Issue issue;
    private final Instant startedAt;
    private final @Nullable Start start;
    private Lease lease;
    private String model;
    private Use use;
    private Instant until;
    private Optional<Beat.End> ended = Optional.empty();

    Held(Running session, @Nullable Start start, Instant until) {
      this.issue = session.issue();
      this.startedAt = session.startedAt();
      this.start = start;
      this.lease = session.lease();
      this.model = session.model();
      this.use = session.use();
      this.until = until;
    }

    List<Limit> limits() {
      return issue.grant().limits().limits();
    }

    Running running() {
      return new Running(lease, issue, model, startedAt, use);
    }
  }

  private record Heir(String id, Instant until) {}

  private final Clock clock;
  private final String epoch = UUID.randomUUID().toString();
  private final Map<String, Counted> grants = new HashMap<>();
  private final Map<TokenHash, Counted> tokens = new HashMap<>();
  private final TreeMap<String, Held> sessions = new TreeMap<>();

  /** Ids of grants and sessions that may no longer begin. */
  private final Map<String, Instant> over = new HashMap<>();

  /** Which session resumed the conversation of which. */
  private final Map<String, Heir> heirs = new HashMap<>();

  private final Counts counts = new Counts();
  private final CutOffs cutOffs = new CutOffs();
  private final Map<String, Notice> notices = new HashMap<>();
  private final UsageRows rows = new UsageRows();
  private final Signals signals = new Signals();
  private Instant swept = Instant.MIN;
  private boolean signal;

  public MemoryLedger(Clock clock) {
    this.clock = clock;
  }

  @Override
  public Uni<Answer> issue(Issue issue, Optional<TokenHash> token) {
    return once(now -> issue(issue, token, now));
  }

  private Answer issue(Issue issue, Optional<TokenHash> token, Instant now) {
    Grant grant = issue.grant();
    if (over.containsKey(issue.grantId())) {
      return new Answer.Unknown();
    }
    var refusal = cutOff(grant, now);
    if (refusal.isPresent()) {
      return refusal.get();
    }
    if (grants.containsKey(issue.grantId())) {
      return admitted(issue, now);
    }
    var limits = grant.limits().limits();
    long reserve = grant.mode() == Mode.DIRECT ? grant.uses() * grant.limits().directReserve() : 0;
    var limited = counts.refusal(limits, new Counts.Next(true, false, reserve), now);
    if (limited.isPresent()) {
      return new Answer.Limited(issue, limited.get());
    }
    LocalDate day = Counts.day(now);
    var counted = new Counted(issue, day, now.plus(MEMORY));
    token.ifPresent(hash -> accept(counted, hash));
    grants.put(issue.grantId(), counted);
    counts.addGrant(issue.grantId(), limits, now);
    rows.at(day, grant, grant.model()).grants++;
    reserve(counted, day, reserve);
    return admitted(issue, now);
  }

  private void reserve(Counted counted, LocalDate day, long tokens) {
    Grant grant = counted.issue.grant();
    counted.reserve += tokens;
    signal |= counts.book(grant.limits().limits(), Kind.USAGE_TOKENS_PER_DAY, day, tokens);
    rows.at(day, grant, grant.model()).estimatedTokens += tokens;
  }

  private Answer admitted(Issue issue, Instant now) {
    return new Answer.Admitted(issue, counts.standings(issue.grant().limits().limits(), now));
  }

  private void accept(Counted counted, TokenHash token) {
    if (tokens.size() >= MOST_TOKENS) {
      throw new GatewayException(ErrorCode.RELAY_FULL, "Too many tokens are outstanding.")
          .retryAfter(RETRY_AFTER);
    }
    counted.token = token;
    counted.forget = counted.issue.newSessionExpireTime().plus(MEMORY);
    tokens.put(token, counted);
  }

  @Override
  public Uni<Void> accept(Issue issue, TokenHash token) {
    return act(
        now -> {
          if (over.containsKey(issue.grantId()) || tokens.containsKey(token)) {
            return;
          }
          Counted last = grants.get(issue.grantId());
          var counted = new Counted(issue, last == null ? null : last.day, now);
          counted.reserve = last == null ? 0 : last.reserve;
          accept(counted, token);
          grants.put(issue.grantId(), counted);
        });
  }

  @Override
  public Uni<Void> cancel(String grantId) {
    return act(
        now -> {
          over.put(grantId, now.plus(MEMORY));
          Counted counted = grants.remove(grantId);
          if (counted == null) {
            return;
          }
          if (counted.token != null) {
            tokens.remove(counted.token);
          }
          if (counted.day != null) {
            uncount(counted.issue, counted.day);
            reserve(counted, counted.day, -counted.reserve);
          }
        });
  }

  private void uncount(Issue issue, LocalDate day) {
    Grant grant = issue.grant();
    counts.removeGrant(issue.grantId(), grant.limits().limits(), day);
    rows.at(day, grant, grant.model()).grants--;
  }

  @Override
  public Uni<Answer> redeem(TokenHash token, Lease lease) {
    return once(now -> redeem(token, lease, now));
  }

  private Answer redeem(TokenHash token, Lease lease, Instant now) {
    Counted counted = tokens.get(token);
    if (counted == null || over.containsKey(lease.sessionId())) {
      return new Answer.Unknown();
    }
    Issue issue = counted.issue;
    Grant grant = issue.grant();
    var refusal = cutOff(grant, now);
    if (refusal.isPresent()) {
      return refusal.get();
    }
    if (sessions.containsKey(lease.sessionId())) {
      return again(lease, now);
    }
    if (!now.isBefore(issue.newSessionExpireTime())) {
      return new Answer.Expired();
    }
    if (grant.uses() > 0 && counted.used >= grant.uses()) {
      return new Answer.Spent();
    }
    long reserve =
        counted.reserve > 0 && Counts.day(now).equals(counted.day)
            ? grant.limits().directReserve()
            : 0;
    var limited =
        counts.refusal(grant.limits().limits(), new Counts.Next(false, true, -reserve), now);
    if (limited.isPresent()) {
      return new Answer.Limited(issue, limited.get());
    }
    counted.used++;
    LocalDate day = Counts.day(now);
    reserve(counted, day, -reserve);
    start(issue, lease, new Start(day, counted, reserve > 0), now);
    return admitted(issue, now);
  }

  @Override
  public Uni<Answer> open(Issue issue, Lease lease) {
    return once(now -> open(issue, lease, now));
  }

  private Answer open(Issue issue, Lease lease, Instant now) {
    Grant grant = issue.grant();
    if (over.containsKey(lease.sessionId())) {
      return new Answer.Unknown();
    }
    var refusal = cutOff(grant, now);
    if (refusal.isPresent()) {
      return refusal.get();
    }
    if (sessions.containsKey(lease.sessionId())) {
      return again(lease, now);
    }
    var limits = grant.limits().limits();
    var limited = counts.refusal(limits, new Counts.Next(true, true, 0), now);
    if (limited.isPresent()) {
      return new Answer.Limited(issue, limited.get());
    }
    LocalDate day = Counts.day(now);
    counts.addGrant(issue.grantId(), limits, now);
    rows.at(day, grant, grant.model()).grants++;
    start(issue, lease, new Start(day, null, false), now);
    return admitted(issue, now);
  }

  private void start(Issue issue, Lease lease, Start start, Instant now) {
    Grant grant = issue.grant();
    var session = new Running(lease, issue, grant.model(), now, Use.NONE);
    hold(new Held(session, start, now), now);
    rows.at(start.day, grant, grant.model()).sessions++;
  }

  private void hold(Held held, Instant now) {
    held.until = now.plus(LEASE);
    sessions.put(held.lease.sessionId(), held);
    counts.takeSlot(held.lease.sessionId(), held.limits(), held.until);
  }

  /** The answer to a repeated question. */
  private Answer again(Lease lease, Instant now) {
    Held held = Objects.requireNonNull(sessions.get(lease.sessionId()));
    hold(held, now);
    return admitted(held.issue, now);
  }

  private Optional<Answer> cutOff(Grant grant, Instant now) {
    return cutOffs
        .block(grant.subject(), now)
        .<Answer>map(block -> new Answer.Blocked(block.until()))
        .or(
            () ->
                cutOffs.isLoggedOut(grant.login(), now)
                    ? Optional.of(new Answer.LoggedOut())
                    : Optional.empty());
  }

  @Override
  public Uni<Beat.Answer> beat(Beat beat) {
    return once(now -> beat(beat, now));
  }

  private Beat.Answer beat(Beat beat, Instant now) {
    var unknown = new HashSet<String>();
    var known = new ArrayList<Held>();
    for (Beat.Pulse pulse : beat.pulses()) {
      Held held = sessions.get(pulse.sessionId());
      if (held != null) {
        held.lease = new Lease(pulse.sessionId(), beat.replica());
        hold(held, now);
        charge(held, pulse.model(), pulse.use(), now);
        known.add(held);
      } else if (!over.containsKey(pulse.sessionId())) {
        unknown.add(pulse.sessionId());
      }
    }
    // After all is charged, since sessions share budgets.
    var ends = new HashMap<String, Beat.End>();
    for (Held held : known) {
      end(held, now).ifPresent(end -> ends.put(held.lease.sessionId(), end));
    }
    return new Beat.Answer(
        epoch, unknown, ends, cutOffs.since(beat.cutOffsSeen()), cutOffs.version());
  }

  private Optional<Beat.End> end(Held held, Instant now) {
    if (held.ended.isPresent()) {
      return held.ended;
    }
    Grant grant = held.issue.grant();
    if (cutOffs.block(grant.subject(), now).isPresent()) {
      return Optional.of(new Beat.End.Blocked());
    }
    if (cutOffs.isLoggedOut(grant.login(), now)) {
      return Optional.of(new Beat.End.LoggedOut());
    }
    return counts.reached(held.limits(), now).map(limit -> new Beat.End.LimitReached(limit.name()));
  }

  /** Charges what is new. Reports may come twice, or the later one first. */
  private void charge(Held held, String model, Use use, Instant now) {
    Grant grant = held.issue.grant();
    LocalDate day = Counts.day(now);
    long tokens = use.total() - held.use.total();
    long millis = use.time().toMillis() - held.use.time().toMillis();
    if (tokens < 0 || millis < 0) {
      return;
    }
    if (!model.equals(held.model)) {
      move(held, model);
    }
    signal |= counts.book(held.limits(), Kind.USAGE_TOKENS_PER_DAY, day, tokens);
    signal |= counts.book(held.limits(), Kind.SESSION_TIME_PER_DAY, day, millis);
    var row = rows.at(day, grant, model);
    row.tokens += tokens;
    row.millis += millis;
    held.use = use;
  }

  /** The model is not known before the session's setup, but it was counted by then. */
  private void move(Held held, String model) {
    if (held.start != null) {
      Grant grant = held.issue.grant();
      var from = rows.at(held.start.day, grant, held.model);
      var to = rows.at(held.start.day, grant, model);
      from.sessions--;
      to.sessions++;
      if (held.start.token == null) {
        from.grants--;
        to.grants++;
      }
    }
    held.model = model;
  }

  @Override
  public Uni<Void> restore(List<Running> running, List<CutOff> known) {
    return act(
        now -> {
          for (Running session : running) {
            String id = session.lease().sessionId();
            if (!sessions.containsKey(id) && !over.containsKey(id)) {
              hold(new Held(session, null, now), now);
            }
          }
          known.forEach(cutOffs::restore);
        });
  }

  @Override
  public Uni<Void> close(Closing closing) {
    return act(
        now -> {
          over.put(closing.sessionId(), now.plus(MEMORY));
          Held held = sessions.remove(closing.sessionId());
          if (held == null) {
            return;
          }
          charge(held, closing.model(), closing.use(), now);
          counts.freeSlot(closing.sessionId(), held.limits());
          if (held.start != null) {
            giveBack(held, held.start, closing);
          }
        });
  }

  private void giveBack(Held held, Start start, Closing closing) {
    Counted token = start.token;
    if (closing.giveBack()) {
      rows.at(start.day, held.issue.grant(), held.model).sessions--;
      if (token == null) {
        counts.removeGrant(held.issue.grantId(), held.limits(), start.day);
        rows.at(start.day, held.issue.grant(), held.model).grants--;
      } else {
        token.used--;
      }
    }
    boolean left = closing.giveBack() || closing.tokenLeft();
    if (left && token != null && start.released && grants.get(held.issue.grantId()) == token) {
      reserve(token, start.day, held.issue.grant().limits().directReserve());
    }
  }

  @Override
  public Uni<List<Standing>> standings(Grant grant) {
    return once(now -> counts.standings(grant.limits().limits(), now));
  }

  @Override
  public Uni<Running.Page> sessions(
      Running.Filter filter, int pageSize, Optional<String> pageToken) {
    return once(
        now -> {
          var found =
              sessions.tailMap(Running.Page.after(pageToken), false).values().stream()
                  .filter(held -> held.until.isAfter(now))
                  .map(Held::running)
                  .filter(filter::matches)
                  .limit(pageSize + 1L)
                  .toList();
          return Running.Page.of(found, pageSize);
        });
  }

  @Override
  public Uni<Optional<Running>> session(String id) {
    return once(
        now ->
            Optional.ofNullable(sessions.get(id))
                .filter(held -> held.until.isAfter(now))
                .map(Held::running));
  }

  @Override
  public Uni<Integer> end(EndOf which) {
    return once(
        now -> {
          int running = 0;
          Set<String> line =
              which instanceof EndOf.Superseded resumed ? lineOf(resumed, now) : Set.of();
          Beat.End why = line.isEmpty() ? new Beat.End.Terminated() : new Beat.End.Superseded();
          for (Held held : sessions.values()) {
            if (which.means(held.running()) || line.contains(held.lease.sessionId())) {
              held.ended = Optional.of(why);
              running += held.until.isAfter(now) ? 1 : 0;
              signal = true;
            }
          }
          return running;
        });
  }

  /** A session and those that resumed its conversation, all of which have a new heir now. */
  private Set<String> lineOf(EndOf.Superseded resumed, Instant now) {
    var line = new HashSet<String>();
    var heir = new Heir(resumed.by(), now.plus(HANDLE_LIFE));
    String one = resumed.id();
    while (one != null && !one.equals(heir.id)) {
      line.add(one);
      Heir before = heirs.put(one, heir);
      one = before == null ? null : before.id;
    }
    return line;
  }

  @Override
  public Uni<Void> cutOff(CutOff cutOff) {
    return act(
        now -> {
          cutOffs.put(cutOff);
          signal = true;
        });
  }

  @Override
  public Uni<Boolean> unblock(String subject) {
    return once(
        now -> {
          var block = cutOffs.block(subject, now);
          block.ifPresent(
              was -> {
                cutOffs.put(new CutOff(CutOff.Kind.BLOCK, subject, was.since(), now));
                signal = true;
              });
          return block.isPresent();
        });
  }

  @Override
  public Uni<Optional<Instant>> blockedUntil(String subject) {
    return once(now -> cutOffs.block(subject, now).map(CutOff::until));
  }

  @Override
  public Uni<List<UsageRow>> usage(UsageRow.Filter filter) {
    return once(now -> rows.rows(filter));
  }

  @Override
  public Uni<List<Share>> shares() {
    return once(counts::shares);
  }

  @Override
  public Uni<Map<String, String>> post(String replica, String notice) {
    return once(
        now -> {
          notices.values().removeIf(posted -> !posted.until.isAfter(now));
          notices.put(replica, new Notice(notice, now.plus(NOTICE)));
          var texts = new TreeMap<String, String>();
          notices.forEach((name, posted) -> texts.put(name, posted.text));
          return texts;
        });
  }

  @Override
  public Multi<Integer> signals() {
    return signals.signals();
  }

  private Uni<Void> act(Consumer<Instant> operation) {
    return once(now -> {
          operation.accept(now);
          return true;
        })
        .replaceWithVoid();
  }

  private <T> Uni<T> once(Function<Instant, T> operation) {
    return Uni.createFrom().item(() -> run(operation));
  }

  private <T> T run(Function<Instant, T> operation) {
    T answer;
    boolean tell;
    synchronized (this) {
      Instant now = clock.instant();
      if (!now.isBefore(swept.plus(SWEEP))) {
        sweep(now);
      }
      answer = operation.apply(now);
      tell = signal;
      signal = false;
    }
    if (tell) {
      signals.emit();
    }
    return answer;
  }

  private void sweep(Instant now) {
    swept = now;
    grants.values().removeIf(counted -> !counted.forget.isAfter(now));
    tokens.values().removeIf(counted -> !counted.forget.isAfter(now));
    sessions.values().removeIf(held -> held.until.plus(AFTERLIFE).isBefore(now));
    over.values().removeIf(until -> until.isBefore(now));
    heirs.values().removeIf(heir -> heir.until.isBefore(now));
    counts.sweep(now);
    cutOffs.sweep(now);
    rows.sweep(Counts.day(now));
  }
}
