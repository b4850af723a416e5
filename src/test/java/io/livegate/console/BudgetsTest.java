package io.livegate.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.console.Budgets.Shared;
import io.livegate.console.Budgets.Use;
import io.livegate.grant.Limit;
import io.livegate.grant.Limit.Kind;
import io.livegate.identity.Subject;
import io.livegate.ledger.Share;
import io.livegate.ledger.UsageRow;
import io.livegate.policy.Policy;
import io.livegate.policy.PolicyFile;
import io.livegate.policy.PolicyFile.Compiled;
import io.livegate.policy.Rule;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class BudgetsTest {

  private static final LocalDate DAY = LocalDate.parse("2026-11-22");

  private static final Policy POLICY =
      ((Compiled.Accepted)
              PolicyFile.compile(
                  """
                  version: 1
                  rules:
                    - name: pilots
                      when: "'pilots' in claims.groups"
                      models: [m]
                      modes: [relay]
                      limits:
                        - {per: subject, usage-tokens-per-day: 100, grants-per-day: 7}
                        - {per: rule, usage-tokens-per-day: 1000, session-time-per-day: 2h}
                        - {per: claims.team, usage-tokens-per-day: 500, session-time-per-day: 1h}
                        - {per: claims.level, usage-tokens-per-day: 50}
                    - name: others
                      models: [m]
                  """
                      .getBytes(StandardCharsets.UTF_8),
                  false))
          .policy();

  private static UsageRow row(String subject, String rule, String model, long tokens) {
    return new UsageRow(DAY, subject, rule, model, 2, 1, tokens, 10, Duration.ofSeconds(30));
  }

  @Test
  void modelsAreAddedUpAndLimitsAreNamed() {
    var budgets =
        Budgets.of(
            DAY,
            List.of(
                row("main:ada", "pilots", "models/m", 20),
                row("main:ada", "pilots", "models/n", 30),
                row("main:bob", "pilots", "models/m", 60),
                row("main:bob", "former", "models/m", 5)),
            List.of(),
            POLICY.rules());

    assertEquals(
        List.of(
            new Use("pilots", null, 6, 3, 110, 30, 90, Map.of("tokens", 1000L, "seconds", 7200L)),
            new Use("others", null, 0, 0, 0, 0, 0, Map.of()),
            new Use("former", null, 2, 1, 5, 10, 30, Map.of())),
        budgets.rules());
    var each = Map.of("tokens", 100L, "grants", 7L);
    assertEquals(
        List.of(
            new Use("pilots", "main:ada", 4, 2, 50, 20, 60, each),
            new Use("pilots", "main:bob", 2, 1, 60, 10, 30, each),
            new Use("former", "main:bob", 2, 1, 5, 10, 30, Map.of())),
        budgets.subjects());
  }

  @Test
  void whatManyShareIsNamedAsPeopleReadItTheFullestFirst() {
    var limits = new ArrayList<Limit>();
    for (Map.Entry<String, Object> who :
        List.of(
            Map.entry("R&D ü", (Object) 7),
            Map.entry("%", (Object) "7"),
            Map.entry("x".repeat(500), (Object) true))) {
      var claims =
          Map.of("groups", List.of("pilots"), "team", who.getKey(), "level", who.getValue());
      var known =
          (Rule.Bounds.Known)
              POLICY.rules().get(0).bounds(new Subject("main:ada", "https://issuer", claims));
      limits.addAll(known.limits().limits().stream().filter(Limit::shared).toList());
    }
    var counts = new ArrayList<Share>();
    for (int i = 0; i < limits.size(); i++) {
      counts.add(new Share(limits.get(i).kind(), limits.get(i).key(), 9 - i));
    }
    counts.add(new Share(Kind.USAGE_TOKENS_PER_DAY, "former/claims.team/Sales", 4));

    var shares = Budgets.of(DAY, List.of(), counts, POLICY.rules()).shares();

    assertEquals(
        List.of(
            "7 of 50",
            "4 of 50",
            "1 of 50",
            "9 of 500",
            "6 of 500",
            "3 of 500",
            "8 of 3600",
            "5 of 3600",
            "2 of 3600"),
        shares.stream().map(share -> share.used() + " of " + share.most()).toList());
    assertEquals(
        new Shared("pilots", "claims.team", "R&D ü", "usage-tokens-per-day", 9, 500),
        shares.get(3));
    assertEquals(
        List.of("7", "7", "true", "R&D ü", "%"),
        shares.stream().map(Shared::value).limit(5).toList());
    assertTrue(shares.get(5).value().matches("~[0-9a-f]{8}…"), shares.get(5).value());
  }

  @Test
  void onlyThoseWhoUsedMostAreNamed() {
    var rows = new ArrayList<UsageRow>();
    for (int i = 0; i < 1000; i++) {
      rows.add(row("main:user-" + i, "pilots", "models/m", i));
    }

    var subjects = Budgets.of(DAY, rows, List.of(), POLICY.rules()).subjects();

    assertEquals(50, subjects.size());
    assertEquals("main:user-999", subjects.get(0).subject());
  }
}
