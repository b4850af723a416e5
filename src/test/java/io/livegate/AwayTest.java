package io.livegate;

import static io.livegate.GatewayTest.TOKENS;
import static io.livegate.GatewayTest.as;
import static io.livegate.GatewayTest.management;
import static io.livegate.GatewayTest.pilot;
import static io.livegate.GatewayTest.problem;
import static org.hamcrest.Matchers.equalTo;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** An issuer and a Google that cannot be reached, and a caller who claims to be forwarded. */
@QuarkusTest
@TestProfile(AwayTest.NobodyThere.class)
@WithTestResource(Surroundings.class)
class AwayTest {

  public static final class NobodyThere implements QuarkusTestProfile {
    @Override
    public Map<String, String> getConfigOverrides() {
      return Map.of(
          // Port 1 refuses connections.
          "quarkus.oidc.auth-server-url", "http://localhost:1",
          "livegate.gemini.base-url", "http://localhost:1");
    }
  }

  @Test
  void anIssuerThatIsAwayIsSaidToBeAway() {
    problem(as(pilot()).post(TOKENS).then(), 503, "issuer-unavailable")
        .header("Retry-After", equalTo("5"));
    assertTrue(management("/q/health/ready").contains("\"status\": \"UP\""));
  }

  @Test
  void aGoogleThatIsAwayIsSaidToBeAway() throws IOException {
    problem(
            as(Surroundings.partner().token("pat"))
                .header("X-Forwarded-For", "203.0.113.99")
                .post(TOKENS)
                .then(),
            503,
            "mint-unavailable")
        .header("Retry-After", equalTo("5"));
    // The refusal is audited with the address that the connection came from.
    Await.until(() -> log().contains("\"subject\":\"partner:pat\""));
    assertFalse(log().contains("203.0.113.99"));
  }

  private static String log() throws IOException {
    return Files.readString(Path.of("target", "test.log"));
  }
}
