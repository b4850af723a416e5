package io.livegate.e2e;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Response;
import com.microsoft.playwright.Route;
import com.microsoft.playwright.options.AriaRole;
import com.microsoft.playwright.options.RequestOptions;
import io.livegate.Await;
import io.livegate.Secrets;
import io.livegate.TestIssuer;
import io.livegate.bench.PackagedGateway;
import io.livegate.e2e.Chromium.Look;
import io.livegate.simulator.Action;
import io.livegate.simulator.Journal;
import io.livegate.simulator.LiveSimulator;
import io.livegate.simulator.MintFault;
import io.livegate.simulator.Options;
import io.livegate.simulator.Script;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The playground in a real Chromium with a microphone, at a packaged gateway. */
class PlaygroundE2E {

  private static final String POLICY =
      """
      version: 1
      admins: "'platform-sre' in claims.groups"
      rules:
        - name: pilots
          when: "'voice-pilots' in claims.groups"
          models: [gemini-3.8-live, gemini-3.1-flash-live-preview]
          modes: [direct, relay]
          setup: &spoken
            generationConfig: {responseModalities: [AUDIO]}
            inputAudioTranscription: {}
            outputAudioTranscription: {}
            contextWindowCompression: {slidingWindow: {}}
          open: [generationConfig.speechConfig, generationConfig.temperature, systemInstruction]
          limits:
            - {per: subject, grants-per-day: 200}
            - {per: rule, usage-tokens-per-day: 5000000}
        - name: seldom
          when: "'seldom' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay]
          setup: *spoken
          limits:
            - {per: subject, grants-per-minute: 1}
        - name: brief
          when: "'brief' in claims.groups"
          models: [gemini-3.8-live]
          modes: [relay]
          setup: *spoken
          limits:
            - {per: subject, usage-tokens-per-day: 300}
      """;

  private static final String STORY = "Once upon a time there was a gateway that ".repeat(20);

  private static TestIssuer issuer;
  private static LiveSimulator simulator;
  private static PackagedGateway gateway;
  private static Chromium chromium;

  private final String user = "user-" + UUID.randomUUID().toString().substring(0, 8);
  private BrowserContext visitor;

  @BeforeAll
  static void start() throws IOException {
    issuer = new TestIssuer();
    simulator =
        LiveSimulator.start(
            Options.builder()
                .recording(Options.Recording.FRAMES)
                .apiKey(PackagedGateway.API_KEY)
                .build());
    String secret = Secrets.remember(UUID.randomUUID().toString().replace("-", ""));
    gateway =
        new PackagedGateway(
            issuer,
            simulator.baseUrl(),
            POLICY,
            List.of("-Xmx256m"),
            Map.of(
                "quarkus.oidc.pages.tenant-enabled",
                "true",
                "quarkus.oidc.pages.client-id",
                "livegate-pages",
                "quarkus.oidc.pages.credentials.secret",
                secret,
                "quarkus.oidc.pages.token-state-manager.encryption-secret",
                secret));
    chromium = new Chromium(Playground.microphone());
  }

  @AfterAll
  static void stop() {
    chromium.close();
    gateway.close();
    simulator.close();
    issuer.close();
  }

  @BeforeEach
  void forget() {
    simulator.journal().clear();
    simulator.script().clear();
  }

  @AfterEach
  void leave() {
    if (visitor != null) {
      visitor.close();
    }
    chromium.nothingWentWrong();
  }

  private Playground playground(String group) {
    return playground(Look.LIGHT, group);
  }

  private Playground playground(Look look, String group) {
    issuer.visitor(issuer.token(user).groups(group).claim("name", "Ada Lovelace"));
    visitor = chromium.visitor(look);
    var playground = Playground.open(visitor, gateway.url() + "/");
    assertThat(playground.page().locator("#state")).not().hasText("Loading");
    return playground;
  }

