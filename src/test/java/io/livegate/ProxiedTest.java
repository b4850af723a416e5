package io.livegate;

import static io.livegate.ConsoleTest.cookies;
import static io.livegate.GatewayTest.TOKENS;
import static io.livegate.GatewayTest.as;
import static io.livegate.GatewayTest.pilot;
import static io.livegate.GatewayTest.problem;
import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.audit.GatewayEvent;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.restassured.specification.RequestSpecification;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.io.IOException;
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

  @Test
  void pagesAreSeenAtTheAddressThatATrustedProxyForwards() throws IOException {
    forwarded()
        .redirects()
        .follow(false)
        .get("/")
        .then()
        .statusCode(302)
        .header(
            "Location",
            containsString(
                "redirect_uri=https%3A%2F%2Flivegate.example.com%2Fplayground%2Fsigned-in"))
        .header("Set-Cookie", allOf(startsWith("q_auth_pages"), containsString("Secure")));

    String cookies = cookies(pilot());
    problem(
        forwarded()
            .header("Cookie", cookies)
            .header("Origin", "http://livegate.example.com")
            .post("/sign-out")
            .then(),
        403,
        "origin-forbidden");
    forwarded()
        .header("Cookie", cookies)
        .header("Origin", "https://livegate.example.com")
        .post("/sign-out")
        .then()
        .statusCode(200)
        .body(
            "location",
            containsString(
                "post_logout_redirect_uri=https%3A%2F%2Flivegate.example.com%2Fpages%2Fsigned-out"));
  }

  private static RequestSpecification forwarded() {
    return given().header("Host", "livegate.example.com").header("X-Forwarded-Proto", "https");
  }
}
