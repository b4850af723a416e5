package io.livegate;

import static io.livegate.RawSocket.BINARY;
import static io.livegate.RawSocket.CLOSE;
import static io.livegate.RawSocket.PING;
import static io.livegate.RawSocket.PONG;
import static io.livegate.RawSocket.TEXT;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.simulator.Action;
import io.livegate.simulator.Journal;
import io.livegate.simulator.MintFault;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Frames that no SDK sends, by RFC 6455: what breaks the protocol closes with 1002, text that is no
 * UTF-8 with 1007, what is too large with 1009. Nothing of it reaches the other side, whose
 * connection ends in order.
 */
@QuarkusTest
@TestProfile(RelayCase.FewAtATime.class)
@WithTestResource(Surroundings.class)
class RelayFramesTest extends RelayCase {

  private static final byte[] MASK = {9, 8, 7, 6};
  private static final int FIN = 0x80;
  private static final int CONTINUATION = 0;
  private static final int LIMIT = 8 << 20;

  /** What is sent, and the code that must answer it. */
  record Violation(String name, int code, Buffer bytes) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static Violation violation(String name, int code, byte[]... frames) {
    var bytes = Buffer.buffer();
    List.of(frames).forEach(bytes::appendBytes);
    return new Violation(name, code, bytes);
  }

  private static byte[] frame(int first, byte[] payload) {
    return RawSocket.frame(first, payload, MASK);
  }

  private static byte[] frame(int first, String payload) {
    return frame(first, payload.getBytes(StandardCharsets.UTF_8));
  }

  private static byte[] bytes(int... values) {
    var bytes = Buffer.buffer();
    IntStream.of(values).forEach(value -> bytes.appendByte((byte) value));
    return bytes.getBytes();
  }

  /** A message with these bytes where its text should be. */
  private static byte[] around(int... values) {
    return Buffer.buffer("{\"realtimeInput\":{\"text\":\"")
        .appendBytes(bytes(values))
        .appendString("\"}}")
        .getBytes();
  }

  private static byte[] closing(int code) {
    return RawSocket.closing(code, "");
  }

