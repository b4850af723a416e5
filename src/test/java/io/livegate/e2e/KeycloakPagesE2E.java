package io.livegate.e2e;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.Cookie;
import com.microsoft.playwright.options.RequestOptions;
import com.microsoft.playwright.options.SameSiteAttribute;
import io.livegate.e2e.Chromium.Look;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import java.io.IOException;
import java.util.List;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The pages of the packaged gateway for users of a real Keycloak. */
@QuarkusIntegrationTest
@WithTestResource(Keycloak.class)
@WithTestResource(SimulatedGoogle.class)
class KeycloakPagesE2E {

  private static Chromium chromium;

  private BrowserContext visitor;

  @BeforeAll
  static void start() throws IOException {
    chromium = new Chromium(Playground.microphone());
  }

  @AfterAll
  static void stop() throws IOException {
    chromium.close();
    Gateway.keptItsSecrets();
  }

  @BeforeEach
  void forget() {
    SimulatedGoogle.simulator().journal().clear();
    visitor = chromium.visitor(Look.LIGHT);
  }

  @AfterEach
  void leave() {
    visitor.close();
    chromium.nothingWentWrong();
  }

  /** Goes to a page and signs in at Keycloak's. */
  private Playground signIn(String user, String url) {
    var playground = Playground.at(visitor);
    Page page = playground.page();
    page.navigate(url);
    assertTrue(page.url().contains("/realms/livegate/protocol/openid-connect/auth"), page.url());
    page.locator("#username").fill(user);
    page.locator("#password").fill(user + "-password");
    page.locator("#kc-login").click();
    assertThat(page.locator("h1")).isVisible();
    return playground;
  }

  private List<Cookie> session() {
    return visitor.cookies().stream()
        .filter(cookie -> cookie.name.startsWith("q_session"))
        .toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"direct", "relay"})
  void aUserTalks(String mode) {
    var playground = signIn("ada", Gateway.url() + "/");
    assertEquals(Gateway.url() + "/", playground.page().url());
    assertThat(playground.page().locator("#rule")).hasText("pilots");
    playground.mode(mode).talk("Talk").say("Good morning");
    assertThat(playground.transcript().locator(".model").first()).containsText("Good");
    playground.press("End");
    assertThat(playground.transcript()).containsText("You have ended it.");
  }

  @Test
  void theCookieIsOnlyForThisGatewayAndByTlsOnlyWhereThereIsTls() throws IOException {
    signIn("ada", Gateway.tlsUrl() + "/");
    assertFalse(session().isEmpty(), "nobody is signed in");
    for (Cookie cookie : session()) {
      assertTrue(cookie.httpOnly, cookie.name);
      assertTrue(cookie.secure, cookie.name);
      assertEquals(SameSiteAttribute.LAX, cookie.sameSite, cookie.name);
      assertEquals("127.0.0.1", cookie.domain);
    }
  }

  @Test
  void whoSignsOutIsSignedOutAtKeycloakToo() {
    var playground = signIn("ada", Gateway.url() + "/");
    Page page = playground.page();
    String copy =
        session().stream()
            .map(cookie -> cookie.name + "=" + cookie.value)
            .collect(Collectors.joining("; "));
    assertThat(page.locator("#state")).hasText("Ready");
    playground.press("Sign out");
    assertThat(page.locator("h1")).hasText("You are signed out");
    assertEquals(List.of(), session());
    // Keycloak asks for the password again.
    page.locator("main a").click();
    assertThat(page.locator("#password")).isVisible();
    var answer =
        page.request()
            .get(
                Gateway.url() + "/playground/api/me",
                RequestOptions.create()
                    .setHeader("Cookie", copy)
                    .setHeader("X-Requested-With", "JavaScript"));
    assertTrue(List.of(401, 499).contains(answer.status()), () -> "" + answer.status());
  }

  @Test
  void onlyAdministratorsSeeTheConsole() {
    var sam = signIn("sam", Gateway.url() + "/console").page();
    assertThat(sam.locator("#link")).hasText("Live");
    visitor.close();
    visitor = chromium.visitor(Look.LIGHT);
    var ada = signIn("ada", Gateway.url() + "/console").page();
    assertThat(ada.locator("h1")).hasText("Only for administrators");
  }
}
