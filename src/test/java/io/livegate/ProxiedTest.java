package io.livegate;

import static io.livegate.GatewayTest.TOKENS;
import static io.livegate.GatewayTest.as;
import static io.livegate.GatewayTest.pilot;
import static io.livegate.GatewayTest.problem;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.audit.GatewayEvent;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Between a corporate proxy with a private certificate authority and a trusted load balancer. */
@QuarkusTest
@TestProfile(ProxiedTest.BehindAProxy.class)
@WithTestResource(Surroundings.class)
@WithTestResource(CorporateProxy.class)
class ProxiedTest {

  public static final class BehindAProxy implements QuarkusTestProfile {
    @Override
    public Map<String, String> getConfigOverrides() {
      return Map.of(
          "quarkus.http.proxy.proxy-address-forwarding", "true",
          "quarkus.http.proxy.allow-forwarded", "false",
          "quarkus.http.proxy.allow-x-forwarded", "true",
          "quarkus.http.proxy.trusted-proxies", "127.0.0.1,::1");
    }
  }

  @ApplicationScoped
  static class Events {
    private final List<GatewayEvent> seen = new CopyOnWriteArrayList<>();

    List<GatewayEvent> seen() {
      return seen;
    }

    void record(@Observes GatewayEvent event) {
      seen.add(event);
    }
  }

  @Inject Events events;

  @BeforeEach
  void forget() {
    events.seen().clear();
    CorporateProxy.tunnels().clear();
  }

  @Test
  void googleIsReachedThroughTheProxyAndItsAuthority() {
    as(pilot()).post(TOKENS).then().statusCode(201);

    assertEquals(1, CorporateProxy.simulator().journal().mints().size());
    assertEquals(List.of("CONNECT google.test:443, authorized"), CorporateProxy.tunnels());
  }

  @Test
  void theAuditNamesTheCallerThatATrustedProxyForwards() {
    as(pilot()).header("X-Forwarded-For", "203.0.113.7").post(TOKENS).then().statusCode(201);
    problem(
        as("x.y.z").header("X-Forwarded-For", "203.0.113.8").post(TOKENS).then(),
        401,
        "invalid-token");

    Await.until(() -> events.seen().size() == 2);
    var issued = (GatewayEvent.TokenIssued) events.seen().get(0);
    var refused = (GatewayEvent.TokenRefused) events.seen().get(1);
    assertEquals("203.0.113.7", issued.peer());
    assertEquals("203.0.113.8", refused.peer());
    assertTrue(refused.subject().isEmpty());
  }
}
