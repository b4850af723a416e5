package io.livegate;

import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.livegate.ledger.Beat;
import io.livegate.ledger.Ledger;
import io.livegate.ledger.MemoryLedger;
import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import jakarta.inject.Inject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The app as it comes: its ledger needs nothing and nobody. */
@QuarkusTest
@WithTestResource(Surroundings.class)
@WithTestResource(MemoryStoreTest.Lurker.class)
class MemoryStoreTest {

  /** Listens where Redis would, and never answers. */
  public static final class Lurker implements QuarkusTestResourceLifecycleManager {

    private static ServerSocket socket;

    @Override
    public Map<String, String> start() {
      try {
        socket = new ServerSocket(0, 10, InetAddress.getLoopbackAddress());
        socket.setSoTimeout(1);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      return Map.of("quarkus.redis.hosts", "redis://127.0.0.1:" + socket.getLocalPort());
    }

    @Override
    public void stop() {
      try {
        socket.close();
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @Inject Ledger ledger;

  @Test
  void nobodyAsksRedis() {
    assertInstanceOf(MemoryLedger.class, ledger);
    var answer = ledger.beat(new Beat("replica", 0, List.of())).await().indefinitely();
    assertEquals(Set.of(), answer.unknown());
    RestAssured.given()
        .port(Management.port())
        .get("/q/health")
        .then()
        .statusCode(200)
        .body("status", equalTo("UP"));
    assertThrows(SocketTimeoutException.class, () -> Lurker.socket.accept());
  }
}
