package io.livegate.e2e;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.microsoft.playwright.Browser;
import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.BrowserType;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Playwright;
import com.microsoft.playwright.PlaywrightException;
import com.microsoft.playwright.options.ColorScheme;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/**
 * A real Chromium without a window: the one on the PATH, or the one that npm brings. What a page
 * does that it should not is gathered, for {@link #nothingWentWrong}.
 */
final class Chromium implements AutoCloseable {

  /** How somebody looks at a page. */
  enum Look {
    LIGHT(1366, 820, ColorScheme.LIGHT),
    DARK(1366, 820, ColorScheme.DARK),
    PHONE(390, 844, ColorScheme.LIGHT);

    private final int width;
    private final int height;
    private final ColorScheme scheme;

    Look(int width, int height, ColorScheme scheme) {
      this.width = width;
      this.height = height;
      this.scheme = scheme;
    }
  }

  private static final Path SCREENSHOTS = Path.of("target", "screenshots");
  private static final Path AXE = Path.of("target", "js", "node_modules", "axe-core", "axe.min.js");

  private final Playwright playwright;
  private final Browser browser;
  private final List<String> complaints = new CopyOnWriteArrayList<>();

  Chromium(String... arguments) throws IOException {
    JsSdk.install();
    playwright =
        Playwright.create(
            new Playwright.CreateOptions().setEnv(Map.of("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1")));
    var all = new ArrayList<>(List.of("--no-sandbox", "--disable-dev-shm-usage"));
    all.addAll(List.of(arguments));
    browser =
        playwright
            .chromium()
            .launch(new BrowserType.LaunchOptions().setExecutablePath(executable()).setArgs(all));
  }

  private static Path executable() throws IOException {
    Optional<Path> found =
        Stream.of(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator))
            .flatMap(
                directory ->
                    Stream.of("chromium", "chromium-browser", "google-chrome")
                        .map(name -> Path.of(directory, name)))
            .filter(Files::isExecutable)
            .findFirst();
    return found.isPresent()
        ? found.get()
        : Path.of(JsSdk.run("chromium.mjs", new JsonObject()).getString("path"));
  }

  /** A browser of somebody's own, with nothing in it. */
  BrowserContext visitor(Look look) {
    BrowserContext context =
        browser.newContext(
            new Browser.NewContextOptions()
                .setViewportSize(look.width, look.height)
                .setColorScheme(look.scheme)
                .setDeviceScaleFactor(look == Look.PHONE ? 2 : 1)
                .setHasTouch(look == Look.PHONE)
                .setIsMobile(look == Look.PHONE)
                .setIgnoreHTTPSErrors(true)
                .setLocale("en-GB"));
    context.addInitScript(
        "document.addEventListener('securitypolicyviolation', e =>"
            + " console.error(`CSP: ${e.violatedDirective} ${e.blockedURI}`))");
    context.onConsoleMessage(
        message -> {
          if (message.type().equals("error") && message.text().contains("CSP")) {
            complaints.add(message.text());
          }
        });
    context.onWebError(error -> complaints.add(error.error()));
    return context;
  }

  static void screenshot(Page page, String name) {
    page.screenshot(new Page.ScreenshotOptions().setPath(SCREENSHOTS.resolve(name + ".png")));
  }

  /** That axe-core finds nothing serious on a page as it is. */
  static void isAccessible(Page page) throws IOException {
    page.evaluate(Files.readString(AXE));
    var found =
        new JsonArray(
            (String)
                page.evaluate(
                    "async () => JSON.stringify((await axe.run()).violations.map(v => ({id: v.id,"
                        + " impact: v.impact, nodes: v.nodes.map(n => n.html)})))"));
    List<Object> serious =
        found.stream()
            .filter(
                one ->
                    Arrays.asList("serious", "critical")
                        .contains(((JsonObject) one).getString("impact")))
            .toList();
    assertEquals(List.of(), serious);
  }

  /** That since the last time no page broke its content security policy, and no script failed. */
  void nothingWentWrong() {
    var all = List.copyOf(complaints);
    complaints.clear();
    assertEquals(List.of(), all);
  }

  @Override
  public void close() {
    try {
      browser.close();
    } catch (PlaywrightException e) {
      // It had ended already.
    }
    playwright.close();
  }
}
