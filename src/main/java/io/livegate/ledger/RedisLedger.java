package io.livegate.ledger;

import io.livegate.grant.Grant;
import io.livegate.grant.Limit;
import io.livegate.grant.Mode;
import io.livegate.ledger.LedgerScripts.Operation;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.redis.datasource.ReactiveRedisDataSource;
import io.smallrye.mutiny.Multi;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.subscription.BackPressureStrategy;
import io.smallrye.mutiny.subscription.Cancellable;
import io.smallrye.mutiny.subscription.MultiEmitter;
import io.vertx.mutiny.redis.client.Command;
import io.vertx.mutiny.redis.client.RedisConnection;
import io.vertx.mutiny.redis.client.Request;
import io.vertx.mutiny.redis.client.Response;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

/**
 * The ledger of all replicas that share a Redis (6.2 or later) or Valkey. Each operation is one
 * script there; the scripts lie beside this class, and {@code prelude.lua} tells what is kept.
 */
public final class RedisLedger implements Ledger {

  /** Who subscribes again may have missed signals, and hardly waits. */
  private static final Duration FIRST_PAUSE = Duration.ofMillis(100);

  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(1);

  /** How often a subscription asks for an answer; one without any is given up. */
  private static final Duration PING = Duration.ofSeconds(2);

  private final ReactiveRedisDataSource redis;
  private final String channel;
  private final LedgerScripts scripts;

  /**
   * @param prefix what the name of every key begins with; a hash tag, {@code {...}}, and more
   * @param offset added to the store's time; zero but in tests
   */
  public RedisLedger(
      ReactiveRedisDataSource redis,
      String prefix,
      Duration timeout,
      MeterRegistry metrics,
      Supplier<Duration> offset) {
    if (!prefix.matches("\\{[^{}]+}.*")) {
      throw new IllegalArgumentException(
          "livegate.ledger.redis.prefix must begin with a hash tag, such as {livegate}:");
    }
    this.redis = redis;
    this.channel = prefix + "signals";
    this.scripts = new LedgerScripts(redis, prefix, timeout, metrics, offset);
  }

  @Override
  public Uni<Answer> issue(Issue issue, Optional<TokenHash> token) {
    Grant grant = issue.grant();
    long reserve = grant.mode() == Mode.DIRECT ? grant.uses() * grant.limits().directReserve() : 0;
    return scripts
        .run(
            Operation.ISSUE,
            issue.grantId(),
            LedgerJson.issue(issue),
            LedgerJson.terms(grant),
            millis(issue.newSessionExpireTime()),
            token.map(TokenHash::hex).orElse(""),
            Long.toString(reserve))
        .map(answer -> answer(answer, Optional.of(issue)));
  }

  @Override
  public Uni<Void> accept(Issue issue, TokenHash token) {
    return scripts
        .run(
            Operation.ACCEPT,
            issue.grantId(),
            LedgerJson.issue(issue),
            LedgerJson.terms(issue.grant()),
            millis(issue.newSessionExpireTime()),
            token.hex())
        .replaceWithVoid();
  }

  @Override
  public Uni<Void> cancel(String grantId) {
    return scripts.run(Operation.CANCEL, grantId).replaceWithVoid();
  }

  @Override
  public Uni<Answer> redeem(TokenHash token, Lease lease) {
    return scripts
        .run(Operation.REDEEM, token.hex(), lease.sessionId(), lease.replica())
        .map(answer -> answer(answer, Optional.empty()));
  }

  @Override
  public Uni<Answer> open(Issue issue, Lease lease) {
    return scripts
        .run(
            Operation.OPEN,
            issue.grantId(),
            LedgerJson.issue(issue),
            LedgerJson.terms(issue.grant()),
            lease.sessionId(),
            lease.replica())
        .map(answer -> answer(answer, Optional.of(issue)));
  }

