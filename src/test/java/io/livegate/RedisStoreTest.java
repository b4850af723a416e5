package io.livegate;

import static io.livegate.GatewayTest.TOKENS;
import static io.livegate.GatewayTest.as;
import static io.livegate.GatewayTest.pilot;
import static io.livegate.GatewayTest.problem;
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
import io.quarkus.redis.datasource.ReactiveRedisDataSource;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.response.ValidatableResponse;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Inject;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
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
          "livegate.audit.sinks", "stdout,redis",
          "livegate.relay.max-sessions", "1",
          "quarkus.redis.hosts", server.url());
    }

    @Override
    public void stop() {
      server.close();
    }
  }

  @Inject Ledger ledger;
  @Inject ReactiveRedisDataSource data;

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

  @Test
  void theAuditHasEveryLineOnceThoughRedisWasAway() {
    String before = grant();
    Await.until(() -> lines(before) == 1);
    Redis.server.pause();
    try {
      problem(as(pilot()).post(TOKENS).then(), 503, "ledger-unavailable");
    } finally {
      Redis.server.resume();
    }
    String after = grant();
    Await.until(() -> lines(after) == 1);
    assertEquals(1, lines(before));
    assertEquals(1, lines("\"outcome\":\"ledger-unavailable\""));
    List<Integer> numbers =
        stream().map(line -> new JsonObject(line).getInteger("sequence")).toList();
    assertEquals(IntStream.rangeClosed(1, numbers.size()).boxed().toList(), numbers);
  }

  @Test
  void whoLeavesWhileBeingAdmittedTakesNoPlaceAlong() throws Exception {
    String user = RelayCase.user().sign();
    String request =
        "GET "
            + RelayCase.PATH
            + "?access_token="
            + user
            + " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for (int i = 0; i < 3; i++) {
      Redis.server.pause();
      try (var leaving = new Socket("localhost", RestAssured.port)) {
        leaving.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
      } finally {
        Redis.server.resume();
      }
    }
    // There is one place, which is free in the end.
    Await.until(
        () -> {
          try (var socket = new RawSocket(RestAssured.port, RelayCase.PATH + "?key=" + user)) {
            return socket.status().equals("101");
          }
        });
  }

  private static String grant() {
    return as(pilot()).post(TOKENS).then().statusCode(201).extract().path("grantId");
  }

  private long lines(String part) {
    return stream().filter(line -> line.contains(part)).count();
  }

  private Stream<String> stream() {
    var entries =
        data.execute("XRANGE", "{livegate}:audit", "-", "+").await().atMost(Duration.ofSeconds(10));
    return StreamSupport.stream(entries.spliterator(), false)
        .map(entry -> entry.get(1).get(1).toString());
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
