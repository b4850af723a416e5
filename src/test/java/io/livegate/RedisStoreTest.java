package io.livegate;

import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.ledger.Beat;
import io.livegate.ledger.Ledger;
import io.livegate.ledger.RedisLedger;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.response.ValidatableResponse;
import jakarta.inject.Inject;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The app with its ledger in Redis. */
@QuarkusTest
@WithTestResource(Surroundings.class)
@WithTestResource(RedisStoreTest.Redis.class)
class RedisStoreTest {

  /** A redis-server, and the app told so. */
  public static final class Redis implements QuarkusTestResourceLifecycleManager {

    private static RedisServer server;

    @Override
    public Map<String, String> start() {
      server = new RedisServer();
      return Map.of(
          "livegate.ledger.store", "redis",
          "livegate.ledger.timeout", "500ms",
          "quarkus.redis.hosts", server.url());
    }

    @Override
    public void stop() {
      server.close();
    }
  }

  @Inject Ledger ledger;

  @Test
  void itIsReadyAndCountsItsOperationsWhetherOrNotRedisAnswers() {
    assertInstanceOf(RedisLedger.class, ledger);
    String epoch = beat().epoch();
    management("/q/health/ready").body("status", equalTo("UP"));
    Redis.server.pause();
    try {
      var failure = assertThrows(GatewayException.class, this::beat);
      assertEquals(ErrorCode.LEDGER_UNAVAILABLE, failure.code());
      management("/q/health/ready").body("status", equalTo("UP"));
    } finally {
      Redis.server.resume();
    }
    assertEquals(epoch, beat().epoch());
    // The heart beats, too, as it comes.
    String metrics = management("/q/metrics").extract().asString();
    assertTrue(value(metrics, "livegate_ledger_failures_total{operation=\"beat\"}") >= 1);
    String duration = "livegate_ledger_duration_seconds_count{operation=\"beat\",outcome=\"%s\"}";
    assertTrue(value(metrics, duration.formatted("failed")) >= 1);
    assertTrue(value(metrics, duration.formatted("ok")) >= 2);
  }

  private static double value(String metrics, String name) {
    return metrics
        .lines()
        .filter(line -> line.startsWith(name + " "))
        .mapToDouble(line -> Double.parseDouble(line.substring(name.length())))
        .findFirst()
        .orElse(0);
  }

  private Beat.Answer beat() {
    return ledger.beat(new Beat("replica", 0, List.of())).await().indefinitely();
  }

  private static ValidatableResponse management(String path) {
    return RestAssured.given().port(Management.port()).get(path).then().statusCode(200);
  }
}