  /**
   * @param asked the issue that was asked about; the answer has none then
   */
  private static Answer answer(Response answer, Optional<Issue> asked) {
    String what = answer.get(0).toString();
    return switch (what) {
      case "admitted" -> {
        Issue issue = asked.orElseGet(() -> LedgerJson.issue(answer.get(1).toString()));
        yield new Answer.Admitted(issue, standings(issue.grant(), answer, 2));
      }
      case "limited" -> {
        Issue issue = asked.orElseGet(() -> LedgerJson.issue(answer.get(1).toString()));
        Limit limit = issue.grant().limits().limits().get(answer.get(2).toInteger());
        yield new Answer.Limited(issue, standing(limit, answer, 3));
      }
      case "blocked" -> new Answer.Blocked(instant(answer.get(1)));
      case "logged-out" -> new Answer.LoggedOut();
      case "unknown" -> new Answer.Unknown();
      case "expired" -> new Answer.Expired();
      case "spent" -> new Answer.Spent();
      default -> throw new IllegalStateException("no such answer: " + what);
    };
  }

  private static List<Standing> standings(Grant grant, Response answer, int from) {
    var standings = new ArrayList<Standing>();
    int at = from;
    for (Limit limit : grant.limits().limits()) {
      standings.add(standing(limit, answer, at));
      at += 2;
    }
    return standings;
  }

  private static Standing standing(Limit limit, Response answer, int at) {
    return new Standing(
        limit, answer.get(at).toLong(), Duration.ofMillis(answer.get(at + 1).toLong()));
  }

  @Override
  public Uni<Beat.Answer> beat(Beat beat) {
    var arguments = new ArrayList<String>();
    arguments.add(beat.replica());
    arguments.add(Long.toString(beat.cutOffsSeen()));
    arguments.add(UUID.randomUUID().toString());
    for (Beat.Pulse pulse : beat.pulses()) {
      arguments.add(pulse.sessionId());
      arguments.add(pulse.model());
      addUse(arguments, pulse.use());
    }
    return scripts
        .run(Operation.BEAT, arguments)
        .map(
            answer -> {
              var unknown = new HashSet<String>();
              answer.get(1).forEach(id -> unknown.add(id.toString()));
              var ends = new HashMap<String, Beat.End>();
              Response found = answer.get(2);
              for (int i = 0; i < found.size(); i += 3) {
                ends.put(
                    found.get(i).toString(),
                    end(found.get(i + 1).toString(), found.get(i + 2).toString()));
              }
              return new Beat.Answer(
                  answer.get(0).toString(),
                  unknown,
                  ends,
                  cutOffs(answer.get(3)),
                  answer.get(4).toLong());
            });
  }

  private static Beat.End end(String why, String limit) {
    return switch (why) {
      case "terminated" -> new Beat.End.Terminated();
      case "superseded" -> new Beat.End.Superseded();
      case "blocked" -> new Beat.End.Blocked();
      case "logged-out" -> new Beat.End.LoggedOut();
      case "limit" -> new Beat.End.LimitReached(limit);
      default -> throw new IllegalStateException("no such end: " + why);
    };
  }

  /** Kinds and keys, each followed by two times. */
  private static List<CutOff> cutOffs(Response found) {
    var cutOffs = new ArrayList<CutOff>();
    for (int i = 0; i < found.size(); i += 2) {
      String[] name = found.get(i).toString().split(" ", 2);
      String[] times = found.get(i + 1).toString().split(" ", 2);
      cutOffs.add(
          new CutOff(
              CutOff.Kind.valueOf(name[0]),
              name[1],
              Instant.ofEpochMilli(Long.parseLong(times[0])),
              Instant.ofEpochMilli(Long.parseLong(times[1]))));
    }
    return cutOffs;
  }

  @Override
  public Uni<Void> restore(List<Running> sessions, List<CutOff> cutOffs) {
    var arguments = new ArrayList<String>();
    arguments.add(Integer.toString(sessions.size()));
    for (Running session : sessions) {
      arguments.add(session.lease().sessionId());
      arguments.add(session.lease().replica());
      arguments.add(LedgerJson.issue(session.issue()));
      arguments.add(LedgerJson.terms(session.issue().grant()));
      arguments.add(session.issue().grantId());
      arguments.add(session.model());
      arguments.add(millis(session.startedAt()));
      addUse(arguments, session.use());
    }
    for (CutOff cutOff : cutOffs) {
      add(arguments, cutOff);
    }
    return scripts.run(Operation.RESTORE, arguments).replaceWithVoid();
  }