  private static Journal.Session session() {
    List<Journal.Session> sessions = simulator.journal().sessions();
    assertEquals(1, sessions.size());
    return sessions.get(0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"direct", "relay"})
  void whatIsSaidIsHeardAndAnswered(String mode) {
    var playground = playground("voice-pilots").mode(mode).talk("Talk");
    assertThat(playground.page().locator("#state"))
        .hasText(mode.equals("relay") ? "Live, through this gateway" : "Live, straight to Google");
    assertThat(playground.transcript().locator(".you").first()).containsText("ms of audio");
    assertThat(playground.transcript().locator(".model").first()).containsText("ms of audio");
    // The first thing heard may be the end of a tone only, and its answer short.
    Await.until(() -> Playground.sent(session()).stream().anyMatch(turn -> turn.size() > 3));
    playground.press("Mute");
    // Google's words: exactly these, one after the other.
    Await.until(
        () -> {
          var turns = Playground.sent(session());
          var played = playground.played();
          boolean all =
              turns.stream()
                  .flatMap(List::stream)
                  .toList()
                  .equals(played.stream().map(Playground.Sound::samples).toList());
          if (all) {
            hasNoGaps(played, turns);
          }
          return all;
        });
    isTheTone(session());
    assertFalse(playground.page().locator("#tokens").textContent().equals("0"));
    assertFalse(playground.page().locator("#time").textContent().equals("0:00"));

    playground.press("End");
    assertThat(playground.transcript()).containsText("You have ended it.");
    Await.until(() -> session().closed());
    var setup = session().clientSetup();
    assertEquals("models/gemini-3.8-live", setup.getString("model"));
  }

  private static void hasNoGaps(List<Playground.Sound> played, List<List<List<Integer>>> turns) {
    int at = 0;
    for (List<List<Integer>> turn : turns) {
      for (int i = 1; i < turn.size(); i++) {
        var before = played.get(at + i - 1);
        var after = played.get(at + i);
        double gap = after.when() - before.when() - before.length();
        assertTrue(gap > -0.0005 && gap < 0.02, () -> "a gap of " + gap + " s");
        assertEquals(24_000, after.rate());
      }
      at += turn.size();
    }
  }

  /** That the microphone's tone arrived at 16 kHz, in chunks of 20 to 40 ms. */
  private static void isTheTone(Journal.Session session) {
    var heard = Playground.heard(session);
    var loud = new ArrayList<Integer>();
    for (JsonObject chunk : heard) {
      assertEquals("audio/pcm;rate=16000", chunk.getString("mimeType"));
      var samples = Playground.samples(chunk.getString("data"));
      assertTrue(samples.size() >= 320 && samples.size() <= 640, samples.size() + " samples");
      if (samples.stream().filter(sample -> Math.abs(sample) > 1000).count() > 250) {
        loud.addAll(samples);
      }
    }
    int crossings = 0;
    for (int i = 1; i < loud.size(); i++) {
      crossings += loud.get(i - 1) < 0 != loud.get(i) < 0 ? 1 : 0;
    }
    double tone = crossings / 2.0 / (loud.size() / 16_000.0);
    assertEquals(Playground.TONE, tone, 12, "Hz");
  }

  @Test
  void whoWritesInterruptsAndTheAnswerFallsSilent() {
    var playground = playground("voice-pilots").talk("Only write").say(STORY);
    Await.until(() -> playground.played().size() > 8);
    playground.say("Never mind");
    assertThat(playground.transcript().locator(".model[data-cut]")).hasCount(1);
    assertThat(playground.transcript().locator(".model").last()).containsText("Never mind");
    assertTrue(playground.silenced() > 3, "what was to come was not taken back");
    // The new answer does not wait for the rest of the old one.
    var played = playground.played();
    var answer =
        played.stream()
            .filter(sound -> Math.abs(sound.when() - sound.now() - 0.08) < 0.01)
            .reduce((first, second) -> second)
            .orElseThrow();
    assertTrue(played.indexOf(answer) > 0);
  }

  @ParameterizedTest
  @ValueSource(strings = {"direct", "relay"})
  void whoSpeaksInterruptsToo(String mode) {
    var playground = playground("voice-pilots").mode(mode).talk("Talk").say(STORY);
    assertThat(playground.transcript().locator(".model[data-cut]").first()).isVisible();
    assertTrue(playground.silenced() > 3, "what was to come was not taken back");
    assertThat(playground.transcript().locator(".model").last()).containsText("ms of audio");
  }

