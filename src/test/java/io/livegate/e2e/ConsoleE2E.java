package io.livegate.e2e;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Response;
import com.microsoft.playwright.options.AriaRole;
import com.microsoft.playwright.options.RequestOptions;
import com.microsoft.playwright.options.WaitForSelectorState;
import io.livegate.RedisServer;
import io.livegate.Secrets;
import io.livegate.TestIssuer;
import io.livegate.bench.PackagedGateway;
import io.livegate.e2e.Chromium.Look;
import io.livegate.grant.Grant;
import io.livegate.grant.Limits;
import io.livegate.grant.Login;
import io.livegate.grant.Mode;
import io.livegate.identity.Subject;
import io.livegate.ledger.Answer;
import io.livegate.ledger.Beat;
import io.livegate.ledger.Closing;
import io.livegate.ledger.Issue;
import io.livegate.ledger.Lease;
import io.livegate.ledger.RedisClient;
import io.livegate.ledger.RedisLedger;
import io.livegate.ledger.Use;
import io.livegate.policy.PolicyFile;
import io.livegate.policy.PolicyFile.Compiled;
import io.livegate.policy.Rule;
import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.Options;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.smallrye.mutiny.Uni;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The console in a real Chromium: two packaged gateways on one Redis, looked at from one. */
class ConsoleE2E {

  private static final String POLICY =
      """
      version: 1
      admins: "'platform-sre' in claims.groups"
      rules:
        - name: voice-pilots
          when: "'voice-pilots' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay, direct]
          setup:
            generationConfig: {responseModalities: [AUDIO]}
            systemInstruction: "You help ${claims.name}. Answer briefly."
          limits:
            - {per: subject, usage-tokens-per-day: 20000}
            - {per: rule, usage-tokens-per-day: 6000000}
        - name: research
          when: "'research' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay]
          limits:
            - {per: claims.department, usage-tokens-per-day: 500000, session-time-per-day: 20h}
      """;

  private static final String SECRET =
      Secrets.remember(UUID.randomUUID().toString().replace("-", ""));

  private static final String HANDLE_KEY =
      Secrets.remember(Base64.getEncoder().encodeToString(SecureRandom.getSeed(32)));

  private static final String RELAY =
      "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

  private static TestIssuer issuer;
  private static LiveSimulator simulator;
  private static RedisServer redis;
  private static Path policyFile;
  private static PackagedGateway here;
  private static PackagedGateway elsewhere;
  private static Chromium chromium;

  @BeforeAll
  static void start() throws IOException {
    issuer = new TestIssuer();
    simulator = LiveSimulator.start(Options.builder().apiKey(PackagedGateway.API_KEY).build());
    redis = new RedisServer();
    policyFile =
        Files.writeString(Files.createTempFile(Path.of("target"), "policy", ".yaml"), POLICY);
    here = gateway("livegate-0");
    elsewhere = gateway("livegate-1");
    chromium = new Chromium();
  }

  private static PackagedGateway gateway(String name) throws IOException {
    var config = new HashMap<String, String>();
    config.put("livegate.ledger.store", "redis");
    config.put("quarkus.redis.hosts", redis.url());
    config.put("livegate.policy.file", policyFile.toString());
    config.put("livegate.replica", name);
    config.put("livegate.relay.handle-key", HANDLE_KEY);
    config.put("quarkus.oidc.pages.tenant-enabled", "true");
    config.put("quarkus.oidc.pages.auth-server-url", issuer.url());
    config.put("quarkus.oidc.pages.client-id", "livegate-pages");
    config.put("quarkus.oidc.pages.credentials.secret", SECRET);
    config.put("quarkus.oidc.pages.token-state-manager.encryption-secret", SECRET);
    config.put("quarkus.oidc.pages.authentication.nonce-required", "true");
    config.put("quarkus.oidc.pages.authentication.state-secret", SECRET);
    return new PackagedGateway(issuer, simulator.baseUrl(), POLICY, List.of("-Xmx256m"), config);
  }

  @AfterAll
  static void stop() {
    chromium.close();
    here.close();
    elsewhere.close();
    redis.close();
    simulator.close();
    issuer.close();
  }

  // --- Who talks