  private static void addUse(List<String> arguments, Use use) {
    arguments.add(Long.toString(use.total()));
    arguments.add(Long.toString(use.time().toMillis()));
    arguments.add(LedgerJson.use(use));
  }

  private static void add(List<String> arguments, CutOff cutOff) {
    arguments.add(cutOff.kind().name());
    arguments.add(cutOff.key());
    arguments.add(millis(cutOff.since()));
    arguments.add(millis(cutOff.until()));
  }

  @Override
  public Uni<Void> close(Closing closing) {
    var arguments = new ArrayList<String>();
    arguments.add(closing.sessionId());
    arguments.add(closing.model());
    addUse(arguments, closing.use());
    arguments.add(closing.giveBack() ? "1" : "0");
    arguments.add(closing.tokenLeft() ? "1" : "0");
    return scripts.run(Operation.CLOSE, arguments).replaceWithVoid();
  }

  @Override
  public Uni<List<Standing>> standings(Grant grant) {
    return scripts
        .run(Operation.STANDINGS, LedgerJson.terms(grant))
        .map(answer -> standings(grant, answer, 0));
  }

  @Override
  public Uni<Running.Page> sessions(
      Running.Filter filter, int pageSize, Optional<String> pageToken) {
    return Uni.createFrom()
        .deferred(
            () ->
                scripts.run(
                    Operation.SESSIONS,
                    Running.Page.after(pageToken),
                    Integer.toString(pageSize + 1),
                    argument(filter.subject()),
                    argument(filter.rule()),
                    argument(filter.model()),
                    argument(filter.replica())))
        .map(answer -> Running.Page.of(running(answer), pageSize));
  }

  /** Nothing, or the value after an equals sign. */
  private static String argument(Optional<String> filter) {
    return filter.map(value -> "=" + value).orElse("");
  }

  private static List<Running> running(Response rows) {
    var sessions = new ArrayList<Running>();
    for (Response row : rows) {
      sessions.add(
          new Running(
              new Lease(row.get(0).toString(), row.get(1).toString()),
              LedgerJson.issue(row.get(2).toString()),
              row.get(3).toString(),
              instant(row.get(4)),
              LedgerJson.use(row.get(5).toString())));
    }
    return sessions;
  }

  @Override
  public Uni<Optional<Running>> session(String id) {
    return scripts.run(Operation.SESSION, id).map(answer -> running(answer).stream().findFirst());
  }

  @Override
  public Uni<Integer> end(EndOf which) {
    // Java 17 cannot switch over types.
    var arguments =
        which instanceof EndOf.Session one
            ? List.of("session", one.id())
            : which instanceof EndOf.Superseded one
                ? List.of("superseded", one.id(), one.by())
                : which instanceof EndOf.Subject all
                    ? List.of("subject", all.subject())
                    : List.of("rule", ((EndOf.Rule) which).rule());
    return scripts.run(Operation.END, arguments).map(Response::toInteger);
  }

  @Override
  public Uni<Void> cutOff(CutOff cutOff) {
    var arguments = new ArrayList<String>();
    add(arguments, cutOff);
    return scripts.run(Operation.CUT_OFF, arguments).replaceWithVoid();
  }

  @Override
  public Uni<Boolean> unblock(String subject) {
    return scripts.run(Operation.UNBLOCK, subject).map(answer -> answer.toInteger() == 1);
  }

  @Override
  public Uni<Optional<Instant>> blockedUntil(String subject) {
    return scripts
        .run(Operation.BLOCKED_UNTIL, subject)
        .map(answer -> answer.size() == 0 ? Optional.empty() : Optional.of(instant(answer.get(0))));
  }

  @Override
  public Uni<List<UsageRow>> usage(UsageRow.Filter filter) {
    return scripts
        .run(
            Operation.USAGE,
            Long.toString(filter.from().toEpochDay()),
            Long.toString(filter.to().toEpochDay()),
            argument(filter.subject()),
            argument(filter.rule()),
            argument(filter.model()))
        .map(RedisLedger::usageRows);
  }

