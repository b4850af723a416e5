package io.livegate.ledger;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Await;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.grant.Grant;
import io.livegate.grant.Limit;
import io.livegate.grant.Limit.Kind;
import io.livegate.grant.Limits;
import io.livegate.grant.Login;
import io.livegate.grant.Mode;
import io.livegate.grant.SetupPath;
import io.livegate.ledger.Beat.End;
import io.livegate.ledger.Beat.Pulse;
import io.smallrye.mutiny.Uni;
import io.smallrye.mutiny.infrastructure.Infrastructure;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What every ledger does. Each test begins at noon, UTC, with an empty one. */
abstract class LedgerContract {

  static final Instant NOON = Instant.parse("2026-11-22T12:00:00Z");
  static final LocalDate TODAY = LocalDate.ofInstant(NOON, ZoneOffset.UTC);
  static final String MODEL = "models/gemini-3.8-live";
  static final Duration TO_MIDNIGHT = Duration.ofHours(12);

  private final AtomicInteger names = new AtomicInteger();

  abstract Ledger ledger();

  /** The same ledger, as another replica sees it. */
  abstract Ledger elsewhere();

  /** What the store takes for the time. */
  abstract Instant now();

  abstract void advance(Duration by);

  // --- Helpers -----------------------------------------------------------------------------------

  static <T> T get(Uni<T> uni) {
    return uni.await().atMost(Duration.ofSeconds(20));
  }

  static Limit limit(Kind kind, long max) {
    return limit(kind, "subject", max);
  }

  static Limit limit(Kind kind, String per, long max) {
    return new Limit(kind, per, "staff/" + per + "/main:ada", max);
  }

  static Grant grant(Mode mode, int uses, long reserve, Limit... limits) {
    return grant("ada", mode, uses, reserve, limits);
  }

  static Grant grant(String user, Mode mode, int uses, long reserve, Limit... limits) {
    return new Grant(
        "main:" + user,
        "staff",
        MODEL,
        mode,
        uses,
        Duration.ofMinutes(30),
        Duration.ofMinutes(1),
        Map.of(
            "generationConfig",
            Map.of("temperature", 0.5, "maxOutputTokens", 100L),
            "systemInstruction",
            Map.of("parts", List.of(Map.of("text", "Grüß \"Ada\""))),
            "tools",
            List.of()),
        List.of(SetupPath.of("tools"), SetupPath.of("generationConfig.temperature")),
        Optional.of("handle"),
        new Limits(List.of(limits), Optional.of(Duration.ofMinutes(30)), Optional.empty(), reserve),
        new Login("main", user, Optional.of("sid-" + user), NOON.minusSeconds(600)));
  }

  static Grant relayed(Limit... limits) {
    return grant(Mode.RELAY, 1, 0, limits);
  }

  Issue issueOf(Grant grant) {
    Instant now = now().truncatedTo(ChronoUnit.SECONDS);
    return new Issue(
        "grant-" + names.incrementAndGet(),
        grant,
        List.of(MODEL, "models/other"),
        now.plus(grant.expiresIn()),
        now.plus(grant.startWithin()));
  }

  TokenHash token() {
    return TokenHash.of("token-" + names.incrementAndGet());
  }

  Lease lease() {
    return new Lease("session-" + names.incrementAndGet(), "replica-1");
  }

  Answer issue(Grant grant) {
    return get(ledger().issue(issueOf(grant), Optional.empty()));
  }

  /** Issues a token that is admitted. */
  TokenHash issued(Grant grant) {
    TokenHash token = token();
    admitted(get(ledger().issue(issueOf(grant), Optional.of(token))));
    return token;
  }

  Answer redeem(TokenHash token) {
    return get(ledger().redeem(token, lease()));
  }

  /** Opens a session that is admitted. */
  Lease opened(Grant grant) {
    Lease lease = lease();
    admitted(get(ledger().open(issueOf(grant), lease)));
    return lease;
  }

  static Use use(long tokens, Duration time) {
    return new Use(Map.of("out", Map.of("AUDIO", tokens)), tokens, time, 1, 1);
  }

  static Pulse pulse(Lease lease, long tokens) {
    return new Pulse(lease.sessionId(), MODEL, use(tokens, Duration.ofSeconds(tokens)));
  }

  Beat.Answer beat(Pulse... pulses) {
    return get(ledger().beat(new Beat("replica-1", 0, List.of(pulses))));
  }

  Map<String, End> ends(Lease lease) {
    return beat(new Pulse(lease.sessionId(), MODEL, Use.NONE)).ends();
  }

  void close(Lease lease, long tokens) {
    get(ledger().close(closing(lease, tokens, false)));
  }

  static Closing closing(Lease lease, long tokens, boolean giveBack) {
    return new Closing(
        lease.sessionId(), MODEL, use(tokens, Duration.ofSeconds(tokens)), giveBack, false);
  }

  static Answer.Admitted admitted(Answer answer) {
    return assertInstanceOf(Answer.Admitted.class, answer);
  }

  static Standing limited(Answer answer) {
    return assertInstanceOf(Answer.Limited.class, answer).standing();
  }

  /** What is counted under the grant's first limit. */
  long used(Grant grant) {
    return get(ledger().standings(grant)).get(0).used();
  }

  List<UsageRow> usage() {
    return get(
        ledger()
            .usage(
                new UsageRow.Filter(
                    TODAY.minusDays(31),
                    TODAY.plusDays(31),
                    Optional.empty(),
                    Optional.empty(),
                    Optional.empty())));
  }

