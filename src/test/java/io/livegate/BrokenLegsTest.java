package io.livegate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.audit.GatewayEvent.SessionClosed;
import io.livegate.audit.GatewayEvent.SessionResumed;
import io.livegate.simulator.Action;
import io.livegate.simulator.Journal;
import io.livegate.simulator.Script.At;
import io.livegate.simulator.Script.Step;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.quarkus.test.junit.TestProfile;
import io.vertx.core.json.JsonObject;
import jakarta.inject.Inject;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Long conversations over connections that Google ends all the time: in the middle of a turn, of a
 * tool call, of a burst of audio, with a warning and without. Whatever happens, the client sees one
 * session, and the model hears everything.
 */
@QuarkusTest
@TestProfile(BrokenLegsTest.ExactHandles.class)
@WithTestResource(Surroundings.class)
class BrokenLegsTest extends RelayCase {

  /** The simulator has in its handles whatever it has read. */
  public static final class ExactHandles implements QuarkusTestProfile {
    @Override
    public Map<String, String> getConfigOverrides() {
      return Map.of(
          "livegate.relay.max-sessions", "2",
          "livegate.relay.handle-lag", "0s",
          // Of audio, nothing is dropped because this machine is slow.
          "livegate.relay.max-media-delay", "20s");
    }
  }

  /**
   * {@code -Dseed=17} has only that one run, with {@code -Dtimes=60} again and again; {@code
   * -Dseeds=200} has as many.
   */
  private static final IntStream SEEDS =
      Optional.ofNullable(Integer.getInteger("seed"))
          .map(one -> IntStream.generate(() -> one).limit(Integer.getInteger("times", 1)))
          .orElseGet(() -> IntStream.rangeClosed(1, Integer.getInteger("seeds", 40)));

  private static final List<Action> LOSSES =
      List.of(
          new Action.Reset(),
          new Action.Close(1011, "Internal error occurred."),
          new Action.Close(1008, "The operation was aborted."));

  private static final List<At> POINTS =
      List.of(At.AFTER_SETUP_COMPLETE, At.MID_TURN, At.MID_TURN, At.TOOL_CALL, At.AFTER_TURN);

  @Inject ResumeTest.Resumed resumed;

  private int changes;
  private int replays;
  private final List<Long> pauses = new ArrayList<>();

  @BeforeEach
  void forget() {
    resumed.events().clear();
  }

  @Test
  void whateverBreaksTheConversationGoesOn() throws Exception {
    int sessions = 0;
    for (int seed : SEEDS.toArray()) {
      try {
        new Run(seed).go();
      } catch (Exception | AssertionError e) {
        throw new AssertionError("with -Dseed=" + seed + ": " + e.getMessage() + story(), e);
      }
      sessions++;
    }
    long[] sorted = pauses.stream().mapToLong(Long::longValue).sorted().toArray();
    System.out.printf(
        "%d conversations over %d changes of their connection, %d messages said again; a planned"
            + " change takes %.1f ms p50, %.1f ms p99%n",
        sessions,
        changes,
        replays,
        sorted[sorted.length / 2] / 1e3,
        sorted[(int) (sorted.length * 0.99)] / 1e3);
  }

  /** What went over each connection. */
  private static String story() {
    var story = new StringBuilder();
    for (Journal.Session leg : Surroundings.simulator().journal().sessions()) {
      story.append("\n");
      if (leg.closed()) {
        story.append(leg.closeCode()).append(" ").append(leg.closeReason());
      } else {
        story.append("open");
      }
      leg.frames().forEach(frame -> story.append("\n  > ").append(brief(frame)));
      leg.sent().forEach(frame -> story.append("\n  < ").append(brief(frame)));
    }
    return story.toString();
  }

  private static String brief(Journal.Frame frame) {
    return frame.payload().substring(0, Math.min(160, frame.payload().length()));
  }

  /** One conversation, all of which follows from a seed but the time that things take. */
  private final class Run {
    private final Random random;
    private final boolean plannedOnly;
    private final boolean asksForHandles;
    private final List<String> said = new ArrayList<>();
    private final List<String> audio = new ArrayList<>();
    private final List<String> received = new ArrayList<>();
    private int marker;

    Run(int seed) {
      random = new Random(seed);
      plannedOnly = seed % 4 == 0;
      asksForHandles = seed % 3 == 0;
    }

