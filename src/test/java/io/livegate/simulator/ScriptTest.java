package io.livegate.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.simulator.Script.At;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class ScriptTest {
  private LiveSimulator simulator;

  @BeforeEach
  void start() {
    simulator = LiveSimulator.start(Options.builder().recording(Options.Recording.FRAMES).build());
  }

  @AfterEach
  void stop() {
    simulator.close();
  }

  private HttpResponse<String> mint() throws Exception {
    return Client.post(simulator, "/v1beta/auth_tokens", "k", "{}");
  }

  private Client connect() throws Exception {
    return Client.open(simulator, Client.keyPath("v1beta", "k")).send(Client.AUDIO_SETUP);
  }

  @Test
  void failsTheNextMints() throws Exception {
    simulator
        .script()
        .mints(
            1, MintFault.error(429, "RESOURCE_EXHAUSTED", "Quota").withHeader("Retry-After", "7"));
    simulator.script().mints(1, MintFault.html(502, "<html>"));
    simulator.script().mints(1, MintFault.slow(Duration.ofMillis(1)));

    HttpResponse<String> quota = mint();
    HttpResponse<String> gateway = mint();

    assertEquals(429, quota.statusCode());
    assertEquals("7", quota.headers().firstValue("Retry-After").orElseThrow());
    assertEquals(
        "RESOURCE_EXHAUSTED",
        new JsonObject(quota.body()).getJsonObject("error").getString("status"));
    assertEquals(502, gateway.statusCode());
    assertEquals("<html>", gateway.body());
    assertEquals(200, mint().statusCode());
    assertEquals(200, mint().statusCode());
    assertEquals(4, simulator.journal().mints().size());
  }

  @Test
  void hangsAndResetsMints() {
    simulator.script().mints(1, MintFault.hang());
    HttpRequest impatient =
        HttpRequest.newBuilder(URI.create(simulator.baseUrl() + "/v1beta/auth_tokens"))
            .timeout(Duration.ofMillis(200))
            .POST(HttpRequest.BodyPublishers.ofString("{}"))
            .build();

    assertThrows(
        HttpTimeoutException.class,
        () -> Client.HTTP.send(impatient, HttpResponse.BodyHandlers.ofString()));
    simulator.script().mints(2, MintFault.reset());
    assertThrows(IOException.class, this::mint);
  }

  @ParameterizedTest
  @EnumSource(At.class)
  void closesAtEveryPoint(At point) throws Exception {
    simulator.script().session(point, new Action.Close(1011, "Internal error occurred."));

    Client client = Client.open(simulator, Client.keyPath("v1beta", "k"));
    if (point != At.OPEN) {
      client.send(Client.AUDIO_SETUP);
    }
    if (point == At.TOOL_CALL) {
      client.ask("call get_weather");
    } else if (point == At.MID_TURN || point == At.AFTER_TURN) {
      client.ask("hello there");
    }

    assertEquals("1011 Internal error occurred.", client.awaitClose());
    Journal.Session session = simulator.journal().sessions().get(0);
    assertEquals(point.compareTo(At.AFTER_SETUP_COMPLETE) >= 0, session.ready());
    assertEquals(1011, session.closeCode());
    assertFalse(session.closedByClient());
  }

  @Test
  void resetsTheConnection() throws Exception {
    simulator.script().session(At.AFTER_SETUP_COMPLETE, new Action.Reset());

    assertEquals("1006", connect().awaitClose());
  }

  @Test
  void fallsSilent() throws Exception {
    Client client = connect();
    client.awaitHandle();
    simulator.playAll(new Action.Silence()).get(5, TimeUnit.SECONDS);
    client.ask("anyone there");
    simulator.journal().session(s -> s.frames().size() == 2).get(5, TimeUnit.SECONDS);
    simulator.playAll(new Action.Close(1001, "bye")).get(5, TimeUnit.SECONDS);

    assertEquals("1001 bye", client.awaitClose());
    assertEquals("", client.transcript());
  }

  @Test
  void saysGoAwayAndGoes() throws Exception {
    simulator
        .script()
        .session(
            At.AFTER_SETUP_COMPLETE,
            new Action.GoAway(
                Duration.ofMillis(1500),
                Optional.of(new Action.Close(1000, "The operation was cancelled."))));

    Client client = connect();

    assertEquals("1.5s", client.await("goAway").getJsonObject("goAway").getString("timeLeft"));
    assertEquals("1000 The operation was cancelled.", client.awaitClose());
  }

  @Test
  void sendsAnythingVerbatim() throws Exception {
    JsonObject odd = new JsonObject("{\"serverContent\":{\"brandNew\":[1]},\"unheardOf\":{}}");
    simulator.script().session(At.AFTER_SETUP_COMPLETE, new Action.Send(List.of(odd)));

    assertEquals(odd, connect().await("unheardOf"));
  }

  @Test
  void writesBytesAsTheyAre() throws Exception {
    Client client = connect();
    client.awaitHandle();
    byte[] start = {0x02, 3, '{', '"', 'o'};
    byte[] rest = {(byte) 0x80, 6, 'd', 'd', '"', ':', '1', '}'};
    byte[] closeWithoutCode = {(byte) 0x88, 0};
    for (byte[] frame : List.of(start, rest, closeWithoutCode)) {
      simulator.playAll(new Action.Bytes(Buffer.buffer(frame))).get(5, TimeUnit.SECONDS);
    }

    assertEquals(1, client.await("odd").getInteger("odd"));
    assertEquals("1005", client.awaitClose());
  }

  @Test
  void recordsWhatItSends() throws Exception {
    Client client = connect();
    client.ask("twice");
    client.await("turnComplete");

    List<JsonObject> sent =
        simulator.journal().sessions().get(0).sent().stream()
            .map(frame -> new JsonObject(frame.payload()))
            .toList();
    assertEquals(client.seen(), sent.subList(0, client.seen().size()));
  }

  @Test
  void burstsWaitForTheReader() throws Exception {
    simulator.script().session(At.AFTER_SETUP_COMPLETE, new Action.Burst(300, 100_001));
    Client client = Client.openDeaf(simulator, Client.keyPath("v1beta", "k"));
    client.send(Client.AUDIO_SETUP);
    simulator.journal().session(Journal.Session::ready).get(5, TimeUnit.SECONDS);
    client.read();

    for (int i = 0; i < 300; i++) {
      JsonObject message = client.await("modelTurn");
      assertTrue(message.encode().length() > 99_000);
    }
  }

  @Test
  void stopsAndResumesReading() throws Exception {
    Client client = connect();
    client.awaitHandle();
    simulator.playAll(new Action.PauseReading()).get(5, TimeUnit.SECONDS);
    client.ask("later");
    simulator.playAll(new Action.ResumeReading()).get(5, TimeUnit.SECONDS);
    client.await("turnComplete");

    assertEquals("later", client.transcript());
  }

  @Test
  void isAlsoControlledOverHttp() throws Exception {
    assertEquals(204, control("/faults/mint", "{\"times\":1,\"status\":503}"));
    assertEquals(503, mint().statusCode());
    assertEquals(
        204,
        control(
            "/faults/session",
            "{\"steps\":[{\"at\":\"OPEN\",\"do\":\"close\",\"code\":1008,\"reason\":\"no\"}]}"));
    assertEquals("1008 no", Client.open(simulator, Client.keyPath("v1beta", "k")).awaitClose());
    Client client = connect();
    client.await("setupComplete");
    assertEquals(200, control("/sessions/all", "{\"do\":\"goAway\",\"timeLeftMs\":10000}"));
    client.await("goAway");
    assertEquals(400, control("/sessions/all", "{\"do\":\"dance\"}"));
    assertEquals(400, control("/faults/session", "{}"));
    assertEquals(404, control("/nothing", "{}"));

    HttpResponse<String> journal =
        Client.HTTP.send(
            HttpRequest.newBuilder(URI.create(simulator.baseUrl() + "/_simulator/journal")).build(),
            HttpResponse.BodyHandlers.ofString());
    JsonObject json = new JsonObject(journal.body());
    assertEquals(503, json.getJsonArray("mints").getJsonObject(0).getInteger("status"));
    assertEquals(
        "text",
        json.getJsonArray("sessions")
            .getJsonObject(1)
            .getJsonArray("frames")
            .getJsonObject(0)
            .getString("opcode"));
    assertEquals(
        204, control("/faults/session", "{\"steps\":[{\"do\":\"bytes\",\"base64\":\"iAA=\"}]}"));
    assertEquals("1005", connect().awaitClose());
  }

  private int control(String path, String body) throws Exception {
    return Client.post(simulator, "/_simulator" + path, "", body).statusCode();
  }
}
