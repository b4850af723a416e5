package io.livegate;

import static io.livegate.ConsoleTest.cookies;
import static io.livegate.ConsoleTest.own;
import static io.livegate.GatewayTest.problem;
import static io.restassured.RestAssured.given;
import static org.hamcrest.Matchers.allOf;
import static org.hamcrest.Matchers.containsString;
import static org.hamcrest.Matchers.equalTo;
import static org.hamcrest.Matchers.not;
import static org.hamcrest.Matchers.startsWith;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.restassured.RestAssured;
import io.restassured.specification.RequestSpecification;
import java.io.IOException;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Who has signed in at a page, and what their browser may do. */
@QuarkusTest
@WithTestResource(Surroundings.class)
class PagesTest {

  private final String user = "user-" + UUID.randomUUID();

  private TestIssuer.Token pilot() {
    return Surroundings.issuer().token(user).groups("voice-pilots");
  }

  private static RequestSpecification at(TestIssuer.Token who) throws IOException {
    return given().header("Cookie", cookies(who));
  }

  @ParameterizedTest
  @ValueSource(strings = {"/", "/index.html", "/playground/playground.js", "/console"})
  void whoHasNotSignedInIsSentToTheProvider(String path) {
    given()
        .redirects()
        .follow(false)
        .get(path)
        .then()
        .statusCode(302)
        .header(
            "Location",
            allOf(
                startsWith(Surroundings.issuer().url() + "/authorize"),
                containsString("code_challenge_method=S256"),
                containsString("playground%2Fsigned-in")));
  }

  @Test
  void aScriptIsToldInsteadOfSent() {
    given()
        .header("X-Requested-With", "JavaScript")
        .get("/playground/api/me")
        .then()
        .statusCode(499)
        .header("WWW-Authenticate", "OIDC");
  }

  @Test
  void aCallOfThePageIsOneOfTheApi() throws IOException {
    at(pilot())
        .get("/playground/api/me")
        .then()
        .statusCode(200)
        .header("Cache-Control", "no-store")
        .body("subject", equalTo("default:" + user))
        .body("rule", equalTo("pilots"));
    String token =
        at(pilot())
            .header("Origin", own())
            .contentType("application/json")
            .body("{\"setup\":{\"generationConfig\":{\"temperature\":0.5}}}")
            .post("/playground/api/tokens")
            .then()
            .statusCode(201)
            .extract()
            .path("token");
    assertTrue(Secrets.remember(token).startsWith("auth_tokens/"));
    problem(
        at(pilot())
            .header("Origin", own())
            .contentType("application/json")
            .body("{\"model\":\"models/none\"}")
            .post("/playground/api/tokens")
            .then(),
        403,
        "beyond-policy");
    problem(at(pilot()).get("/playground/api/nothing").then(), 404, "not-found");
    problem(at(pilot()).get("/console/api/sessions").then(), 403, "admin-required");
  }

  @ParameterizedTest
  @ValueSource(strings = {"/playground/api/tokens", "/sign-out", "/"})
  void whatAnotherOriginPostsIsRefused(String path) throws IOException {
    String cookies = cookies(pilot());
    for (String origin :
        new String[] {"https://evil.example", "null", "", own() + ".evil.example"}) {
      var request = given().header("Cookie", cookies);
      if (!origin.isEmpty()) {
        request.header("Origin", origin);
      }
      problem(request.post(path).then(), 403, "origin-forbidden");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/v1/me",
        "/v1/tokens",
        "/v1beta/auth_tokens",
        "/admin/v1/sessions",
        "/admin/v1/subjects/pages/block"
      })
  void theCookieIsNoCredentialOfTheApi(String path) throws IOException {
    String method = path.endsWith("tokens") ? "POST" : "GET";
    given()
        .header("Cookie", cookies(pilot()))
        .header("Origin", own())
        .redirects()
        .follow(false)
        .request(method, path)
        .then()
        .statusCode(401);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/playground/api/me", "/console/api/sessions"})
  void anAccessTokenIsNoneOfThePages(String path) {
    given()
        .header("Authorization", "Bearer " + pilot().sign())
        .header("X-Requested-With", "JavaScript")
        .get(path)
        .then()
        .statusCode(499);
  }

  @Test
  void theCookieIsForNobodysEyes() throws IOException {
    String cookies = cookies(pilot());
    assertTrue(!cookies.contains("eyJ0") && !cookies.contains(user), "it is encrypted");
    var signedIn =
        given()
            .header("Cookie", cookies)
            .header("Accept", "text/html")
            .get("/")
            .then()
            .statusCode(200)
            .contentType("text/html")
            .extract();
    assertEquals("no-store", signedIn.header("Cache-Control"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"/", "/playground/playground.js", "/pages/base.css"})
  void aPageRunsNothingButItsOwn(String path) throws IOException {
    at(pilot())
        .get(path)
        .then()
        .statusCode(200)
        .header(
            "Content-Security-Policy",
            allOf(
                startsWith("default-src 'none'; script-src 'self'; style-src 'self';"),
                containsString("frame-ancestors 'none'"),
                containsString(
                    "connect-src 'self' "
                        + Surroundings.simulator().baseUrl().toString().replaceFirst("^http", "ws")
                        + ";"),
                not(containsString("unsafe"))))
        .header("X-Content-Type-Options", "nosniff")
        .header("Referrer-Policy", "no-referrer")
        .header("Permissions-Policy", containsString("microphone=(self)"));
  }

  @Test
  void whoSignsOutIsSentToTheProviderAndKnownNoMore() throws IOException {
    String cookies = cookies(pilot().claim("sid", UUID.randomUUID().toString()));
    given().header("Cookie", cookies).get("/playground/api/me").then().statusCode(200);
    given()
        .header("Cookie", cookies)
        .header("Origin", own())
        .post("/sign-out")
        .then()
        .statusCode(200)
        .header("Set-Cookie", allOf(startsWith("q_session_pages"), containsString("Max-Age=0")))
        .body(
            "location",
            allOf(
                startsWith(Surroundings.issuer().url() + "/logout?id_token_hint="),
                containsString("post_logout_redirect_uri=http")));
    // Neither is a copy of the cookie.
    given()
        .header("Cookie", cookies)
        .redirects()
        .follow(false)
        .get("/playground/api/me")
        .then()
        .statusCode(401);
    given().get("/pages/signed-out.html").then().statusCode(200);
  }

  @Test
  void whoseTokenIsForAnotherGatewayIsToldSo() throws Exception {
    Surroundings.issuer().visitor(pilot().claim("aud", "another"));
    var answer =
        java.net.http.HttpClient.newBuilder()
            .cookieHandler(new java.net.CookieManager())
            .followRedirects(java.net.http.HttpClient.Redirect.ALWAYS)
            .build()
            .send(
                java.net.http.HttpRequest.newBuilder(java.net.URI.create(own() + "/"))
                    .header("Accept", "text/html")
                    .build(),
                java.net.http.HttpResponse.BodyHandlers.ofString());
    assertEquals(200, answer.statusCode());
    assertTrue(answer.body().contains("You could not be signed in"), answer.body());
  }

  @Test
  void theRelayDoesNotReadTheCookie() throws IOException {
    try (var relay =
        new RawSocket(
            RestAssured.port,
            "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
            "Origin: " + own(),
            "Cookie: " + cookies(pilot()))) {
      assertEquals("401", relay.status());
    }
  }
}