    void go() throws Exception {
      resumed.events().clear();
      int before = ended.events().size();
      var simulator = Surroundings.simulator();
      simulator.journal().clear();
      simulator.script().clear();
      int legs = 2 + random.nextInt(5);
      for (int i = 0; i < legs; i++) {
        simulator.script().sessions(1, step(i == 0));
      }
      try (var socket = open(relayToken()).send(setup())) {
        read(socket, "setupComplete");
        int turns = 3 + random.nextInt(4);
        for (int i = 0; i < turns; i++) {
          turn(socket);
        }
        socket.send(text(mark() + " goodbye"));
        Await.until(this::isSettled);
        readRest(socket);
        socket.close(1000, "");
      }
      Await.until(() -> ended.events().size() > before);
      check(ended.events().get(before));
    }

    private Step step(boolean first) {
      // Without a handle there is nothing to go on with.
      At at = POINTS.get(random.nextInt(first ? 1 : 0, POINTS.size()));
      if (plannedOnly) {
        return new Step(at, new Action.GoAway(Duration.ofSeconds(20), Optional.empty()));
      }
      if (random.nextInt(3) == 0) {
        var end = new Action.Close(1011, "Deadline expired before operation could complete.");
        return new Step(
            at, new Action.GoAway(Duration.ofMillis(50 + random.nextInt(800)), Optional.of(end)));
      }
      if (!first && random.nextInt(4) == 0) {
        at = At.BEFORE_SETUP_COMPLETE;
      }
      return new Step(at, LOSSES.get(random.nextInt(LOSSES.size())));
    }

    private String setup() {
      return "{\"setup\":{\"model\":\"models/gemini-3.8-live\","
          + (asksForHandles ? "\"sessionResumption\":{}," : "")
          + "\"tools\":[{\"functionDeclarations\":[{\"name\":\"weather\"}]}]}}";
    }

    // --- The client

    private String mark() {
      String mark = "m" + marker++ + ".";
      said.add(mark);
      return mark;
    }

    private void turn(RawSocket socket) throws Exception {
      if (random.nextInt(3) == 0) {
        burst(socket);
      }
      switch (random.nextInt(4)) {
        case 0 -> socket.send(RawSocket.ask(mark() + " call weather {}"));
        case 1 -> socket.send(text(mark() + " short"));
        case 2 -> socket.send(RawSocket.ask(mark() + " word".repeat(5 + random.nextInt(20))));
        default -> {
          for (int i = random.nextInt(4); i >= 0; i--) {
            socket.send(
                "{\"clientContent\":{\"turns\":[{\"role\":\"user\",\"parts\":[{\"text\":\""
                    + mark()
                    + " \"}]}],\"turnComplete\":"
                    + (i == 0)
                    + "}}");
          }
        }
      }
      if (random.nextInt(4) == 0) {
        burst(socket);
      }
      read(socket, "turnComplete");
    }

    private void burst(RawSocket socket) throws Exception {
      for (int i = 1 + random.nextInt(10); i > 0; i--) {
        byte[] silence = new byte[640];
        byte[] mark = ("a" + audio.size() + ".").getBytes(StandardCharsets.US_ASCII);
        // Too quiet to interrupt.
        for (int j = 0; j < mark.length; j++) {
          silence[2 * j] = mark[j];
        }
        String data = Base64.getEncoder().encodeToString(silence);
        audio.add(data);
        socket.send(
            "{\"realtimeInput\":{\"audio\":{\"mimeType\":\"audio/pcm;rate=16000\",\"data\":\""
                + data
                + "\"}}}");
      }
    }

    private void read(RawSocket socket, String until) throws Exception {
      while (true) {
        String text = next(socket);
        if (text.startsWith("{\"toolCall\"")) {
          socket.send(ResumeTest.answer(ResumeTest.callId(text)).replace("clear", mark()));
        } else if (text.contains(until)) {
          return;
        }
      }
    }

    private String next(RawSocket socket) throws Exception {
      var frame = socket.message();
      assertFalse(frame.opcode() == RawSocket.CLOSE, () -> "closed: " + frame.close());
      received.add(frame.text());
      return frame.text();
    }

    /** Until what Google said last. */
    private void readRest(RawSocket socket) throws Exception {
      String end =
          legs().stream()
              .flatMap(leg -> leg.sent().stream())
              .map(Journal.Frame::payload)
              .filter(this::isForAll)
              .reduce((a, b) -> b)
              .orElseThrow();
      while (!received.contains(end)) {
        next(socket);
      }
    }

