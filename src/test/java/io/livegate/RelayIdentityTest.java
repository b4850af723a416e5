package io.livegate;

import static io.livegate.RawSocket.BINARY;
import static io.livegate.RawSocket.TEXT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.simulator.Action;
import io.livegate.simulator.Journal;
import io.livegate.simulator.Script.At;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** What passes the relay is what was sent: kind, order and every byte, both ways. */
@QuarkusTest
@TestProfile(RelayCase.FewAtATime.class)
@WithTestResource(Surroundings.class)
class RelayIdentityTest extends RelayCase {

  /** Largest messages, as README has them. */
  private static final int FROM_CLIENT = 8 << 20;

  private static final int FROM_GOOGLE = 16 << 20;

  /** Messages that a reader would write differently. */
  private static final List<String> SPELLINGS =
      List.of(
          "{\"realtimeInput\":{\"text\":\"plain\"}}",
          " \t\r\n{ \"realtimeInput\"\t:\n{ \"text\" : \"white space\" } } \r\n",
          "{\"realtime_input\":{\"text\":\"snake\"}}",
          "{\"\\u0072ealtime\\u0049nput\":{\"text\":\"escaped name\"}}",
          "{\"realtimeInput\":{\"text\":\"\\u0068\\/\\b\\f\\n\\r\\t\\\\\\\" \\u2028 \\ud83d\\ude00\"}}",
          "{\"realtimeInput\":{\"text\":\"\u00fc \u2028 \ud83d\ude00 \u007f\"}}",
          "{\"realtimeInput\":{\"text\":\"half a pair \\ud800\"}}",
          "{\"realtimeInput\":{\"future\":[1.50,1e3,1E+03,-0,-0.0,0.1e-7,12345678901234567890]}}",
          "{\"realtimeInput\":{\"z\":null,\"a\":true,\"m\":{},\"b\":[],\"a\":false}}",
          "{\"realtimeInput\":{\"setup\":{\"contextUpdate\":\"setup\"},\"text\":\"\\\"setup\\\":{\"}}",
          "{\"clientContent\":{\"turnComplete\":false,\"turns\":[]}}",
          "{\"client_content\":{\"turn_complete\":true}}",
          "{\"toolResponse\":{\"functionResponses\":[{\"response\":{\"1\":1,\"0\":0}}]}}",
          "{\"tool_response\":{}}",
          "{\"realtimeInput\":null}",
          "{\"realtimeInput\":\"anything\"}");

  /** What Google might send, and what it surely does not. */
  private static final List<String> ANSWERS =
      List.of(
          "{\"futureContent\":{\"a\":[1.50,\"\\u2028\u00e9\"]},\"z\":null}",
          " {\"serverContent\" :\n{\"modelTurn\":{\"parts\":[{\"text\":\"usageMetadata\"}]}}} ",
          "{\"usageMetadata\":\"none\",\"usageMetadata\":{\"promptTokenCount\":1e0}}",
          "{\"setupComplete\":{}}",
          "not JSON, \"usageMetadata\" or not",
          "{\"usageMetadata\":",
          "");

  /** Google hears everything and says nothing by itself. */
  private static RawSocket silentAtGoogle(RawSocket socket) throws Exception {
    socket.await("newHandle");
    play(new Action.Silence());
    return socket;
  }

  private static Journal.Frame frame(int opcode, String content) {
    return new Journal.Frame(opcode == TEXT ? "text" : "binary", content);
  }

  @Test
  void everySpellingReachesGoogle() throws Exception {
    var expected = new ArrayList<Journal.Frame>();
    try (var socket = silentAtGoogle(ready(relayToken()))) {
      for (int opcode : List.of(TEXT, BINARY)) {
        for (String message : SPELLINGS) {
          socket.frame(opcode, true, message.getBytes(StandardCharsets.UTF_8));
          expected.add(frame(opcode, message));
        }
      }
      Await.until(() -> passed().size() >= expected.size());
      assertEquals(expected, passed());
    }
  }