  @Override
  public Uni<List<Share>> shares() {
    return scripts
        .run(Operation.SHARES, Integer.toString(Share.MOST))
        .map(
            answer -> {
              var shares = new ArrayList<Share>();
              for (Response share : answer) {
                shares.add(
                    new Share(
                        Limit.Kind.valueOf(share.get(0).toString()),
                        share.get(1).toString(),
                        share.get(2).toLong()));
              }
              shares.sort(Share.ORDER);
              return shares;
            });
  }

  @Override
  public Uni<Map<String, String>> post(String replica, String notice) {
    return scripts
        .run(Operation.POST, replica, notice)
        .map(
            answer -> {
              var notices = new TreeMap<String, String>();
              for (int i = 0; i < answer.size(); i += 2) {
                notices.put(answer.get(i).toString(), answer.get(i + 1).toString());
              }
              return notices;
            });
  }

  private static List<UsageRow> usageRows(Response sums) {
    record Name(long day, String names) {}
    var rows = new HashMap<Name, Map<String, Long>>();
    for (Response sum : sums) {
      rows.computeIfAbsent(
              new Name(sum.get(0).toLong(), sum.get(1).toString()), none -> new HashMap<>())
          .put(sum.get(2).toString(), sum.get(3).toLong());
    }
    var list = new ArrayList<UsageRow>();
    rows.forEach(
        (name, row) -> {
          if (row.values().stream().anyMatch(sum -> sum != 0)) {
            var names = LedgerJson.names(name.names);
            list.add(
                new UsageRow(
                    LocalDate.ofEpochDay(name.day),
                    names.get(0),
                    names.get(1),
                    names.get(2),
                    row.getOrDefault("grants", 0L),
                    row.getOrDefault("sessions", 0L),
                    row.getOrDefault("tokens", 0L),
                    row.getOrDefault("estimated", 0L),
                    Duration.ofMillis(row.getOrDefault("millis", 0L))));
          }
        });
    list.sort(UsageRow.ORDER);
    return list;
  }

  /** A subscription ends with its connection, so that it is made again until there is one. */
  @Override
  public Multi<Integer> signals() {
    var number = new AtomicInteger();
    return Multi.createFrom()
        .<Integer>emitter(listener -> subscribe(listener, number), BackPressureStrategy.LATEST)
        .onFailure()
        .retry()
        .withBackOff(FIRST_PAUSE, LONGEST_PAUSE)
        .indefinitely();
  }

  /** Redis' answer to the subscription is the first event. */
  private void subscribe(MultiEmitter<? super Integer> listener, AtomicInteger number) {
    redis
        .getRedis()
        .connect()
        .subscribe()
        .with(connection -> listen(connection, listener, number), listener::fail);
  }

  private void listen(
      RedisConnection connection, MultiEmitter<? super Integer> listener, AtomicInteger number) {
    // Quarkus' own subscriber sets its handler after it has subscribed, and may miss the answer.
    connection.handler(event -> listener.emit(number.incrementAndGet()));
    connection.exceptionHandler(listener::fail);
    connection.endHandler(() -> listener.fail(new IOException("the subscription ended")));
    // An answer that passes for an event is only one signal too many.
    Cancellable pings =
        Multi.createFrom()
            .ticks()
            .startingAfter(PING)
            .every(PING)
            .onOverflow()
            .drop()
            .subscribe()
            .with(
                tick ->
                    connection
                        .send(Request.cmd(Command.PING))
                        .subscribe()
                        .with(pong -> {}, failure -> {}));
    listener.onTermination(
        () -> {
          pings.cancel();
          connection.handler(event -> {});
          connection.exceptionHandler(failure -> {});
          connection.endHandler(() -> {});
          connection.close().subscribe().with(done -> {}, failure -> {});
        });
    connection
        .send(Request.cmd(Command.SUBSCRIBE).arg(channel))
        .subscribe()
        .with(sent -> {}, listener::fail);
  }

  private static String millis(Instant time) {
    return Long.toString(time.toEpochMilli());
  }

  private static Instant instant(Response millis) {
    return Instant.ofEpochMilli(millis.toLong());
  }
}
