package io.livegate.console;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.livegate.console.Picture.Change;
import io.livegate.console.Picture.Row;
import java.time.Instant;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class PictureTest {

  private static final Instant NOON = Instant.parse("2026-11-22T12:00:00Z");

  private static Row row(String id, long tokens) {
    return new Row(
        id,
        "default:ada",
        "pilots",
        "models/m",
        "relay",
        "replica-1",
        NOON.toString(),
        1,
        tokens,
        1);
  }

  private static Picture picture(Row... rows) {
    Map<String, Row> sessions = new LinkedHashMap<>();
    Arrays.stream(rows).forEach(row -> sessions.put(row.id(), row));
    return new Picture(sessions, Optional.empty(), Optional.empty(), List.of(), "");
  }

  @Test
  void aBlankPageIsToldEverything() {
    var budgets = new Budgets("2026-11-22", List.of(), List.of(), List.of());
    var now =
        new Picture(
            Map.of("a", row("a", 5)), Optional.of(budgets), Optional.empty(), List.of(), "");

    var changes = now.since(Picture.BLANK, NOON);

    assertEquals(List.of(row("a", 5)), changes.added());
    assertEquals(budgets, changes.budgets());
  }

  @Test
  void onlyWhatChangedIsTold() throws Exception {
    var before = picture(row("a", 5), row("b", 5), row("c", 5));
    var now = picture(row("a", 5), row("b", 6), row("d", 0));

    var changes = now.since(before, NOON);

    assertEquals(List.of(row("d", 0)), changes.added());
    assertEquals(List.of(new Change("b", "models/m", 1, 6, 1)), changes.changed());
    assertEquals(List.of("c"), changes.gone());
    assertNull(changes.budgets());
    assertEquals(
        "{\"now\":\"2026-11-22T12:00:00Z\"}",
        new ObjectMapper().writeValueAsString(now.since(now, NOON)));
  }

  @Test
  void troubleIsToldWhenItBeginsAndWhenItIsOver() {
    var well = picture(row("a", 5));
    var ill = well.troubled("away");

    assertEquals("away", ill.since(well, NOON).trouble());
    assertNull(ill.since(ill, NOON).trouble());
    assertEquals("", well.since(ill, NOON).trouble());
  }
}
