package io.livegate.e2e;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;

import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.AriaRole;
import io.livegate.simulator.Journal;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import javax.sound.sampled.AudioFileFormat;
import javax.sound.sampled.AudioFormat;
import javax.sound.sampled.AudioInputStream;
import javax.sound.sampled.AudioSystem;

/** The playground in a browser, and what it says and hears. */
final class Playground {

  static final int TONE = 300;

  /** Tells the test what is played, and when. */
  private static final String EARS =
      """
      window.played = [];
      window.silenced = 0;
      const {start, stop} = AudioBufferSourceNode.prototype;
      AudioBufferSourceNode.prototype.start = function(when) {
        const {buffer, context} = this;
        played.push({when, now: context.currentTime, length: buffer.duration, rate: buffer.sampleRate,
          samples: Array.from(buffer.getChannelData(0), sample => Math.round(sample * 32768))});
        return start.call(this, when);
      };
      AudioBufferSourceNode.prototype.stop = function() {
        silenced++;
        return stop.call(this);
      };
      """;

  /**
   * A piece of sound that was played.
   *
   * @param when its beginning, in seconds of the speaker's clock
   * @param now when that was decided
   */
  record Sound(double when, double now, double length, int rate, List<Integer> samples) {}

  private final Page page;

  private Playground(Page page) {
    this.page = page;
  }

  /** The arguments for a browser whose microphone hears a second of a tone, again and again. */
  static String[] microphone() throws IOException {
    int rate = 48_000;
    var samples = ByteBuffer.allocate(rate * 3 * 2).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < rate * 3; i++) {
      boolean loud = i > rate / 2 && i < rate * 3 / 2;
      samples.putShort((short) (loud ? 9000 * Math.sin(2 * Math.PI * TONE * i / rate) : 0));
    }
    Path file = Files.createTempFile(Path.of("target"), "microphone", ".wav");
    AudioSystem.write(
        new AudioInputStream(
            new ByteArrayInputStream(samples.array()),
            new AudioFormat(rate, 16, 1, true, false),
            rate * 3L),
        AudioFileFormat.Type.WAVE,
        file.toFile());
    return new String[] {
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
      "--use-file-for-fake-audio-capture=" + file.toAbsolutePath()
    };
  }

  /** Goes there as somebody whom the provider lets in without asking. */
  static Playground open(BrowserContext visitor, String url) {
    Playground playground = at(visitor);
    playground.page.navigate(url);
    return playground;
  }

  /** The same, with the page still to be found. */
  static Playground at(BrowserContext visitor) {
    visitor.addInitScript(EARS);
    return new Playground(visitor.newPage());
  }

  Page page() {
    return page;
  }

  Locator transcript() {
    return page.locator("#transcript");
  }

  Locator trouble() {
    return page.locator("#trouble");
  }

  Playground mode(String mode) {
    page.locator("#modes [data-mode=" + mode + "]").click();
    return this;
  }

  Playground press(String button) {
    page.getByRole(AriaRole.BUTTON, new Page.GetByRoleOptions().setName(button).setExact(true))
        .click();
    return this;
  }

  /** Begins to talk, and waits until there is somebody to talk to. */
  Playground talk(String button) {
    press(button);
    assertThat(page.locator("#state")).containsText("Live");
    return this;
  }

  Playground say(String text) {
    page.getByLabel("Say it in writing").fill(text);
    return press("Send");
  }

  /** What was played so far. */
  List<Sound> played() {
    var sounds = new ArrayList<Sound>();
    for (Object item : new JsonArray((String) page.evaluate("JSON.stringify(played)"))) {
      var sound = (JsonObject) item;
      sounds.add(
          new Sound(
              sound.getDouble("when"),
              sound.getDouble("now"),
              sound.getDouble("length"),
              sound.getInteger("rate"),
              sound.getJsonArray("samples").stream().map(Integer.class::cast).toList()));
    }
    return sounds;
  }

  int silenced() {
    return (int) page.evaluate("silenced");
  }

  /** The sound that Google sent in a session, by message, by turn. */
  static List<List<List<Integer>>> sent(Journal.Session session) {
    var turns = new ArrayList<List<List<Integer>>>();
    var turn = new ArrayList<List<Integer>>();
    for (Journal.Frame frame : session.sent()) {
      if (!frame.payload().startsWith("{")) {
        continue;
      }
      JsonObject content = new JsonObject(frame.payload()).getJsonObject("serverContent");
      if (content == null) {
        continue;
      }
      JsonArray parts =
          content
              .getJsonObject("modelTurn", new JsonObject())
              .getJsonArray("parts", new JsonArray());
      for (Object part : parts) {
        JsonObject blob = ((JsonObject) part).getJsonObject("inlineData");
        if (blob != null) {
          turn.add(samples(blob.getString("data")));
        }
      }
      if (content.getBoolean("turnComplete", false)) {
        turns.add(List.copyOf(turn));
        turn.clear();
      }
    }
    turns.add(turn);
    return turns;
  }

  /** The chunks of sound that Google was sent in a session. */
  static List<JsonObject> heard(Journal.Session session) {
    return session.frames().stream()
        .filter(frame -> frame.payload().startsWith("{"))
        .map(frame -> new JsonObject(frame.payload()).getJsonObject("realtimeInput"))
        .filter(input -> input != null && input.containsKey("audio"))
        .map(input -> input.getJsonObject("audio"))
        .toList();
  }

  static List<Integer> samples(String base64) {
    var pcm = ByteBuffer.wrap(Base64.getDecoder().decode(base64)).order(ByteOrder.LITTLE_ENDIAN);
    var samples = new ArrayList<Integer>();
    while (pcm.remaining() > 1) {
      samples.add((int) pcm.getShort());
    }
    return samples;
  }
}