  @Test
  void theSettingsAreAskedForAndWhatIsFixedIsNotOffered() {
    var playground = playground("voice-pilots");
    Page page = playground.page();
    page.locator("#model").selectOption("models/gemini-3.1-flash-live-preview");
    page.getByLabel("Voice").selectOption("Kore");
    page.getByLabel("Temperature").fill("0.4");
    assertThat(page.locator("#snippet")).containsText("\"voiceName\": \"Kore\"");
    playground.talk("Only write").say("Hello");
    assertThat(playground.transcript().locator(".model")).containsText("Hello");
    var setup = session().setup();
    assertEquals("models/gemini-3.1-flash-live-preview", setup.getString("model"));
    var generation = setup.getJsonObject("generationConfig");
    assertEquals(0.4, generation.getDouble("temperature"));
    assertTrue(generation.getJsonObject("speechConfig").encode().contains("Kore"));
    visitor.close();

    var fixed = playground("seldom").page();
    assertThat(fixed.getByLabel("Voice")).isHidden();
    assertThat(fixed.locator("#modes [data-mode=direct]")).isHidden();
    assertThat(fixed.locator("#fixed")).hasText("Everything else is fixed by your rule.");
  }

  @Test
  void itShowsProgramsAndNoToken() {
    Page page = playground("voice-pilots").page();
    for (String language : List.of("curl", "JavaScript", "Python", "Java", "Go")) {
      page.getByRole(AriaRole.TAB, new Page.GetByRoleOptions().setName(language).setExact(true))
          .click();
      assertThat(page.locator("#snippet")).containsText(gateway.url() + "/v1/tokens");
      assertThat(page.locator("#snippet")).containsText("ACCESS_TOKEN");
    }
    assertFalse(page.content().contains("eyJ"), "a token is shown");
    assertFalse(page.content().contains("auth_tokens/"), "a token is shown");
  }

  @ParameterizedTest
  @ValueSource(strings = {"direct", "relay"})
  void itsProgramsRun(String mode) throws IOException {
    var playground = playground("voice-pilots").mode(mode);
    String instruction = "Say \"it's\" \\ `twice`, true";
    playground.page().getByLabel("Temperature").fill("0.4");
    playground.page().getByLabel("Instruction").fill(instruction);
    String accessToken =
        Secrets.remember(issuer.token(user).groups("voice-pilots").claim("name", "it's").sign());
    var minted =
        new JsonObject(
            JsSdk.example("snippet.sh", snippet(playground, "curl"), accessToken, "bash"));
    assertEquals(mode, minted.getString("mode"));
    Secrets.remember(minted.getString("token"));
    assertEquals(
        "Hello, Gemini",
        JsSdk.example("snippet.mjs", snippet(playground, "JavaScript"), accessToken, "node"));
    var setup = session().setup();
    assertEquals(0.4, setup.getJsonObject("generationConfig").getDouble("temperature"));
    assertEquals(
        instruction,
        setup
            .getJsonObject("systemInstruction")
            .getJsonArray("parts")
            .getJsonObject(0)
            .getString("text"));
    compiles(snippet(playground, "Java"));
  }

  private static String snippet(Playground playground, String language) {
    playground
        .page()
        .getByRole(AriaRole.TAB, new Page.GetByRoleOptions().setName(language).setExact(true))
        .click();
    return playground.page().locator("#snippet").textContent();
  }

  private static void compiles(String program) throws IOException {
    Path directory = Files.createDirectories(Path.of("target", "snippet"));
    Path source = Files.writeString(directory.resolve("Talk.java"), program);
    var messages = new ByteArrayOutputStream();
    int failed =
        ToolProvider.getSystemJavaCompiler()
            .run(
                null,
                messages,
                messages,
                "-cp",
                System.getProperty("java.class.path"),
                "-d",
                directory.toString(),
                source.toString());
    assertEquals(0, failed, messages::toString);
  }

  @Test
  void whoHasReachedALimitIsToldUntilWhen() {
    var playground = playground("seldom").talk("Only write").press("End");
    assertThat(playground.page().locator(".limits .full")).containsText("0 of 1");
    playground.press("Only write");
    assertThat(playground.trouble()).containsText("A limit of yours is reached");
    assertThat(playground.trouble())
        .containsText(Pattern.compile("Try again in .*, at \\d\\d:\\d\\d"));
    assertThat(playground.page().locator("#state")).hasText("Not started");
  }

  @Test
  void whoseBudgetIsUsedUpIsToldWhenItEnds() {
    var playground = playground("brief").talk("Only write").say(STORY);
    assertThat(playground.trouble())
        .containsText(
            "Gemini tokens a day",
            new com.microsoft.playwright.assertions.LocatorAssertions.ContainsTextOptions()
                .setTimeout(30_000));
    assertThat(playground.page().locator("#state")).hasText("Ended");
  }