  // --- Limits ------------------------------------------------------------------------------------

  @Test
  void aMinuteIsASlidingWindow() {
    Grant grant = relayed(limit(Kind.GRANTS_PER_MINUTE, 2));
    admitted(issue(grant));
    advance(Duration.ofSeconds(30));
    admitted(issue(grant));
    Standing standing = limited(issue(grant));
    assertEquals(2, standing.used());
    assertEquals(0, standing.remaining());
    assertTrue(standing.reset().compareTo(Duration.ofSeconds(30)) <= 0, standing::toString);
    assertTrue(standing.reset().compareTo(Duration.ofSeconds(15)) > 0, standing::toString);

    advance(Duration.ofSeconds(30));
    admitted(issue(grant));
    limited(issue(grant));
  }

  @Test
  void aTokenIsGoodForItsUsesAndNoMore() {
    TokenHash token = issued(grant(Mode.RELAY, 2, 0));
    admitted(redeem(token));
    admitted(redeem(token));
    assertInstanceOf(Answer.Spent.class, redeem(token));
  }

  @Test
  void aDayEndsAtMidnightUtc() {
    Grant grant = relayed(limit(Kind.GRANTS_PER_DAY, 1));
    admitted(issue(grant));
    Standing standing = limited(issue(grant));
    assertTrue(standing.reset().compareTo(TO_MIDNIGHT) <= 0, standing::toString);
    assertTrue(standing.reset().compareTo(TO_MIDNIGHT.minusSeconds(15)) > 0, standing::toString);

    advance(TO_MIDNIGHT);
    admitted(issue(grant));
  }

  @Test
  void aSessionHoldsItsSlotUntilItIsClosed() {
    Grant grant = relayed(limit(Kind.CONCURRENT_SESSIONS, 1));
    Lease first = opened(grant);
    TokenHash token = issued(grant);
    assertEquals(1, limited(redeem(token)).used());
    limited(get(ledger().open(issueOf(grant), lease())));

    close(first, 0);
    admitted(redeem(token));
    limited(redeem(issued(grant)));
  }

  @Test
  void nothingIsCountedIfOneLimitRefuses() {
    Limit minute = limit(Kind.GRANTS_PER_MINUTE, 5);
    Limit sessions = limit(Kind.CONCURRENT_SESSIONS, 1);
    opened(relayed(sessions));
    Grant both = relayed(minute, sessions);
    assertEquals(
        "subject.concurrent-sessions",
        limited(get(ledger().open(issueOf(both), lease()))).limit().name());
    assertEquals(0, used(both));
  }

  @Test
  void theFirstLimitThatDoesNotHoldIsNamed() {
    Grant grant =
        relayed(
            limit(Kind.GRANTS_PER_MINUTE, 9),
            limit(Kind.GRANTS_PER_DAY, "rule", 1),
            limit(Kind.GRANTS_PER_MINUTE, "rule", 1));
    admitted(issue(grant));
    Standing standing = limited(issue(grant));
    assertEquals("rule.grants-per-day", standing.limit().name());
    assertEquals(grant.limits().limits().get(1), standing.limit());
    assertEquals(
        List.of(1L, 1L, 1L), get(ledger().standings(grant)).stream().map(Standing::used).toList());
  }

  @Test
  void grantsWithLimitsOfOneKeyShareACount() {
    Grant narrow = relayed(limit(Kind.GRANTS_PER_DAY, 1));
    Grant wide = relayed(limit(Kind.GRANTS_PER_DAY, 2), limit(Kind.GRANTS_PER_DAY, 3));
    admitted(issue(narrow));
    limited(issue(narrow));
    admitted(issue(wide));
    assertEquals(2, limited(issue(wide)).used());
  }

  @Test
  void limitsOfOtherKeysAreNotTouched() {
    admitted(issue(relayed(limit(Kind.GRANTS_PER_DAY, 1))));
    admitted(issue(relayed(limit(Kind.GRANTS_PER_DAY, "claims.team", 1))));
  }

  @Test
  void manyAtOnceNeverExceedALimit() {
    Grant grant = relayed(limit(Kind.GRANTS_PER_MINUTE, 50), limit(Kind.CONCURRENT_SESSIONS, 30));
    var requests =
        IntStream.range(0, 200)
            .<Uni<Answer>>mapToObj(
                i ->
                    i % 2 == 0
                        ? ledger().open(issueOf(grant), lease())
                        : elsewhere().open(issueOf(grant), lease()))
            .map(uni -> uni.runSubscriptionOn(Infrastructure.getDefaultExecutor()))
            .toList();
    var answers = get(Uni.join().all(requests).andFailFast());
    assertEquals(30, answers.stream().filter(Answer.Admitted.class::isInstance).count());
    assertEquals(170, answers.stream().filter(Answer.Limited.class::isInstance).count());
    assertEquals(30, used(grant));
  }

