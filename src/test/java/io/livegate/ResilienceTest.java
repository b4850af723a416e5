package io.livegate;

import static io.livegate.GatewayTest.TOKENS;
import static io.livegate.GatewayTest.as;
import static io.livegate.GatewayTest.management;
import static io.livegate.GatewayTest.pilot;
import static io.livegate.GatewayTest.problem;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.matchesPattern;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.simulator.MintFault;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A failing Google, with limits small enough to be reached. */
@QuarkusTest
@TestProfile(ResilienceTest.SmallLimits.class)
@WithTestResource(Surroundings.class)
class ResilienceTest {

  public static final class SmallLimits implements QuarkusTestProfile {
    @Override
    public Map<String, String> getConfigOverrides() {
      return Map.of("livegate.gemini.max-concurrent-mints", "2", "livegate.gemini.timeout", "1s");
    }
  }

  @BeforeEach
  void recover() {
    Surroundings.simulator().script().clear();
    Await.until(() -> as(pilot()).post(TOKENS).statusCode() == 201);
    Surroundings.simulator().journal().clear();
  }

  @Test
  void moreCallsThanMayRunWaitTheirTurn() throws Exception {
    Surroundings.simulator().script().mints(8, MintFault.slow(Duration.ofMillis(100)));

    List<Integer> statuses = parallel(8);

    assertEquals(List.of(201, 201, 201, 201, 201, 201, 201, 201), statuses);
  }

  @Test
  void whoWaitsTooLongIsToldSoAndNothingIsMintedForThem() throws Exception {
    Surroundings.simulator().script().mints(6, MintFault.hang());

    List<Integer> statuses = parallel(6);

    long timeouts = statuses.stream().filter(status -> status == 504).count();
    long unavailable = statuses.stream().filter(status -> status == 503).count();
    assertEquals(6, timeouts + unavailable, () -> "statuses " + statuses);
    // The turns of the two that hang end with the timeout, when others may just get theirs.
    assertTrue(timeouts >= 2 && unavailable >= 2, () -> "statuses " + statuses);
    Await.until(() -> threadsAtGoogle() == 0);
    Surroundings.simulator().script().clear();
    as(pilot()).post(TOKENS).then().statusCode(201);
  }

  private static long threadsAtGoogle() {
    return Thread.getAllStackTraces().values().stream()
        .filter(
            trace ->
                Arrays.stream(trace)
                    .anyMatch(frame -> frame.getClassName().startsWith("com.google.genai.")))
        .count();
  }

  @Test
  void aFailingGoogleIsLeftAloneForAWhile() {
    Surroundings.simulator().script().mints(40, MintFault.error(500, "INTERNAL", "broken"));
    Await.until(
        () -> {
          as(pilot()).post(TOKENS).then().statusCode(503);
          return management("/q/health/ready").contains("OPEN");
        });
    assertTrue(management("/q/metrics").contains("livegate_breaker_open 1.0"));
    int asked = Surroundings.simulator().journal().mints().size();

    problem(as(pilot()).post(TOKENS).then(), 503, "mint-unavailable")
        .header("Retry-After", matchesPattern("[1-9][0-9]*"))
        .body("detail", containsString("pauses"));

    assertEquals(asked, Surroundings.simulator().journal().mints().size());
    Surroundings.simulator().script().clear();
    Await.until(() -> as(pilot()).post(TOKENS).statusCode() == 201);
    assertTrue(management("/q/health/ready").contains("CLOSED"));
    assertTrue(management("/q/metrics").contains("livegate_breaker_open 0.0"));
  }

  @Test
  void refusalsOfGooglesDoNotOpenTheBreaker() {
    Surroundings.simulator().script().mints(30, MintFault.error(400, "INVALID_ARGUMENT", "no"));
    for (int i = 0; i < 30; i++) {
      problem(as(pilot()).post(TOKENS).then(), 502, "mint-refused");
    }
    as(pilot()).post(TOKENS).then().statusCode(201);
  }

  private static List<Integer> parallel(int calls) throws Exception {
    ExecutorService callers = Executors.newFixedThreadPool(calls);
    try {
      List<Future<Integer>> answers = new ArrayList<>();
      for (int i = 0; i < calls; i++) {
        String token = pilot().sign();
        answers.add(callers.submit(() -> as(token).post(TOKENS).statusCode()));
      }
      List<Integer> statuses = new ArrayList<>();
      for (Future<Integer> answer : answers) {
        statuses.add(answer.get());
      }
      return statuses;
    } finally {
      callers.shutdownNow();
    }
  }
}