  static Stream<Violation> violations() {
    String message = text("x");
    return Stream.of(
        // Order
        violation("continuation first", 1002, frame(FIN, message)),
        violation("unfinished continuation first", 1002, frame(CONTINUATION, message)),
        violation("text within text", 1002, frame(TEXT, "{"), frame(FIN | TEXT, message)),
        violation("binary within text", 1002, frame(TEXT, "{"), frame(FIN | BINARY, message)),
        violation("fragments within fragments", 1002, frame(BINARY, "{"), frame(BINARY, "}")),
        violation("continuation after the end", 1002, frame(FIN | TEXT, message), frame(FIN, "x")),
        // Bits
        violation("first reserved bit", 1002, frame(FIN | 0x40 | TEXT, message)),
        violation("second reserved bit", 1002, frame(FIN | 0x20 | TEXT, message)),
        violation("third reserved bit", 1002, frame(FIN | 0x10 | BINARY, message)),
        violation("reserved bit of a ping", 1002, frame(FIN | 0x40 | PING, "")),
        violation("opcode 3", 1002, frame(FIN | 3, message)),
        violation("opcode 7", 1002, frame(FIN | 7, message)),
        violation("opcode 11", 1002, frame(FIN | 11, "")),
        violation("opcode 15", 1002, frame(FIN | 15, "")),
        violation(
            "unmasked",
            1002,
            RawSocket.frame(FIN | TEXT, message.getBytes(StandardCharsets.UTF_8))),
        violation("unmasked ping", 1002, RawSocket.frame(FIN | PING, bytes(1))),
        // Control frames
        violation("long ping", 1002, frame(FIN | PING, new byte[126])),
        violation("long pong", 1002, frame(FIN | PONG, new byte[126])),
        violation("long close", 1002, frame(FIN | CLOSE, new byte[126])),
        violation("fragmented ping", 1002, frame(PING, "x"), frame(FIN, "y")),
        violation("fragmented close", 1002, frame(CLOSE, closing(1000)), frame(FIN, "")),
        // Closing
        violation("close of one byte", 1002, frame(FIN | CLOSE, bytes(3))),
        violation("close with code 0", 1002, frame(FIN | CLOSE, closing(0))),
        violation("close with code 999", 1002, frame(FIN | CLOSE, closing(999))),
        violation("close with code 1004", 1002, frame(FIN | CLOSE, closing(1004))),
        violation("close with code 1005", 1002, frame(FIN | CLOSE, closing(1005))),
        violation("close with code 1006", 1002, frame(FIN | CLOSE, closing(1006))),
        violation("close with code 1015", 1002, frame(FIN | CLOSE, closing(1015))),
        violation("close with code 1016", 1002, frame(FIN | CLOSE, closing(1016))),
        violation("close with code 2999", 1002, frame(FIN | CLOSE, closing(2999))),
        violation(
            "close with a reason that is no UTF-8",
            1007,
            frame(FIN | CLOSE, bytes(0x03, 0xe8, 0xff))),
        // Lengths
        violation(
            "16 bits for a short length",
            1002,
            Buffer.buffer(bytes(FIN | TEXT, FIN | 126, 0, 2))
                .appendBytes(MASK)
                .appendBytes(new byte[2])
                .getBytes()),
        violation(
            "64 bits for a short length",
            1002,
            Buffer.buffer(bytes(FIN | TEXT, FIN | 127, 0, 0, 0, 0, 0, 0, 0, 2))
                .appendBytes(MASK)
                .appendBytes(new byte[2])
                .getBytes()),
        violation("negative length", 1002, RawSocket.header(FIN | TEXT, Long.MIN_VALUE, MASK)),
        // Before any of it was sent
        violation("one byte too long", 1009, RawSocket.header(FIN | TEXT, LIMIT + 1, MASK)),
        violation("far too long", 1009, RawSocket.header(FIN | BINARY, 1L << 50, MASK)),
        violation(
            "fragments that are too long",
            1009,
            frame(BINARY, new byte[LIMIT / 2]),
            RawSocket.header(FIN, LIMIT / 2 + 1, MASK)),
        // Text
        violation("no UTF-8", 1007, frame(FIN | TEXT, around(0xff))),
        violation("too short a character", 1007, frame(FIN | TEXT, around(0xe2, 0x82))),
        violation("overlong character", 1007, frame(FIN | TEXT, around(0xc0, 0xaf))),
        violation("surrogate", 1007, frame(FIN | TEXT, around(0xed, 0xa0, 0x80))),
        violation("beyond Unicode", 1007, frame(FIN | TEXT, around(0xf4, 0x90, 0x80, 0x80))),
        violation(
            "character torn apart and lost",
            1007,
            frame(TEXT, Buffer.buffer("{\"a\":\"").appendBytes(bytes(0xc3)).getBytes()),
            frame(FIN, "(\"}")),
        violation(
            "character torn off at the end",
            1007,
            frame(TEXT, "{\"a\":\""),
            frame(FIN, bytes(0xe2, 0x82))),
        violation("binary that is no UTF-8", 1007, frame(FIN | BINARY, around(0xff))));
  }

  @ParameterizedTest
  @MethodSource("violations")
  void aViolationClosesAndDoesNotPass(Violation violation) throws Exception {
    int proper = violation.name().equals("continuation after the end") ? 1 : 0;
    try (var socket = ready(relayToken())) {
      String close = answer(socket, violation);
      assertTrue(close.startsWith(violation.code() + " "), close);
    }

    assertEquals(violation.code(), end().code());
    assertEquals("policy", end().cause());
    assertTrue(end().begun());
    Await.until(() -> upstream().closed());
    assertEquals(proper, passed().size());
    closedInOrder(upstream());
  }