  @Test
  void theReserveOfADirectTokenMustFit() {
    Grant grant = grant(Mode.DIRECT, 2, 30, limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    admitted(issue(grant));
    assertEquals(60, limited(issue(grant)).used());
    admitted(issue(grant(Mode.DIRECT, 1, 40, limit(Kind.USAGE_TOKENS_PER_DAY, 100))));
    assertEquals(100, used(grant));
  }

  @Test
  void aRelayedGrantBooksNoReserve() {
    Grant grant = grant(Mode.RELAY, 2, 30, limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    admitted(issue(grant));
    assertEquals(0, used(grant));
  }

  @Test
  void aReachedBudgetRefusesWhateverComes() {
    for (Kind kind : List.of(Kind.USAGE_TOKENS_PER_DAY, Kind.SESSION_TIME_PER_DAY)) {
      Grant grant = relayed(limit(kind, 100));
      TokenHash token = issued(grant);
      Lease running = opened(grant);
      beat(pulse(running, 99));
      admitted(issue(grant));
      beat(pulse(running, 100));
      assertEquals(kind, limited(issue(grant)).limit().kind());
      assertEquals(kind, limited(redeem(token)).limit().kind());
      assertEquals(kind, limited(get(ledger().open(issueOf(grant), lease()))).limit().kind());

      close(running, 100);
      assertEquals(100, used(grant));
    }
    advance(TO_MIDNIGHT);
    admitted(issue(relayed(limit(Kind.USAGE_TOKENS_PER_DAY, 100))));
  }

  @Test
  void sessionTimeIsCountedInSeconds() {
    Grant grant = relayed(limit(Kind.SESSION_TIME_PER_DAY, 100));
    Lease running = opened(grant);
    beat(new Pulse(running.sessionId(), MODEL, use(0, Duration.ofMillis(1_900))));
    assertEquals(1, used(grant));
    beat(new Pulse(running.sessionId(), MODEL, use(0, Duration.ofMillis(99_999))));
    assertEquals(99, used(grant));
    admitted(issue(grant));
    beat(new Pulse(running.sessionId(), MODEL, use(0, Duration.ofSeconds(100))));
    limited(issue(grant));
  }

  @Test
  void aDirectTokenAtTheRelayIsMeasuredInsteadOfEstimated() {
    Grant grant = grant(Mode.DIRECT, 2, 50, limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    TokenHash token = token();
    Issue issue = issueOf(grant);
    admitted(get(ledger().issue(issue, Optional.empty())));
    get(ledger().accept(issue, token));
    assertEquals(100, used(grant));

    Lease lease = lease();
    admitted(get(ledger().redeem(token, lease))); // its own reserve is in nobody's way
    assertEquals(50, used(grant));
    close(lease, 7);
    assertEquals(57, used(grant));

    admitted(redeem(token));
    assertEquals(7, used(grant));
    assertInstanceOf(Answer.Spent.class, redeem(token));
    assertEquals(7, used(grant));
  }

  @Test
  void aDirectTokenThatASessionLeftUnusedIsEstimatedAgain() {
    Grant grant = grant(Mode.DIRECT, 1, 50, limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    TokenHash token = token();
    Issue issue = issueOf(grant);
    admitted(get(ledger().issue(issue, Optional.empty())));
    get(ledger().accept(issue, token));
    Lease lease = lease();
    admitted(get(ledger().redeem(token, lease)));
    assertEquals(0, used(grant));

    var end = new Closing(lease.sessionId(), MODEL, use(7, Duration.ofSeconds(7)), false, true);
    for (int i = 0; i < 2; i++) {
      get(ledger().close(end));
      assertEquals(57, used(grant));
    }
    assertInstanceOf(Answer.Spent.class, redeem(token));
  }

  @Test
  void aReserveOfYesterdayIsNotReleasedToday() {
    advance(TO_MIDNIGHT.minusSeconds(25));
    Grant grant = grant(Mode.DIRECT, 1, 50, limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    TokenHash token = token();
    Issue issue = issueOf(grant);
    admitted(get(ledger().issue(issue, Optional.empty())));
    get(ledger().accept(issue, token));
    advance(Duration.ofSeconds(26));
    assertEquals(0, used(grant));
    admitted(redeem(token));
    assertEquals(0, used(grant));
    assertEquals(50, usage().get(0).estimatedTokens());
  }

  // --- Tokens ------------------------------------------------------------------------------------

  @Test
  void aTokenWithoutANumberOfUsesIsNeverSpent() {
    TokenHash token = issued(grant(Mode.RELAY, 0, 0));
    for (int i = 0; i < 5; i++) {
      admitted(redeem(token));
    }
  }

  @Test
  void whateverReplicaRedeemsATokenLearnsWhatWasIssued() {
    Issue issue = issueOf(relayed(limit(Kind.CONCURRENT_SESSIONS, Long.MAX_VALUE)));
    TokenHash token = token();
    assertEquals(issue, admitted(get(ledger().issue(issue, Optional.of(token)))).issue());
    var admitted = admitted(get(elsewhere().redeem(token, lease())));
    assertEquals(issue, admitted.issue());
    assertEquals(issue.grant().limits().limits().get(0), admitted.standings().get(0).limit());
    assertEquals(1, admitted.standings().get(0).used());
  }

  @Test
  void sessionsStartBeforeTheTokenSays() {
    TokenHash token = issued(grant(Mode.RELAY, 0, 0));
    advance(Duration.ofSeconds(40));
    admitted(redeem(token));
    advance(Duration.ofSeconds(20));
    assertInstanceOf(Answer.Expired.class, redeem(token));
  }

  @Test
  void noOtherTokenIsKnown() {
    issued(relayed());
    assertInstanceOf(Answer.Unknown.class, redeem(token()));
  }

  @Test
  void whatIsCancelledWasNeverIssued() {
    Grant grant =
        grant(
            Mode.DIRECT,
            2,
            30,
            limit(Kind.USAGE_TOKENS_PER_DAY, 100),
            limit(Kind.GRANTS_PER_MINUTE, 9),
            limit(Kind.GRANTS_PER_DAY, 9));
    Issue issue = issueOf(grant);
    TokenHash token = token();
    admitted(get(ledger().issue(issue, Optional.of(token))));
    for (int i = 0; i < 2; i++) {
      get(ledger().cancel(issue.grantId()));
      assertEquals(
          List.of(0L, 0L, 0L),
          get(ledger().standings(grant)).stream().map(Standing::used).toList());
    }
    assertInstanceOf(Answer.Unknown.class, redeem(token));
    assertEquals(List.of(), usage());
  }

  @Test
  void whatIsCancelledBeforehandIsNotIssued() {
    Issue issue = issueOf(relayed(limit(Kind.GRANTS_PER_DAY, 9)));
    TokenHash token = token();
    get(ledger().cancel(issue.grantId()));
    assertInstanceOf(Answer.Unknown.class, get(ledger().issue(issue, Optional.of(token))));
    get(ledger().accept(issue, token));
    assertInstanceOf(Answer.Unknown.class, redeem(token));
    assertEquals(0, used(issue.grant()));
  }

  // --- Answers that were lost --------------------------------------------------------------------

  @Test
  void whatIsSaidTwiceCountsOnce() {
    Grant grant =
        relayed(
            limit(Kind.GRANTS_PER_DAY, 9),
            limit(Kind.GRANTS_PER_MINUTE, 9),
            limit(Kind.CONCURRENT_SESSIONS, 9),
            limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    Issue issue = issueOf(grant);
    TokenHash token = token();
    Lease lease = lease();
    Issue direct = issueOf(grant);
    Lease opened = lease();
    for (int i = 0; i < 2; i++) {
      admitted(get(ledger().issue(issue, Optional.of(token))));
      admitted(get(ledger().redeem(token, lease)));
      admitted(get(ledger().open(direct, opened)));
      beat(pulse(lease, 10), pulse(opened, 10));
    }
    assertEquals(
        List.of(2L, 2L, 2L, 20L),
        get(ledger().standings(grant)).stream().map(Standing::used).toList());
    assertInstanceOf(Answer.Spent.class, redeem(token));

    for (int i = 0; i < 2; i++) {
      close(lease, 15);
      close(opened, 15);
    }
    assertEquals(
        List.of(2L, 2L, 0L, 30L),
        get(ledger().standings(grant)).stream().map(Standing::used).toList());
  }

  @Test
  void anOlderReportChangesNothing() {
    Grant grant = relayed(limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    Lease lease = opened(grant);
    beat(pulse(lease, 20));
    beat(pulse(lease, 10));
    assertEquals(20, used(grant));
    beat(pulse(lease, 25));
    assertEquals(25, used(grant));
  }

  @Test
  void aSessionThatWasClosedBeforehandDoesNotStart() {
    Grant grant = relayed(limit(Kind.CONCURRENT_SESSIONS, 1));
    TokenHash token = issued(grant);
    Lease redeemed = lease();
    Lease opened = lease();
    get(ledger().close(closing(redeemed, 0, true)));
    get(ledger().close(closing(opened, 0, true)));
    assertInstanceOf(Answer.Unknown.class, get(ledger().redeem(token, redeemed)));
    assertInstanceOf(Answer.Unknown.class, get(ledger().open(issueOf(grant), opened)));
    assertEquals(0, used(grant));
    assertEquals(Set.of(), beat(pulse(redeemed, 1)).unknown());
    admitted(redeem(token));
  }

  @Test
  void aTokenGivenBackIsGoodAgain() {
    Grant grant = grant(Mode.DIRECT, 1, 30, limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    TokenHash token = issued(grant);
    for (int i = 0; i < 2; i++) {
      Lease lease = lease();
      admitted(get(ledger().redeem(token, lease)));
      assertEquals(0, used(grant));
      get(ledger().close(closing(lease, 0, true)));
      get(ledger().close(closing(lease, 0, true)));
      assertEquals(30, used(grant));
    }
    UsageRow row = usage().get(0);
    assertEquals(0, row.sessions());
    assertEquals(1, row.grants());
  }

  @Test
  void aGrantGivenBackIsNotCounted() {
    Grant grant = relayed(limit(Kind.GRANTS_PER_DAY, 1), limit(Kind.GRANTS_PER_MINUTE, 1));
    Lease lease = opened(grant);
    get(ledger().close(closing(lease, 0, true)));
    assertEquals(List.of(), usage());
    Lease next = opened(grant);
    close(next, 0);
    limited(issue(grant));
  }

  // --- Leases ------------------------------------------------------------------------------------

  @Test
  void aReplicaThatDiesFreesItsSlots() {
    Grant grant = relayed(limit(Kind.CONCURRENT_SESSIONS, 1));
    Lease dead = opened(grant);
    advance(Duration.ofSeconds(8));
    beat(pulse(dead, 1));
    advance(Duration.ofSeconds(8));
    limited(get(ledger().open(issueOf(grant), lease())));
    assertTrue(get(ledger().session(dead.sessionId())).isPresent());

    advance(Duration.ofSeconds(7));
    assertEquals(0, used(grant));
    assertTrue(get(ledger().session(dead.sessionId())).isEmpty());
    Lease next = opened(grant);

    // It was only slow. It runs, so it counts.
    beat(pulse(dead, 2));
    assertEquals(2, used(grant));
    close(next, 0);
    limited(get(ledger().open(issueOf(grant), lease())));
  }

  @Test
  void whatASessionUsedIsChargedOnceThoughItsLeaseRanOut() {
    Grant grant =
        relayed(limit(Kind.USAGE_TOKENS_PER_DAY, 100), limit(Kind.CONCURRENT_SESSIONS, 5));
    Lease lease = opened(grant);
    beat(pulse(lease, 10));
    advance(Duration.ofMinutes(10));
    close(lease, 30);
    close(lease, 30);
    assertEquals(30, used(grant));
    assertEquals(0, get(ledger().standings(grant)).get(1).used());
  }

  @Test
  void oneBeatCarriesAThousandSessions() {
    Grant grant =
        relayed(limit(Kind.CONCURRENT_SESSIONS, 5000), limit(Kind.USAGE_TOKENS_PER_DAY, 1_000_000));
    var leases = IntStream.range(0, 1000).mapToObj(i -> lease()).toList();
    get(
        Uni.join()
            .all(leases.stream().map(lease -> ledger().open(issueOf(grant), lease)).toList())
            .andFailFast());
    advance(Duration.ofSeconds(10));
    var answer = beat(leases.stream().map(lease -> pulse(lease, 3)).toArray(Pulse[]::new));
    assertEquals(Set.of(), answer.unknown());
    assertEquals(Map.of(), answer.ends());
    advance(Duration.ofSeconds(10));
    assertEquals(
        List.of(1000L, 3000L),
        get(ledger().standings(grant)).stream().map(Standing::used).toList());
  }

  @Test
  void whatIsNotKnownIsRestoredAndNotChargedAgain() {
    Limit sessions = limit(Kind.CONCURRENT_SESSIONS, 1);
    Grant grant = relayed(sessions, limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    Lease lease = lease();
    assertEquals(Set.of(lease.sessionId()), beat(pulse(lease, 40)).unknown());

    var running = new Running(lease, issueOf(grant), MODEL, NOON, use(40, Duration.ofSeconds(40)));
    for (int i = 0; i < 2; i++) {
      get(ledger().restore(List.of(running), List.of()));
    }
    assertEquals(1, used(grant));
    assertEquals(Optional.of(running), get(elsewhere().session(lease.sessionId())));
    var answer = beat(pulse(lease, 42));
    assertEquals(Set.of(), answer.unknown());
    assertEquals(2, get(ledger().standings(grant)).get(1).used());

    get(ledger().close(closing(lease, 45, true)));
    get(ledger().restore(List.of(running), List.of()));
    assertEquals(0, used(grant));
    assertEquals(5, get(ledger().standings(grant)).get(1).used());
  }

  // --- Ends and cut-offs -------------------------------------------------------------------------

  @Test
  void anAdministratorEndsSessions() {
    Lease adas = opened(grant("ada", Mode.RELAY, 1, 0));
    Lease adasOther = opened(grant("ada", Mode.RELAY, 1, 0));
    Lease bobs = opened(grant("bob", Mode.RELAY, 1, 0));

    assertEquals(1, get(elsewhere().end(new EndOf.Session(adas.sessionId()))));
    assertEquals(0, get(ledger().end(new EndOf.Session("nobody's"))));
    for (int i = 0; i < 2; i++) {
      assertEquals(Map.of(adas.sessionId(), new End.Terminated()), ends(adas));
      assertEquals(Map.of(), ends(adasOther));
    }
    assertEquals(2, get(ledger().end(new EndOf.Subject("main:ada"))));
    assertEquals(Map.of(adasOther.sessionId(), new End.Terminated()), ends(adasOther));
    assertEquals(Map.of(), ends(bobs));

    assertEquals(0, get(ledger().end(new EndOf.Rule("other"))));
    assertEquals(3, get(ledger().end(new EndOf.Rule("staff"))));
    assertEquals(Map.of(bobs.sessionId(), new End.Terminated()), ends(bobs));

    close(bobs, 0);
    assertEquals(Map.of(), ends(bobs));
    assertEquals(2, get(ledger().end(new EndOf.Rule("staff"))));
  }

  @Test
  void aSessionEndsWhoseConversationWasResumed() {
    Lease before = opened(grant("ada", Mode.RELAY, 1, 0));
    Lease after = opened(grant("ada", Mode.RELAY, 1, 0));

    assertEquals(1, get(elsewhere().end(resumed(before, after))));
    assertEquals(1, get(ledger().end(resumed(before, after))), "who says it again");
    assertEquals(0, get(ledger().end(new EndOf.Superseded("nobody's", "x"))));

    assertEquals(Map.of(before.sessionId(), new End.Superseded()), ends(before));
    assertEquals(Map.of(), ends(after));
  }

  private static EndOf resumed(Lease before, Lease after) {
    return new EndOf.Superseded(before.sessionId(), after.sessionId());
  }

  @Test
  void allSessionsOfAConversationEndThatIsResumedAgain() {
    Lease first = opened(grant("ada", Mode.RELAY, 1, 0));
    Lease second = opened(grant("ada", Mode.RELAY, 1, 0));
    Lease third = opened(grant("ada", Mode.RELAY, 1, 0));
    Lease fourth = opened(grant("ada", Mode.RELAY, 1, 0));
    get(ledger().end(resumed(first, second)));

    // By somebody who has nothing but the first one's handle.
    get(elsewhere().end(resumed(first, third)));
    assertEquals(Map.of(second.sessionId(), new End.Superseded()), ends(second));
    assertEquals(Map.of(), ends(third));

    get(ledger().end(resumed(second, fourth)));
    assertEquals(Map.of(third.sessionId(), new End.Superseded()), ends(third));
    assertEquals(Map.of(), ends(fourth));
  }

  @Test
  void aBlockedSubjectHasNothing() {
    Grant grant = relayed();
    TokenHash token = issued(grant);
    Lease running = opened(grant);
    Instant until = millis(now().plusSeconds(600));
    get(elsewhere().cutOff(block("main:ada", until)));

    var blocked = new Answer.Blocked(until);
    assertEquals(blocked, issue(grant));
    assertEquals(blocked, redeem(token));
    assertEquals(blocked, get(ledger().open(issueOf(grant), lease())));
    assertEquals(Map.of(running.sessionId(), new End.Blocked()), ends(running));
    assertEquals(Optional.of(until), get(ledger().blockedUntil("main:ada")));
    assertEquals(Optional.empty(), get(ledger().blockedUntil("main:bob")));
    admitted(issue(grant("bob", Mode.RELAY, 1, 0)));

    // A later block takes the place of the first, a shorter one too.
    Instant sooner = millis(now().plusSeconds(60));
    get(ledger().cutOff(block("main:ada", sooner)));
    assertEquals(Optional.of(sooner), get(ledger().blockedUntil("main:ada")));
    advance(Duration.ofSeconds(60));
    assertEquals(Optional.empty(), get(ledger().blockedUntil("main:ada")));
    admitted(issue(grant));
    assertEquals(Map.of(), ends(running));
  }

  @Test
  void aBlockCanBeLifted() {
    Grant grant = relayed();
    assertFalse(get(ledger().unblock("main:ada")));
    get(ledger().cutOff(block("main:ada", now().plusSeconds(600))));
    assertTrue(get(elsewhere().unblock("main:ada")));
    assertFalse(get(ledger().unblock("main:ada")));
    admitted(issue(grant));
    assertEquals(Optional.empty(), get(ledger().blockedUntil("main:ada")));
  }

  @Test
  void aLogoutEndsTheLoginsBeforeIt() {
    Grant before = relayed();
    TokenHash token = issued(before);
    Lease running = opened(before);
    get(ledger().cutOff(logout(CutOff.Kind.LOGOUT_SUB, "main:ada")));
    assertEquals(new Answer.LoggedOut(), issue(before));
    assertEquals(new Answer.LoggedOut(), redeem(token));
    assertEquals(new Answer.LoggedOut(), get(ledger().open(issueOf(before), lease())));
    assertEquals(Map.of(running.sessionId(), new End.LoggedOut()), ends(running));

    var login = before.login();
    var again = new Login(login.tenant(), login.sub(), Optional.of("new"), now());
    admitted(issue(with(before, again)));
    admitted(issue(with(before, new Login("other", "ada", login.sid(), login.issuedAt()))));
  }

  @Test
  void aLogoutOfOneLoginLeavesTheOthers() {
    Grant grant = relayed();
    Lease running = opened(grant);
    get(ledger().cutOff(logout(CutOff.Kind.LOGOUT_SID, "main:sid-ada")));
    assertEquals(new Answer.LoggedOut(), issue(grant));
    assertEquals(Map.of(running.sessionId(), new End.LoggedOut()), ends(running));

    var login = grant.login();
    admitted(issue(with(grant, new Login("main", "ada", Optional.of("other"), login.issuedAt()))));
    admitted(issue(with(grant, new Login("main", "ada", Optional.empty(), login.issuedAt()))));
  }

  @Test
  void aLogoutIsForgottenWhenItsTokensHaveExpired() {
    get(ledger().cutOff(logout(CutOff.Kind.LOGOUT_SUB, "main:ada")));
    get(
        ledger()
            .cutOff(
                new CutOff(
                    CutOff.Kind.LOGOUT_SUB,
                    "main:ada",
                    NOON.minusSeconds(3600),
                    now().plusSeconds(1))));
    advance(Duration.ofMinutes(5));
    assertEquals(new Answer.LoggedOut(), issue(relayed())); // logouts only reach further
    advance(Duration.ofHours(1));
    admitted(issue(relayed()));
  }

  @Test
  void aReplicaIsToldOnlyWhatIsNewAmongTheCutOffs() {
    CutOff first = block("main:ada", now().plusSeconds(600));
    CutOff second = logout(CutOff.Kind.LOGOUT_SID, "main:a b");
    get(ledger().cutOff(first));
    get(ledger().cutOff(second));
    var all = get(ledger().beat(new Beat("replica-1", 0, List.of())));
    assertEquals(List.of(first, second), all.cutOffs());

    var none = get(ledger().beat(new Beat("replica-1", all.cutOffsVersion(), List.of())));
    assertEquals(List.of(), none.cutOffs());
    assertEquals(all.cutOffsVersion(), none.cutOffsVersion());
    assertEquals(all.epoch(), none.epoch());

    get(ledger().unblock("main:ada"));
    var news = get(ledger().beat(new Beat("replica-1", all.cutOffsVersion(), List.of())));
    assertEquals(1, news.cutOffs().size());
    assertEquals("main:ada", news.cutOffs().get(0).key());
    assertFalse(news.cutOffs().get(0).until().isAfter(now()));
  }

  @Test
  void cutOffsAreRestoredWhereNothingNewerStands() {
    Instant until = millis(now().plusSeconds(600));
    get(ledger().cutOff(block("main:bob", until)));
    get(ledger().unblock("main:bob"));
    get(
        ledger()
            .restore(
                List.of(),
                List.of(
                    block("main:ada", until),
                    block("main:bob", until),
                    logout(CutOff.Kind.LOGOUT_SUB, "main:eve"))));
    assertEquals(Optional.of(until), get(ledger().blockedUntil("main:ada")));
    assertEquals(Optional.empty(), get(ledger().blockedUntil("main:bob")));
    assertEquals(new Answer.LoggedOut(), issue(grant("eve", Mode.RELAY, 1, 0)));
  }

  @Test
  void aReachedBudgetEndsTheSessionsThatShareIt() {
    Limit team = limit(Kind.USAGE_TOKENS_PER_DAY, "claims.team", 100);
    Lease adas = opened(grant("ada", Mode.RELAY, 1, 0, team));
    Lease bobs = opened(grant("bob", Mode.RELAY, 1, 0, team));
    Lease eves = opened(grant("eve", Mode.RELAY, 1, 0));
    assertEquals(Map.of(), beat(pulse(adas, 60)).ends());
    var reached = new End.LimitReached("claims.team.usage-tokens-per-day");
    assertEquals(
        Map.of(adas.sessionId(), reached, bobs.sessionId(), reached),
        beat(pulse(adas, 60), pulse(bobs, 60), pulse(eves, 999)).ends());
    assertEquals(Map.of(adas.sessionId(), reached), ends(adas));
    advance(TO_MIDNIGHT);
    assertEquals(Map.of(), beat(pulse(adas, 61)).ends());
  }

  // --- Signals -----------------------------------------------------------------------------------

  @Test
  void whoRunsSessionsIsToldWhenTheyMayHaveToEnd() {
    Grant grant = relayed(limit(Kind.USAGE_TOKENS_PER_DAY, 100));
    Lease lease = opened(grant);
    var signals = new AtomicInteger();
    var subscription = elsewhere().signals().subscribe().with(signal -> signals.incrementAndGet());
    try {
      Await.until(() -> signals.get() == 1); // it may have missed some before
      get(ledger().end(new EndOf.Session(lease.sessionId())));
      Await.until(() -> signals.get() == 2);
      get(ledger().cutOff(block("main:eve", now().plusSeconds(60))));
      Await.until(() -> signals.get() == 3);
      get(ledger().unblock("main:eve"));
      Await.until(() -> signals.get() == 4);
      beat(pulse(lease, 99));
      beat(pulse(lease, 100));
      Await.until(() -> signals.get() == 5);
      beat(pulse(lease, 101));
      close(lease, 101);
      get(ledger().cutOff(block("main:eve", now().plusSeconds(60))));
      Await.until(() -> signals.get() == 6);
    } finally {
      subscription.cancel();
    }
  }

  // --- What is running and what was used ---------------------------------------------------------

  @Test
  void sessionsAreListedInPages() {
    var ids = new ArrayList<String>();
    for (int i = 0; i < 7; i++) {
      ids.add(opened(relayed()).sessionId());
    }
    ids.sort(String::compareTo);
    var listed = new ArrayList<String>();
    Optional<String> token = Optional.empty();
    int pages = 0;
    do {
      var page = get(elsewhere().sessions(Running.Filter.ALL, 3, token));
      page.sessions().forEach(session -> listed.add(session.lease().sessionId()));
      token = page.nextPageToken();
      pages++;
    } while (token.isPresent());
    assertEquals(ids, listed);
    assertEquals(3, pages);

    advance(Duration.ofSeconds(16));
    assertEquals(List.of(), list(Running.Filter.ALL));
  }

  @Test
  void aPageTokenOfSomebodyElseIsAnInvalidRequest() {
    var refused =
        assertThrows(
            GatewayException.class,
            () -> get(ledger().sessions(Running.Filter.ALL, 3, Optional.of("%"))));
    assertEquals(ErrorCode.INVALID_REQUEST, refused.code());
  }

  @Test
  void sessionsAreFiltered() {
    Lease adas = opened(grant("ada", Mode.RELAY, 1, 0));
    Lease bobs = new Lease("bobs", "replica-2");
    admitted(get(ledger().open(issueOf(grant("bob", Mode.RELAY, 1, 0)), bobs)));
    get(
        ledger()
            .beat(
                new Beat(
                    "replica-2",
                    0,
                    List.of(new Pulse("bobs", "models/other", use(5, Duration.ofSeconds(5)))))));
    Optional<String> any = Optional.empty();
    assertEquals(
        List.of(adas.sessionId()),
        list(new Running.Filter(Optional.of("main:ada"), any, any, any)));
    assertEquals(
        List.of("bobs"), list(new Running.Filter(any, any, Optional.of("models/other"), any)));
    assertEquals(
        List.of("bobs"), list(new Running.Filter(any, any, any, Optional.of("replica-2"))));
    assertEquals(List.of(), list(new Running.Filter(any, Optional.of("other"), any, any)));
    assertEquals(List.of(), list(new Running.Filter(Optional.of(""), any, any, any)));
    assertEquals(2, list(new Running.Filter(any, Optional.of("staff"), any, any)).size());

    Running bob = get(ledger().session("bobs")).orElseThrow();
    assertEquals("models/other", bob.model());
    assertEquals(use(5, Duration.ofSeconds(5)), bob.use());
    assertEquals("main:bob", bob.issue().grant().subject());
    assertEquals("replica-2", bob.lease().replica());
    assertTrue(Duration.between(NOON, bob.startedAt()).toMinutes() < 1);
  }

  private List<String> list(Running.Filter filter) {
    return get(ledger().sessions(filter, 100, Optional.empty())).sessions().stream()
        .map(session -> session.lease().sessionId())
        .toList();
  }

  @Test
  void useIsToldByDaySubjectRuleAndModel() {
    advance(TO_MIDNIGHT.minusMinutes(5));
    admitted(issue(grant("bob", Mode.DIRECT, 2, 30)));
    Lease lease = opened(grant("ada", Mode.RELAY, 1, 0));
    get(
        ledger()
            .beat(
                new Beat(
                    "replica-1",
                    0,
                    List.of(
                        new Pulse(
                            lease.sessionId(), "models/other", use(10, Duration.ofSeconds(20)))))));
    advance(Duration.ofMinutes(10));
    get(
        ledger()
            .close(
                new Closing(
                    lease.sessionId(),
                    "models/other",
                    use(15, Duration.ofSeconds(50)),
                    false,
                    false)));
    LocalDate tomorrow = TODAY.plusDays(1);
    var first =
        new UsageRow(
            TODAY, "main:ada", "staff", "models/other", 1, 1, 10, 0, Duration.ofSeconds(20));
    var second = new UsageRow(TODAY, "main:bob", "staff", MODEL, 1, 0, 0, 60, Duration.ZERO);
    var third =
        new UsageRow(
            tomorrow, "main:ada", "staff", "models/other", 0, 0, 5, 0, Duration.ofSeconds(30));
    assertEquals(List.of(first, second, third), usage());
    Optional<String> any = Optional.empty();
    assertEquals(
        List.of(third),
        get(ledger().usage(new UsageRow.Filter(tomorrow, tomorrow, any, any, any))));
    assertEquals(
        List.of(second),
        get(
            ledger()
                .usage(
                    new UsageRow.Filter(
                        TODAY, tomorrow, Optional.of("main:bob"), Optional.of("staff"), any))));
    assertEquals(
        List.of(),
        get(
            ledger()
                .usage(new UsageRow.Filter(TODAY, tomorrow, any, any, Optional.of("models/x")))));

    advance(Duration.ofDays(UsageRow.DAYS - 1));
    assertEquals(List.of(third), usage());
    advance(Duration.ofDays(1));
    assertEquals(List.of(), usage());
  }

  @Test
  void whatManyShareTodayIsListedTheLargestFirst() {
    Limit own = limit(Kind.USAGE_TOKENS_PER_DAY, 1000);
    Limit everybodys = limit(Kind.USAGE_TOKENS_PER_DAY, "rule", 1000);
    Limit red = new Limit(Kind.USAGE_TOKENS_PER_DAY, "claims.team", "staff/claims.team/red", 9000);
    Limit blue = new Limit(Kind.USAGE_TOKENS_PER_DAY, "claims.team", "staff/claims.team/b", 9000);
    Limit time = limit(Kind.SESSION_TIME_PER_DAY, "claims.team", 9000);
    Limit times = limit(Kind.GRANTS_PER_DAY, "claims.team", 9);
    Lease adas = opened(grant("ada", Mode.RELAY, 1, 0, own, everybodys, red, time, times));
    Lease bobs = opened(grant("bob", Mode.RELAY, 1, 0, red));
    Lease eves = opened(grant("eve", Mode.RELAY, 1, 0, blue));
    beat(pulse(adas, 60), pulse(bobs, 7), pulse(eves, 80));
    get(
        ledger()
            .close(
                new Closing(
                    adas.sessionId(), MODEL, use(61, Duration.ofMillis(61_900)), false, false)));

    assertEquals(
        List.of(
            new Share(Kind.GRANTS_PER_DAY, times.key(), 1),
            new Share(Kind.USAGE_TOKENS_PER_DAY, blue.key(), 80),
            new Share(Kind.USAGE_TOKENS_PER_DAY, red.key(), 68),
            new Share(Kind.SESSION_TIME_PER_DAY, time.key(), 61)),
        get(elsewhere().shares()));

    for (int i = 0; i < Share.MOST; i++) {
      opened(
          grant(
              "kim", Mode.RELAY, 1, 0, new Limit(Kind.GRANTS_PER_DAY, "claims.n", "r/n/" + i, 9)));
    }
    assertEquals(Share.MOST + 3, get(ledger().shares()).size());
    advance(TO_MIDNIGHT);
    assertEquals(List.of(), get(ledger().shares()));
  }

  static CutOff block(String subject, Instant until) {
    return new CutOff(CutOff.Kind.BLOCK, subject, NOON, millis(until));
  }

  /** A logout of now. */
  private CutOff logout(CutOff.Kind kind, String key) {
    return new CutOff(kind, key, millis(now()), millis(now().plusSeconds(3600)));
  }

  private static Grant with(Grant grant, Login login) {
    return new Grant(
        grant.subject(),
        grant.rule(),
        grant.model(),
        grant.mode(),
        grant.uses(),
        grant.expiresIn(),
        grant.startWithin(),
        grant.setup(),
        grant.open(),
        grant.resumptionHandle(),
        grant.limits(),
        login);
  }

  /** What a store keeps of a time. */
  private static Instant millis(Instant time) {
    return time.truncatedTo(ChronoUnit.MILLIS);
  }

  @Test
  void aReplicasNoticeIsUpForAMinute() {
    assertEquals(Map.of("replica-1", "one"), get(ledger().post("replica-1", "one")));
    advance(Duration.ofSeconds(40));
    assertEquals(
        Map.of("replica-1", "one", "replica-2", "a b\nc"),
        get(elsewhere().post("replica-2", "a b\nc")));
    advance(Duration.ofSeconds(30));
    assertEquals(Map.of("replica-2", "two"), get(elsewhere().post("replica-2", "two")));
    assertEquals(Map.of("replica-1", "", "replica-2", "two"), get(ledger().post("replica-1", "")));
  }
}