    // --- What must be true

    private List<Journal.Session> legs() {
      return Surroundings.simulator().journal().sessions();
    }

    private Journal.Session last() {
      return legs().get(legs().size() - 1);
    }

    /** What the model knows; a leg that was just being made as the client left adds nothing. */
    private List<JsonObject> known() {
      return legs().stream()
          .filter(Journal.Session::ready)
          .reduce((a, b) -> b)
          .orElseThrow()
          .history();
    }

    /** The model knows everything, and has nothing more to say. */
    private boolean isSettled() {
      var leg = last();
      var sent = leg.sent();
      return leg.ready()
          && !leg.closed()
          && said.stream().allMatch(mark -> leg.history().toString().contains(mark))
          && sent.get(sent.size() - 1).payload().contains("\"resumable\":true");
    }

    private void check(SessionClosed end) {
      assertEquals(1, count("setupComplete"));
      assertEquals(0, count("goAway"));
      if (!asksForHandles) {
        assertEquals(0, count("sessionResumptionUpdate"));
      }
      int replayed = resumed.events().stream().mapToInt(SessionResumed::replayed).sum();
      if (plannedOnly) {
        assertEquals(0, replayed, "said again though there was time");
      }
      List<String> history = known().stream().map(JsonObject::encode).toList();
      int twice = 0;
      int before = -1;
      for (String mark : said) {
        int[] at = IntStream.range(0, history.size()).filter(i -> has(history, i, mark)).toArray();
        assertTrue(at.length >= 1, () -> mark + " is lost: " + history);
        assertTrue(at[0] > before, () -> mark + " is out of order: " + history);
        before = at[0];
        twice += at.length - 1;
      }
      int most = replayed;
      int extra = twice;
      assertTrue(extra <= most, () -> extra + " twice, " + most + " counted: " + history);
      for (String data : audio) {
        long times =
            legs().stream()
                .flatMap(leg -> leg.frames().stream())
                .filter(f -> f.payload().contains(data))
                .count();
        assertTrue(times <= 1, "audio was heard twice");
        if (plannedOnly) {
          assertEquals(1, times, "audio is lost though there was time");
        }
      }
      List<String> came = received.stream().filter(this::isForAll).toList();
      assertTrue(came(came, legs()), () -> "not all came: " + came);
      usageAddsUp(end);
      changes += resumed.events().size();
      replays += replayed;
      resumed.events().stream()
          .filter(SessionResumed::planned)
          .forEach(change -> pauses.add(change.pauseMicros()));
    }

    private boolean has(List<String> history, int index, String mark) {
      return history.get(index).matches("(?s).*\\b\\Q" + mark + "\\E.*");
    }

    private long count(String name) {
      return received.stream().filter(text -> text.startsWith("{\"" + name)).count();
    }

    /** What Google sent came, all and in order; of a reset connection, what came before that. */
    private boolean came(List<String> received, List<Journal.Session> legs) {
      if (legs.isEmpty()) {
        return received.isEmpty();
      }
      List<String> sent =
          legs.get(0).sent().stream().map(Journal.Frame::payload).filter(this::isForAll).toList();
      int least = legs.get(0).closeCode() == 1006 ? 0 : sent.size();
      List<Journal.Session> others = legs.subList(1, legs.size());
      return IntStream.rangeClosed(least, Math.min(sent.size(), received.size()))
          .anyMatch(
              size ->
                  received.subList(0, size).equals(sent.subList(0, size))
                      && came(received.subList(size, received.size()), others));
    }

    /** Not the messages by which Google manages the connection, and calls that are answered. */
    private boolean isForAll(String message) {
      return Stream.of("setupComplete", "goAway", "sessionResumptionUpdate", "toolCall")
          .noneMatch(name -> message.startsWith("{\"" + name));
    }

    private void usageAddsUp(SessionClosed end) {
      long sum =
          received.stream()
              .map(JsonObject::new)
              .filter(message -> message.containsKey("usageMetadata"))
              .mapToLong(m -> m.getJsonObject("usageMetadata").getLong("totalTokenCount"))
              .sum();
      long metered =
          end.usage().values().stream()
              .flatMap(modalities -> modalities.values().stream())
              .mapToLong(Long::longValue)
              .sum();
      assertEquals(sum, metered, () -> "usage: " + end.usage());
      assertEquals(resumed.events().size() + 1, end.legs());
    }
  }
}
