package io.livegate.console;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.livegate.console.Budgets.Use;
import io.livegate.ledger.UsageRow;
import io.livegate.policy.Policy;
import io.livegate.policy.PolicyFile;
import io.livegate.policy.PolicyFile.Compiled;
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
  void onlyThoseWhoUsedMostAreNamed() {
    var rows = new ArrayList<UsageRow>();
    for (int i = 0; i < 1000; i++) {
      rows.add(row("main:user-" + i, "pilots", "models/m", i));
    }

    var subjects = Budgets.of(DAY, rows, POLICY.rules()).subjects();

    assertEquals(50, subjects.size());
    assertEquals("main:user-999", subjects.get(0).subject());
  }
}
