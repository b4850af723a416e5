package io.livegate.session;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.smallrye.mutiny.Uni;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class BacklogTest {

  private static final Duration LONG = Duration.ofSeconds(30);

  private final ExecutorService elsewhere = Executors.newSingleThreadExecutor();
  private final List<Integer> heard = new ArrayList<>();
  private volatile boolean away;

  @AfterEach
  void end() {
    elsewhere.shutdownNow();
  }

  /** Something that is told, and answered at once or by another thread, as Redis does. */
  private Supplier<Uni<Void>> number(int number, boolean atOnce) {
    return () -> {
      if (away) {
        return Uni.createFrom().failure(new IOException("away"));
      }
      Uni<Void> telling = Uni.createFrom().<Void>item(() -> null).invoke(() -> heard.add(number));
      return atOnce ? telling : telling.runSubscriptionOn(elsewhere);
    };
  }

  @Test
  void whatCannotBeToldIsToldLaterInOrderHoweverMuchItIs() {
    for (boolean atOnce : new boolean[] {true, false}) {
      var backlog = new Backlog(100_000);
      heard.clear();
      away = true;
      for (int i = 0; i < 50_000; i++) {
        backlog.tell(number(i, atOnce));
      }
      assertEquals(50_000, backlog.size());

      away = false;
      // Behind what waits, although the ledger is there again.
      backlog.tell(number(50_000, atOnce));
      backlog.catchUp().await().atMost(LONG);

      assertEquals(IntStream.rangeClosed(0, 50_000).boxed().toList(), heard);
      assertEquals(0, backlog.size());
    }
  }

  @Test
  void whatFailsAgainStays() {
    var backlog = new Backlog(2);
    away = true;
    backlog.tell(number(1, true));
    backlog.tell(number(2, true));
    backlog.tell(number(3, true)); // finds no room
    assertThrows(CompletionException.class, () -> backlog.catchUp().await().atMost(LONG));
    assertEquals(2, backlog.size());

    away = false;
    backlog.catchUp().await().atMost(LONG);
    backlog.tell(number(4, true));
    assertEquals(List.of(1, 2, 4), heard);
  }
}