  @Test
  void whomAnAdministratorEndsIsToldSo() throws Exception {
    var playground = playground("voice-pilots").mode("relay").talk("Only write");
    HttpClient.newHttpClient()
        .send(
            HttpRequest.newBuilder(
                    URI.create(gateway.url() + "/admin/v1/sessions?subject=default%3A" + user))
                .header(
                    "Authorization", "Bearer " + issuer.token("root").groups("platform-sre").sign())
                .DELETE()
                .build(),
            HttpResponse.BodyHandlers.discarding());
    assertThat(playground.trouble()).containsText("An administrator has ended this session.");
  }

  @Test
  void whatGoesWrongIsSaidInPlainWords() {
    var stranger = playground("strangers");
    assertThat(stranger.trouble()).containsText("The policy has no rule for you.");
    assertThat(stranger.page().locator("#talk")).isDisabled();
    visitor.close();

    simulator.script().mints(1, MintFault.error(403, "PERMISSION_DENIED", "No"));
    var playground = playground("voice-pilots").press("Only write");
    assertThat(playground.trouble()).containsText("Google refused.");

    simulator
        .script()
        .session(
            Script.At.AFTER_SETUP_COMPLETE,
            new Action.Close(1011, "You exceeded your current quota"));
    playground.press("Only write");
    assertThat(playground.trouble()).containsText("Google’s quota is used up.");
  }

  @Test
  void withoutAMicrophoneOneCanWrite() throws IOException {
    issuer.visitor(issuer.token(user).groups("voice-pilots"));
    try (var deaf = new Chromium()) {
      var playground = Playground.open(deaf.visitor(Look.LIGHT), gateway.url() + "/");
      playground.talk("Talk");
      assertThat(playground.transcript()).containsText("Until then, write.");
      playground.say("Good morning");
      assertThat(playground.transcript().locator(".model")).containsText("Good morning");
      deaf.nothingWentWrong();
    }
  }

  @Test
  void whoBlocksTheMicrophoneIsToldHowToAllowIt() {
    issuer.visitor(issuer.token(user).groups("voice-pilots"));
    visitor = chromium.visitor(Look.LIGHT);
    visitor.addInitScript(
        // The blank page before has no media at all.
        "if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia ="
            + " async () => { throw new DOMException('no', 'NotAllowedError'); }");
    var playground = Playground.open(visitor, gateway.url() + "/").talk("Talk");
    assertThat(playground.transcript())
        .containsText("Your browser blocks the microphone: allow it by the sign");
    playground.say("Good morning");
    assertThat(playground.transcript().locator(".model")).containsText("Good morning");
  }

  @Test
  void whoSignsOutIsKnownNoMore() {
    var playground = playground("voice-pilots");
    Page page = playground.page();
    String cookies = cookies();
    assertTrue(cookies.contains("q_session_pages"), "nobody is signed in");
    playground.press("Sign out");
    assertThat(page.locator("h1")).hasText("You are signed out");
    assertEquals(gateway.url() + "/pages/signed-out.html", page.url());
    assertFalse(cookies().contains("q_session"), "the cookie is still there");
    assertEquals(
        499,
        page.request()
            .get(
                gateway.url() + "/playground/api/me",
                RequestOptions.create().setHeader("X-Requested-With", "JavaScript"))
            .status());
  }

  private String cookies() {
    return visitor.cookies().stream()
        .map(cookie -> cookie.name + "=" + cookie.value)
        .collect(Collectors.joining("; "));
  }