  /** Those that show while a connection still has to send its setup, too. */
  static Stream<Violation> violationsAtOnce() {
    var names =
        Set.of(
            "continuation first",
            "first reserved bit",
            "opcode 3",
            "unmasked",
            "long ping",
            "close with code 1005",
            "far too long",
            "fragments that are too long",
            "no UTF-8");
    return violations().filter(violation -> names.contains(violation.name()));
  }

  @ParameterizedTest
  @MethodSource("violationsAtOnce")
  void aViolationClosesBeforeTheSetup(Violation violation) throws Exception {
    try (var socket = open(relayToken())) {
      String close = answer(socket, violation);
      assertTrue(close.startsWith(violation.code() + " "), close);
    }

    assertEquals(violation.code(), end().code());
    assertEquals("policy", end().cause());
    assertFalse(end().begun());
    GatewayTest.nothingMinted();
  }

  @ParameterizedTest
  @MethodSource("violationsAtOnce")
  void aViolationClosesWhileGoogleIsConnected(Violation violation) throws Exception {
    String token = relayToken();
    Surroundings.simulator().script().mints(1, MintFault.slow(Duration.ofMillis(200)));
    try (var socket = open(token).send(SETUP)) {
      String close = answer(socket, violation);
      assertTrue(close.startsWith(violation.code() + " "), close);
    }

    assertEquals("policy", end().cause());
    assertFalse(end().begun());
    try (var socket = connect(token)) {
      assertEquals("401", socket.status(), "the client's own fault costs the use");
    }
  }

  private static String answer(RawSocket socket, Violation violation) throws IOException {
    return socket.bytes(violation.bytes().getBytes()).awaitClose();
  }

  private static void closedInOrder(Journal.Session upstream) {
    assertTrue(upstream.closedByClient());
    assertTrue(
        Set.of(1000, 1001).contains(upstream.closeCode()), () -> "code " + upstream.closeCode());
  }

  // --- Pings

  @Test
  void pingsAreAnsweredAtAnyTimeAndNotPassed() throws Exception {
    Surroundings.simulator().script().mints(1, MintFault.slow(Duration.ofMillis(200)));
    byte[] longest = new byte[125];
    try (var socket = open(relayToken())) {
      pong(socket, bytes(1, 2, 3));
      byte[] setup = SETUP.getBytes(StandardCharsets.UTF_8);
      for (int i = 0; i < setup.length; i++) {
        socket.frame(i == 0 ? TEXT : 0, i == setup.length - 1, bytes(setup[i]));
        if (i % 10 == 0) {
          pong(socket, bytes(i));
        }
      }
      pong(socket, new byte[0]);
      pong(socket, longest);
      socket.frame(PONG, true, bytes(7));
      socket.await("setupComplete");

      socket.await("newHandle");
      pong(socket, bytes(4));
      socket.frame(TEXT, false, text("in two").substring(0, 7).getBytes(StandardCharsets.UTF_8));
      pong(socket, longest);
      socket.frame(0, false, new byte[0]);
      pong(socket, bytes(5));
      socket.frame(0, true, text("in two").substring(7).getBytes(StandardCharsets.UTF_8));
      socket.await("turnComplete");
    }
    assertEquals(List.of(new Journal.Frame("text", text("in two"))), passed());
  }

  private static void pong(RawSocket socket, byte[] payload) throws IOException {
    socket.frame(PING, true, payload);
    RawSocket.Frame pong = socket.read();
    assertEquals(PONG, pong.opcode());
    assertArrayEquals(payload, pong.payload().getBytes());
  }

  @Test
  void googlesPingsAreAnsweredAndNotPassed() throws Exception {
    byte[] ping = RawSocket.frame(FIN | PING, bytes(1, 2));
    try (var socket = ready(relayToken())) {
      socket.await("newHandle");
      play(new Action.Bytes(Buffer.buffer(ping)), new Action.Close(1000, "after the ping"));
      assertEquals("1000 after the ping", socket.read().close());
    }
  }