  @Test
  void everySpellingReachesTheClient() throws Exception {
    try (var socket = silentAtGoogle(ready(relayToken()))) {
      for (int opcode : List.of(TEXT, BINARY)) {
        for (String message : ANSWERS) {
          byte[] content = message.getBytes(StandardCharsets.UTF_8);
          play(new Action.Bytes(Buffer.buffer(RawSocket.frame(0x80 | opcode, content))));
          received(socket, opcode, content);
        }
      }
      byte[] noText = {0, (byte) 0xff, (byte) 0xc3, 0x28, '"', 'u', 's', 'a', 'g', 'e'};
      play(new Action.Bytes(Buffer.buffer(RawSocket.frame(0x80 | BINARY, noText))));
      received(socket, BINARY, noText);
    }
  }

  private static void received(RawSocket socket, int opcode, byte[] content) throws Exception {
    RawSocket.Frame frame = socket.message();
    assertEquals(opcode, frame.opcode());
    assertArrayEquals(content, frame.payload().getBytes());
  }

  @Test
  void fragmentsAreOneMessageAtGoogle() throws Exception {
    String message = "{\"realtimeInput\":{\"text\":\"fr\u00e4gm\u20ac\ud83d\ude00nts\"}}";
    byte[] content = message.getBytes(StandardCharsets.UTF_8);
    try (var socket = silentAtGoogle(ready(relayToken()))) {
      for (int opcode : List.of(TEXT, BINARY)) {
        // Every byte by itself, characters torn apart, empty fragments between them.
        for (int i = 0; i < content.length; i++) {
          socket.frame(i == 0 ? opcode : 0, false, new byte[] {content[i]});
          socket.frame(0, false, new byte[0]);
        }
        socket.frame(0, true, new byte[0]);
      }
      socket.send(text("after it"));
      Await.until(() -> passed().size() >= 3);
      assertEquals(
          List.of(frame(TEXT, message), frame(BINARY, message), frame(TEXT, text("after it"))),
          passed());
    }
  }

  @Test
  void fragmentsAreOneMessageAtTheClient() throws Exception {
    byte[] content =
        "{\"serverContent\":{\"t\":\"fr\u00e4gm\u20ac\ud83d\ude00nts\"}}"
            .getBytes(StandardCharsets.UTF_8);
    try (var socket = silentAtGoogle(ready(relayToken()))) {
      for (int opcode : List.of(TEXT, BINARY)) {
        var frames = Buffer.buffer();
        for (int i = 0; i < content.length; i++) {
          int first = i == 0 ? opcode : 0;
          frames.appendBytes(RawSocket.frame(first, new byte[] {content[i]}));
          frames.appendBytes(RawSocket.frame(0x80 | RawSocket.PING, new byte[] {7}));
        }
        frames.appendBytes(RawSocket.frame(0x80, new byte[0]));
        play(new Action.Bytes(frames));
        received(socket, opcode, content);
      }
    }
  }

  @Test
  void theLargestMessagesPass() throws Exception {
    try (var socket = silentAtGoogle(ready(relayToken()))) {
      String question = filled("{\"realtimeInput\":{\"text\":\"", "\"}}", FROM_CLIENT);
      socket.send(question);
      pieces(question, 60_000, socket);
      Await.until(() -> passed().size() >= 2);
      assertTrue(passed().get(0).equals(frame(TEXT, question)), "one frame");
      assertTrue(passed().get(1).equals(frame(TEXT, question)), "many frames");

      byte[] answer =
          filled("{\"serverContent\":{\"t\":\"", "\"}}", FROM_GOOGLE)
              .getBytes(StandardCharsets.UTF_8);
      play(new Action.Bytes(Buffer.buffer(RawSocket.frame(0x80 | BINARY, answer))));
      received(socket, BINARY, answer);
      var frames = Buffer.buffer();
      for (int from = 0; from < answer.length; from += 60_000) {
        int to = Math.min(answer.length, from + 60_000);
        int first = (to == answer.length ? 0x80 : 0) | (from == 0 ? BINARY : 0);
        frames.appendBytes(RawSocket.frame(first, Arrays.copyOfRange(answer, from, to)));
      }
      play(new Action.Bytes(frames));
      received(socket, BINARY, answer);
    }
  }

  private static void pieces(String message, int size, RawSocket socket) throws Exception {
    byte[] content = message.getBytes(StandardCharsets.UTF_8);
    for (int from = 0; from < content.length; from += size) {
      int to = Math.min(content.length, from + size);
      socket.frame(
          from == 0 ? TEXT : 0, to == content.length, Arrays.copyOfRange(content, from, to));
    }
  }