  @Test
  void aPageOfAnotherOriginCanDoNothing() {
    playground("voice-pilots");
    Page evil = visitor.newPage();
    evil.route(
        "http://evil.example/",
        route ->
            route.fulfill(
                new Route.FulfillOptions()
                    .setContentType("text/html")
                    .setBody("<!doctype html><title>evil</title><iframe id=f></iframe>")));
    evil.navigate("http://evil.example/");
    var outcome =
        new JsonObject(
            (String)
                evil.evaluate(
                    """
                    async base => {
                      const tried = {};
                      const attempt = async (name, what) => {
                        tried[name] = await what().then(() => 'done', () => 'refused');
                      };
                      const all = {credentials: 'include'};
                      await attempt('read', () => fetch(base + '/playground/api/me', all));
                      await attempt('write', () => fetch(base + '/playground/api/tokens', {...all, method: 'POST', body: '{}'}));
                      await attempt('blind', () => fetch(base + '/playground/api/tokens', {...all, method: 'POST', mode: 'no-cors'}));
                      await attempt('feed', () => new Promise((resolve, reject) => {
                        const socket = new WebSocket(base.replace('http', 'ws') + '/console/feed');
                        socket.onopen = resolve;
                        socket.onerror = reject;
                      }));
                      const frame = document.getElementById('f');
                      await new Promise(resolve => { frame.onload = resolve; frame.src = base + '/'; });
                      try { tried.frame = frame.contentDocument ? 'read' : 'closed'; } catch { tried.frame = 'closed'; }
                      return JSON.stringify(tried);
                    }
                    """,
                    gateway.url().toString()));
    assertEquals("refused", outcome.getString("read"));
    assertEquals("refused", outcome.getString("write"));
    assertEquals("refused", outcome.getString("feed"));
    assertEquals("closed", outcome.getString("frame"));
    assertEquals(
        0, evil.frames().stream().filter(f -> f.url().startsWith(gateway.url() + "/")).count());
    assertEquals(List.of(), simulator.journal().mints());
    // Not even with the cookie, which browsers do not send along.
    for (String origin : List.of("http://evil.example", "null")) {
      var answer =
          evil.request()
              .post(
                  gateway.url() + "/playground/api/tokens",
                  RequestOptions.create()
                      .setHeader("Cookie", cookies())
                      .setHeader("Origin", origin));
      assertEquals(403, answer.status());
      assertTrue(answer.text().contains("origin-forbidden"), answer.text());
    }
    assertEquals(List.of(), simulator.journal().mints());
  }

  @ParameterizedTest
  @EnumSource(Look.class)
  void itIsGoodLookingAndAccessible(Look look) throws IOException {
    var playground = playground(look, "voice-pilots");
    Page page = playground.page();
    assertThat(page.locator("#state")).hasText("Ready");
    shown(page, look, "ready");
    playground.talk("Talk").say("What is the weather like in Bonn?");
    assertThat(playground.transcript().locator(".model").first()).containsText("What");
    assertThat(playground.transcript().locator(".you").last()).containsText("ms of audio");
    Await.until(
        () ->
            (boolean)
                page.evaluate(
                    "parseFloat(getComputedStyle(document.getElementById('level-model')).transform.slice(7)) > 0.3"));
    shown(page, look, "live");
    playground.press("End");
    page.locator(".code").scrollIntoViewIfNeeded();
    shown(page, look, "code");
    visitor.close();
    Page denied = playground(look, "strangers").page();
    assertThat(denied.locator("#trouble")).isVisible();
    shown(denied, look, "denied");
    denied.navigate(gateway.url() + "/pages/signed-out.html");
    shown(denied, look, "signed-out");
  }

  private static void shown(Page page, Look look, String what) throws IOException {
    Chromium.screenshot(page, "playground-" + what + "-" + look.name().toLowerCase(Locale.ROOT));
    Chromium.isAccessible(page);
  }

  @Test
  void itCanBeUsedByKeyboard() {
    var playground = playground("voice-pilots");
    Page page = playground.page();
    Locator talk = page.locator("#type-only");
    for (int i = 0; i < 30 && !isFocused(talk); i++) {
      page.keyboard().press("Tab");
    }
    assertTrue(isFocused(talk), "it is not reached by Tab");
    page.keyboard().press("Enter");
    assertThat(page.locator("#state")).containsText("Live");
    // Who only writes can do so at once.
    assertThat(page.locator("#text")).isFocused();
    page.keyboard().type("Hello");
    page.keyboard().press("Enter");
    assertThat(playground.transcript().locator(".model")).containsText("Hello");
  }

  private static boolean isFocused(Locator element) {
    return (boolean) element.evaluate("element => element === document.activeElement");
  }

  @Test
  void itLoadsInLessThanAHundredKilobytes() {
    issuer.visitor(issuer.token(user).groups("voice-pilots"));
    visitor = chromium.visitor(Look.LIGHT);
    Page page = visitor.newPage();
    var loaded = new ArrayList<Response>();
    page.onResponse(loaded::add);
    page.navigate(gateway.url() + "/");
    assertThat(page.locator("#state")).hasText("Ready");
    long bytes =
        List.copyOf(loaded).stream()
            .filter(response -> response.status() == 200)
            .mapToLong(response -> response.body().length)
            .sum();
    System.out.printf("The playground loads %d files, %d bytes%n", loaded.size(), bytes);
    assertTrue(bytes < 100_000, () -> bytes + " bytes");
    assertTrue(
        List.copyOf(loaded).stream()
            .allMatch(
                response ->
                    response.url().startsWith(gateway.url().toString())
                        || response.url().startsWith(issuer.url())));
  }
}