  /** A session through the other gateway; completes with how it ended. */
  private static CompletableFuture<String> talk(String user) throws Exception {
    var closed = new CompletableFuture<String>();
    var ready = new CompletableFuture<Void>();
    var socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(
                URI.create(
                    elsewhere.url().toString().replaceFirst("^http", "ws")
                        + RELAY
                        + "?access_token="
                        + issuer.token(user).groups("voice-pilots").claim("name", user).sign()),
                new WebSocket.Listener() {
                  @Override
                  public CompletionStage<?> onBinary(
                      WebSocket socket, java.nio.ByteBuffer data, boolean last) {
                    ready.complete(null);
                    socket.request(1);
                    return null;
                  }

                  @Override
                  public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
                    closed.complete(code + " " + reason);
                    return null;
                  }
                })
            .get(20, TimeUnit.SECONDS);
    socket.sendText("{\"setup\":{}}", true).join();
    ready.get(20, TimeUnit.SECONDS);
    return closed;
  }

  // --- Who looks

  private static Page console(Look look) {
    issuer.visitor(issuer.token("root").groups("platform-sre"));
    Page page = chromium.visitor(look).newPage();
    page.navigate(here.url() + "/console");
    assertThat(page.locator("#link")).hasText("Live");
    return page;
  }

  private static Locator row(Page page, String user) {
    return page.locator("#rows tr:not(.spacer)")
        .filter(new Locator.FilterOptions().setHasText(user));
  }

  @Test
  void itShowsASessionOfAnotherReplicaAndEndsIt() throws Exception {
    Page page = console(Look.LIGHT);
    var closed = talk("ada");

    assertThat(row(page, "ada")).containsText("voice-pilots");
    assertThat(row(page, "ada")).containsText("livegate-1");
    row(page, "ada").getByRole(AriaRole.BUTTON).click();
    page.getByRole(AriaRole.BUTTON, new Page.GetByRoleOptions().setName("End this session"))
        .click();

    assertEquals("1008 ended by an administrator", closed.get(20, TimeUnit.SECONDS));
    assertThat(row(page, "ada")).hasCount(0);
    assertThat(page.locator("#said")).containsText("is ended");
    page.context().close();
    chromium.nothingWentWrong();
  }

  @Test
  void itBlocksASubjectAndLiftsIt() throws Exception {
    Page page = console(Look.LIGHT);
    var closed = talk("mallory");
    row(page, "mallory").getByRole(AriaRole.BUTTON).click();
    page.locator("#block").click();
    assertEquals("1008 ended by an administrator", closed.get(20, TimeUnit.SECONDS));
    assertThat(page.locator("#said")).containsText("mallory is blocked until");

    tab(page, "Budgets");
    page.locator("#by-subject li")
        .filter(new Locator.FilterOptions().setHasText("mallory"))
        .getByRole(AriaRole.BUTTON)
        .click();
    assertThat(page.locator("#blocked")).containsText("Blocked until");
    page.locator("#unblock").click();
    assertThat(page.locator("#said")).containsText("no longer blocked");
    page.context().close();
    chromium.nothingWentWrong();
  }

  @Test
  void itEndsAllOfASubject() throws Exception {
    Page page = console(Look.LIGHT);
    var one = talk("carol");
    var other = talk("carol");
    assertThat(row(page, "carol")).hasCount(2);
    row(page, "carol").first().getByRole(AriaRole.BUTTON).click();
    page.locator("#end-all").click();
    assertEquals("1008 ended by an administrator", one.get(20, TimeUnit.SECONDS));
    assertEquals("1008 ended by an administrator", other.get(20, TimeUnit.SECONDS));
    assertThat(page.locator("#said")).hasText("2 sessions of default:carol ended.");
    page.context().close();
    chromium.nothingWentWrong();
  }

  @Test
  void itShowsWhatWasUsedOfBudgets() throws Exception {
    try (var crowd = new Crowd(12)) {
      crowd.talk();
      Page page = console(Look.LIGHT);
      tab(page, "Budgets");
      assertThat(item(page, "#by-rule", "voice-pilots")).containsText("of 6,000,000 tokens");
      assertThat(item(page, "#by-subject", "of 20,000 tokens").first())
          .containsText("voice-pilots");
      assertThat(item(page, "#by-share", "of 500,000 tokens").first())
          .containsText("research · by claims.department");
      assertThat(item(page, "#by-share", "Robotics")).hasCount(2);
      assertThat(item(page, "#by-share", "R&D")).hasCount(2);
      assertThat(item(page, "#by-share", "of 20h 00m")).hasCount(2);
      page.context().close();
    }
    chromium.nothingWentWrong();
  }

  @Test
  void itShowsTheMistakesOfANewerPolicy() throws Exception {
    Page page = console(Look.LIGHT);
    tab(page, "Policy");
    String digest = page.locator("#digest").textContent();
    Files.writeString(policyFile, POLICY.replace("modes: [relay]\n", "modes: [telepathy]\n"));
    page.locator("#mistakes li").waitFor();
    assertThat(page.locator("#mistakes li"))
        .hasText("line 17, research: rules[1].modes[0] must be direct or relay");
    assertThat(page.locator("#digest")).hasText(digest);
    assertThat(page.locator("#replicas .warn").first()).hasText("refuses a newer file");
    shown(page, Look.LIGHT, "rejected");
    Files.writeString(policyFile, POLICY);
    page.locator("#rejected")
        .waitFor(new Locator.WaitForOptions().setState(WaitForSelectorState.HIDDEN));
    page.context().close();
    chromium.nothingWentWrong();
  }

  @Test
  void itShowsWhatWasRefusedByCause() throws Exception {
    Page page = console(Look.LIGHT);
    tab(page, "Refusals");
    refused();
    assertThat(item(page, "#causes", "no-rule-matched")).isVisible();
    assertThat(page.locator("#latest tr").first()).containsText("default:eve");
    assertThat(page.locator("#latest tr").first()).containsText("livegate-0");
    page.context().close();
    chromium.nothingWentWrong();
  }

  private static void tab(Page page, String name) {
    page.getByRole(AriaRole.TAB, new Page.GetByRoleOptions().setName(name)).click();
  }

  private static Locator item(Page page, String list, String text) {
    return page.locator(list + " li").filter(new Locator.FilterOptions().setHasText(text));
  }

  @Test
  void itExplainsADecision() {
    Page page = console(Look.LIGHT);
    tab(page, "Policy");
    page.getByLabel("Claims of the access token")
        .fill("{\"sub\":\"ada\",\"name\":\"Ada\",\"groups\":[\"voice-pilots\"]}");
    page.locator("#explain summary").click();
    page.getByLabel("Issuer").fill(issuer.url());
    page.locator("#explain .primary").click();
    assertThat(page.locator(".verdict")).containsText("Granted by rule voice-pilots");
    assertThat(page.locator("blockquote")).hasText("You help Ada. Answer briefly.");

    page.getByLabel("Claims of the access token").fill("{\"sub\":\"eve\"}");
    page.locator("#explain .primary").click();
    assertThat(page.locator(".verdict")).containsText("Denied: no-rule-matched");
    page.context().close();
    chromium.nothingWentWrong();
  }

  @Test
  void whoIsNoAdministratorSeesNothing() throws Exception {
    issuer.visitor(issuer.token("ada").groups("voice-pilots"));
    var visitor = chromium.visitor(Look.LIGHT);
    Page page = visitor.newPage();
    Response answer = page.navigate(here.url() + "/console");
    assertEquals(403, answer.status());
    assertThat(page.locator("h1")).hasText("Only for administrators");
    Chromium.isAccessible(page);
    for (String path : List.of("/console/api/policy", "/console/feed", "/console/console.js")) {
      assertEquals(403, page.request().get(here.url() + path).status(), path);
    }
    visitor.close();
    chromium.nothingWentWrong();
  }

  @Test
  void whatAnotherOriginSendsIsRefused() {
    Page page = console(Look.LIGHT);
    for (String origin : List.of("https://evil.example", "null", "")) {
      var request = RequestOptions.create().setData("{\"claims\":{\"sub\":\"ada\"}}");
      var answer =
          page.request()
              .post(
                  here.url() + "/console/api/explain",
                  origin.isEmpty() ? request : request.setHeader("Origin", origin));
      assertEquals(403, answer.status(), origin);
      assertTrue(answer.text().contains("origin-forbidden"), answer.text());
    }
    page.context().close();
  }

  @Test
  void theCookieOfThePageIsNoCredentialElsewhere() {
    Page page = console(Look.LIGHT);
    String cookies =
        page.context().cookies().stream()
            .map(cookie -> cookie.name + "=" + cookie.value)
            .collect(Collectors.joining("; "));
    assertTrue(cookies.contains("q_session"), "nobody is signed in");
    for (String path : List.of("/admin/v1/sessions", "/v1/me", "/consolex", RELAY)) {
      var answer =
          page.request()
              .get(here.url() + path, RequestOptions.create().setHeader("Cookie", cookies));
      assertNotEquals(200, answer.status(), path);
      assertTrue(answer.status() == 401 || !path.contains("/v1"), path + " " + answer.status());
    }
    page.context().close();
  }

  // --- How it looks, and how it bears a crowd

  /** That many sessions of a third replica's, as it would tell the ledger of them. */
  private static final class Crowd implements AutoCloseable {
    private final RedisClient client = new RedisClient(redis);
    private final RedisLedger ledger =
        new RedisLedger(
            client.dataSource(),
            "{livegate}:",
            Duration.ofSeconds(10),
            new SimpleMeterRegistry(),
            () -> Duration.ZERO);
    private final String name = UUID.randomUUID() + "-";
    private final int size;
    private long tokens = 100;

    Crowd(int size) {
      this.size = size;
      Instant end = Instant.now().plusSeconds(3600);
      for (int i = 0; i < size; i++) {
        String user = List.of("ada", "bob", "carol", "eve", "kim").get(i % 5) + i / 7;
        var grant =
            new Grant(
                "default:" + user,
                i % 3 == 0 ? "research" : "voice-pilots",
                "models/gemini-3.8-live",
                Mode.RELAY,
                1,
                Duration.ofHours(1),
                Duration.ofMinutes(1),
                Map.of("generationConfig", Map.of("responseModalities", List.of("AUDIO"))),
                List.of(),
                Optional.empty(),
                i % 3 == 0 ? shared(i % 2 == 0 ? "Robotics" : "R&D") : Limits.NONE,
                new Login("default", user, Optional.empty(), Instant.now()));
        var admitted =
            get(
                ledger.open(
                    new Issue(name + i, grant, List.of(), end, end),
                    new Lease(name + i, "livegate-2")));
        assertInstanceOf(Answer.Admitted.class, admitted);
      }
    }

    private static Limits shared(String department) {
      var policy =
          assertInstanceOf(
              Compiled.Accepted.class,
              PolicyFile.compile(POLICY.getBytes(StandardCharsets.UTF_8), false));
      Rule research = policy.policy().rules().get(1);
      var bounds =
          assertInstanceOf(
              Rule.Bounds.Known.class,
              research.bounds(new Subject("default:ada", "", Map.of("department", department))));
      return bounds.limits();
    }

    /** Half of them use something, and all of them hold their slots. */
    void talk() {
      tokens += 37;
      var pulses = new ArrayList<Beat.Pulse>();
      for (int i = 0; i < size; i++) {
        long total = i % 2 == 0 ? tokens + i : i;
        var use = new Use(Map.of(), total, Duration.ofSeconds(tokens / 37), (int) (total / 100), 1);
        pulses.add(new Beat.Pulse(name + i, "models/gemini-3.8-live", use));
      }
      get(ledger.beat(new Beat("livegate-2", 0, pulses)));
    }

    private static <T> T get(Uni<T> answer) {
      return answer.await().atMost(Duration.ofSeconds(20));
    }

    @Override
    public void close() {
      for (int i = 0; i < size; i++) {
        get(ledger.close(new Closing(name + i, "models/gemini-3.8-live", Use.NONE, false, false)));
      }
      client.close();
    }
  }

  @Test
  void aThousandSessionsAreDrawnAsTheyChange() throws Exception {
    try (var crowd = new Crowd(1000)) {
      Page page = console(Look.LIGHT);
      assertThat(page.locator("#count")).hasText("1,000 live");
      // Only those are in the document that can be seen, or soon can.
      assertTrue(page.locator("#rows tr").count() < 60);
      page.evaluate(
          """
          () => {
            window.seen = {gaps: [], long: 0, touched: 0};
            new PerformanceObserver(list => {
              for (const task of list.getEntries()) seen.long = Math.max(seen.long, task.duration);
            }).observe({entryTypes: ['longtask']});
            new MutationObserver(changes => { seen.touched += changes.length; }).observe(
              document.getElementById('rows'), {subtree: true, childList: true, characterData: true});
            let last = performance.now();
            const frame = () => {
              const now = performance.now();
              seen.gaps.push(now - last);
              last = now;
              requestAnimationFrame(frame);
            };
            requestAnimationFrame(frame);
          }
          """);
      String usage = page.locator("#rows .tokens").first().textContent();
      for (int i = 0; i < 8; i++) {
        crowd.talk();
        page.locator("#scroller").hover();
        page.mouse().wheel(0, 700);
        page.waitForTimeout(1000);
      }
      System.out.println(
          page.evaluate(
              """
              () => {
                const gaps = seen.gaps.sort((a, b) => a - b);
                const at = part => gaps[Math.floor(gaps.length * part)].toFixed(1);
                return `1,000 live sessions, half of them changing every second, scrolled meanwhile: `
                  + `${gaps.length} frames, between two of them ${at(.5)} ms (p50), ${at(.99)} ms (p99), `
                  + `${gaps.at(-1).toFixed(1)} ms (most); longest task ${seen.long.toFixed(0)} ms; `
                  + `${seen.touched} changes of the document`;
              }
              """));
      page.getByLabel("Filter sessions").fill("research ada");
      assertThat(page.locator("#count")).containsText("of 1,000 live");
      assertThat(page.locator("#rows tr:not(.spacer)").first()).containsText("research");
      page.getByLabel("Filter sessions").fill("");
      page.locator("th[data-key=tokens] button").click();
      assertThat(page.locator("th[data-key=tokens]")).hasAttribute("aria-sort", "descending");
      assertThat(page.locator("#rows .tokens").first()).not().hasText(usage);
      page.context().close();
    }
    chromium.nothingWentWrong();
  }

  @ParameterizedTest
  @EnumSource(Look.class)
  void itIsGoodLookingAndAccessible(Look look) throws Exception {
    page(look, "nobody").context().close();
    try (var crowd = new Crowd(40)) {
      crowd.talk();
      refused();
      Page page = page(look, "sessions");
      assertThat(page.locator("#count")).hasText("40 live");
      shown(page, look, "sessions");
      page.locator("#rows button").first().click();
      shown(page, look, "dialog");
      page.keyboard().press("Escape");
      for (String tab : List.of("budgets", "policy", "refusals")) {
        page.locator("#tab-" + tab).click();
        if (tab.equals("policy")) {
          page.getByLabel("Claims of the access token")
              .fill("{\"sub\":\"ada\",\"name\":\"Ada\",\"groups\":[\"voice-pilots\"]}");
          page.locator("#explain .primary").click();
          assertThat(page.locator(".verdict")).isVisible();
        }
        shown(page, look, tab);
      }
      page.context().close();
    }
    chromium.nothingWentWrong();
  }

  private static void refused() throws Exception {
    for (String group : List.of("strangers", "nobody")) {
      HttpClient.newHttpClient()
          .send(
              HttpRequest.newBuilder(URI.create(here.url() + "/v1/tokens"))
                  .header("Authorization", "Bearer " + issuer.token("eve").groups(group).sign())
                  .POST(HttpRequest.BodyPublishers.noBody())
                  .build(),
              HttpResponse.BodyHandlers.discarding());
    }
  }

  private static Page page(Look look, String what) throws IOException {
    var page = console(look);
    if (what.equals("nobody")) {
      assertThat(page.locator("#empty-text")).hasText("Nobody is talking.");
      Chromium.isAccessible(page);
    }
    return page;
  }

  private static void shown(Page page, Look look, String what) throws IOException {
    Chromium.screenshot(page, "console-" + what + "-" + look.name().toLowerCase(Locale.ROOT));
    Chromium.isAccessible(page);
  }

  @Test
  void itLoadsInLessThanAHundredKilobytes() {
    issuer.visitor(issuer.token("root").groups("platform-sre"));
    var visitor = chromium.visitor(Look.LIGHT);
    Page page = visitor.newPage();
    var loaded = new ArrayList<Response>();
    page.onResponse(loaded::add);
    page.navigate(here.url() + "/console");
    assertThat(page.locator("#link")).hasText("Live");
    long bytes =
        List.copyOf(loaded).stream()
            .filter(response -> response.status() == 200)
            .mapToLong(response -> response.body().length)
            .sum();
    System.out.printf("The console loads %d files, %d bytes%n", loaded.size(), bytes);
    assertTrue(bytes < 100_000, () -> bytes + " bytes");
    assertTrue(
        List.copyOf(loaded).stream()
            .allMatch(
                r ->
                    r.url().startsWith(here.url().toString()) || r.url().startsWith(issuer.url())));
    visitor.close();
  }
}