  // --- Messages

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          ``                                                | the message is not JSON
          null                                              | the message is not a JSON object
          "realtimeInput"                                   | the message is not a JSON object
          7                                                 | the message is not a JSON object
          {"realtimeInput"                                  | the message is not JSON
          {"realtimeInput":                                 | the message is not JSON
          {"realtimeInput":{}                               | the message is not JSON
          {"realtimeInput":{},}                             | the message is not JSON
          {"realtimeInput":{"a":NaN}}                       | the message is not JSON
          {"realtimeInput":{"a":01}}                        | the message is not JSON
          {"realtimeInput":{"a":+1}}                        | the message is not JSON
          {"realtimeInput":{"a":.5}}                        | the message is not JSON
          {"realtimeInput":{"a":"\\x41"}}                   | the message is not JSON
          {"realtimeInput":{"a":"\\u00g1"}}                 | the message is not JSON
          {'realtimeInput':{}}                              | the message is not JSON
          {"realtimeInput":{}/**/}                          | the message is not JSON
          {"realtimeInput":{}} //                           | the message is not JSON
          {"realtimeInput":{"a":tru}}                       | the message is not JSON
          {"realtimeInput":{]}                              | the message is not JSON
          {"realtimeInput":{},"realtime_input":{}}          | a message has one field
          {"realtimeInput":{},"\\u0072ealtimeInput":{}}     | a message has one field
          {"realtimeInput":{},"realtimeInput\\u0000":{}}    | clients may not send
          {"":{}}                                           | clients may not send
          {"Setup":{}}                                      | clients may not send "Setup"
          {"setup ":{}}                                     | clients may not send "setup "
          {"context_update":{}}                             | clients may not send "context_update"
          {"c\\u006fntextUpdate":{}}                        | clients may not send "contextUpdate"
          {"setup":{},"realtimeInput":{}}                   | setup can be sent only once
          {"clientContent":{"turns":[]},"s\\u0065tup":{}}   | setup can be sent only once
          """)
  void whatIsNotOneMessageCloses(String message, String reason) throws Exception {
    for (int opcode : List.of(TEXT, BINARY)) {
      try (var socket = ready(relayToken())) {
        socket.frame(opcode, true, message.getBytes(StandardCharsets.UTF_8));
        String close = socket.awaitClose();
        assertTrue(close.startsWith("1007 " + reason), close);
      }
    }
    Await.until(() -> ended.events().size() == 2);
    assertEquals("policy", end().cause());
    assertEquals(List.of(), passed());
  }

  @Test
  void noOtherEncodingIsTaken() throws Exception {
    String message = text("x");
    for (byte[] content :
        List.of(
            message.getBytes(StandardCharsets.UTF_16LE),
            message.getBytes(StandardCharsets.UTF_16BE),
            message.getBytes(StandardCharsets.UTF_16),
            ("\ufeff" + message).getBytes(StandardCharsets.UTF_8),
            (message + "\0").getBytes(StandardCharsets.UTF_8))) {
      try (var socket = ready(relayToken())) {
        socket.frame(BINARY, true, content);
        String close = socket.awaitClose();
        assertTrue(close.startsWith("1007 the message is not JSON"), close);
      }
    }
    assertEquals(List.of(), passed());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      textBlock =
          """
          {"setup":{"model":"a","model":"b"}}
          {"setup":{"model":"a","m\\u006fdel":"b"}}
          {"setup":{},"s\\u0065tup":{}}
          {"setup":{},"realtimeInput":{}}
          {"setup":null}
          {"setup":[]}
          {"Setup":{}}
          {"setup":{}}{}
          ``
          """)
  void whatIsNoSetupCloses(String message) throws Exception {
    for (int opcode : List.of(TEXT, BINARY)) {
      try (var socket = open(relayToken())) {
        socket.frame(opcode, true, message.getBytes(StandardCharsets.UTF_8));
        String close = socket.awaitClose();
        assertTrue(close.startsWith("1007 the first message"), close);
      }
    }
    GatewayTest.nothingMinted();
    Await.until(() -> ended.events().size() == 2);
    assertEquals("policy", end().cause());
    assertFalse(end().begun());
  }

  @Test
  void anEscapedSetupIsOne() throws Exception {
    try (var socket = open(relayToken())) {
      byte[] setup = "{\"s\\u0065tup\":{\"mod\\u0065l\":\"x\"}}".getBytes(StandardCharsets.UTF_8);
      socket.frame(BINARY, true, setup);
      socket.await("setupComplete");
    }
    assertEquals("models/gemini-3.8-live", upstream().setup().getString("model"));
  }

  // --- Messages ahead of setupComplete

  @Test
  void whatComesBeforeGoogleIsReadyWaitsInOrder() throws Exception {
    Surroundings.simulator().script().mints(1, MintFault.slow(Duration.ofMillis(200)));
    var expected =
        IntStream.range(0, 8).mapToObj(i -> new Journal.Frame("text", more(i, 400_000))).toList();
    try (var socket = open(relayToken()).send(SETUP)) {
      for (var frame : expected) {
        socket.send(frame.payload());
      }
      socket.await("setupComplete");
      Await.until(() -> passed().size() >= expected.size());
      assertTrue(expected.equals(passed()), "the same messages, in order");
    }
  }

  private static String more(int number, int size) {
    return "{\"clientContent\":{\"turnComplete\":false,\"turns\":[{\"parts\":[{\"text\":\""
        + Integer.toString(number).repeat(size)
        + "\"}]}]}}";
  }

  @Test
  void whatMayNotPassDoesNotWaitForGoogle() throws Exception {
    Surroundings.simulator().script().mints(1, MintFault.slow(Duration.ofMillis(500)));
    try (var socket = open(relayToken()).send(SETUP)) {
      socket.send(text("first")).send("{\"contextUpdate\":{}}");
      assertEquals("1007 clients may not send \"contextUpdate\"", socket.awaitClose());
    }
    assertFalse(end().begun());
    assertEquals(1007, end().code());
  }

  // --- Google's own violations

  static Stream<Violation> googlesViolations() {
    return Stream.of(
        violation("masked", 1011, frame(FIN | BINARY, "{}")),
        violation("continuation first", 1011, RawSocket.frame(FIN, bytes('{', '}'))),
        violation("reserved bit", 1011, RawSocket.frame(FIN | 0x40 | TEXT, bytes('{', '}'))),
        violation("reserved opcode", 1011, RawSocket.frame(FIN | 3, bytes('{', '}'))),
        violation("long ping", 1011, RawSocket.frame(FIN | PING, new byte[126])),
        violation("too long", 1011, RawSocket.header(FIN | BINARY, (16 << 20) + 1)),
        violation("far too long", 1011, RawSocket.header(FIN | BINARY, 1L << 50)),
        violation("close with code 1005", 1011, RawSocket.frame(FIN | CLOSE, closing(1005))),
        violation("close of one byte", 1011, RawSocket.frame(FIN | CLOSE, bytes(3))));
  }

  @ParameterizedTest
  @MethodSource("googlesViolations")
  void aViolationOfGooglesIsNotTheClients(Violation violation) throws Exception {
    try (var socket = ready(relayToken())) {
      socket.await("newHandle");
      play(new Action.Bytes(violation.bytes()));
      RawSocket.Frame close = socket.message();
      assertEquals(CLOSE, close.opcode());
      assertTrue(close.close().startsWith(violation.code() + " "), close.close());
    }
    assertTrue(Set.of("google", "fault").contains(end().cause()), end().cause());
  }
}