  /** Text of no pattern, so that no piece can be taken for another. */
  private static String filled(String start, String end, int size) {
    var random = new Random(size);
    var message = new StringBuilder(size).append(start);
    while (message.length() < size - end.length()) {
      message.append((char) ('0' + random.nextInt('z' - '0' + 1)));
    }
    return message.append(end).toString().replace('\\', '/');
  }

  /** Handles are the gateway's own. */
  private static List<Journal.Frame> withoutHandles(List<Journal.Frame> frames) {
    return frames.stream()
        .filter(frame -> !frame.payload().contains("sessionResumptionUpdate"))
        .toList();
  }

  /** Text, audio, an interruption, a tool call: all that was sent on one side came on the other. */
  @Test
  void aWholeSessionIsTheSameOnBothSides() throws Exception {
    String setup = "{\"setup\":{\"tools\":[{\"functionDeclarations\":[{\"name\":\"weather\"}]}]}}";
    var sent = new ArrayList<Journal.Frame>();
    var received = new ArrayList<Journal.Frame>();
    Surroundings.simulator().script().session(At.AFTER_TURN, new Action.Burst(3, 40_000));
    try (var socket = open(relayToken()).send(setup)) {
      var talk = new Talk(socket, sent, received);
      talk.until("setupComplete");
      talk.say(RawSocket.ask("good morning"));
      talk.until("turnComplete");
      talk.say(audio(12_000));
      talk.say("{\"realtime_input\":{\"audioStreamEnd\":true}}");
      talk.until("turnComplete");
      talk.say(RawSocket.ask("a long story ".repeat(40)));
      talk.until("modelTurn");
      talk.say(RawSocket.ask("call weather {\"city\":\"Bonn\"}"));
      talk.until("interrupted");
      JsonObject call =
          new JsonObject(talk.until("toolCall"))
              .getJsonObject("toolCall")
              .getJsonArray("functionCalls")
              .getJsonObject(0);
      talk.say(
          new JsonObject()
              .put(
                  "toolResponse",
                  new JsonObject()
                      .put(
                          "functionResponses",
                          new JsonArray()
                              .add(
                                  new JsonObject()
                                      .put("id", call.getString("id"))
                                      .put("name", "weather")
                                      .put("response", new JsonObject().put("sky", "clear")))))
              .encode());
      talk.until("turnComplete");
      socket.close(1000, "");
      talk.untilClosed();
    }
    Await.until(() -> upstream().closed());

    assertEquals(sent, passed());
    assertEquals(withoutHandles(upstream().sent()), withoutHandles(received));
    assertTrue(received.size() > 20, () -> "received " + received.size());
    assertEquals(sent.size() + 1, end().messagesFromClient());
    assertEquals(received.size(), end().messagesFromGoogle());
    assertEquals(bytes(received), end().bytesFromGoogle());
    assertEquals(bytes(sent) + setup.length(), end().bytesFromClient());
  }

  private static long bytes(List<Journal.Frame> frames) {
    return frames.stream()
        .mapToLong(frame -> frame.payload().getBytes(StandardCharsets.UTF_8).length)
        .sum();
  }

  /** Sound loud enough to be speech. */
  private static String audio(int bytes) {
    byte[] pcm = new byte[bytes];
    new Random(bytes).nextBytes(pcm);
    return new JsonObject()
        .put(
            "realtimeInput",
            new JsonObject()
                .put(
                    "audio",
                    new JsonObject()
                        .put("mimeType", "audio/pcm;rate=16000")
                        .put("data", Base64.getEncoder().encodeToString(pcm))))
        .encode();
  }

  /** A conversation that keeps what passed. */
  private record Talk(RawSocket socket, List<Journal.Frame> sent, List<Journal.Frame> received) {

    void say(String message) throws Exception {
      sent.add(frame(TEXT, message));
      socket.send(message);
    }

    String until(String part) throws Exception {
      while (true) {
        RawSocket.Frame message = socket.message();
        assertTrue(message.opcode() != RawSocket.CLOSE, message::close);
        received.add(frame(message.opcode(), message.text()));
        if (message.text().contains(part)) {
          return message.text();
        }
      }
    }

    void untilClosed() throws Exception {
      RawSocket.Frame message = socket.message();
      while (message.opcode() != RawSocket.CLOSE) {
        received.add(frame(message.opcode(), message.text()));
        message = socket.message();
      }
    }
  }
}
