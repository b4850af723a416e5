package io.livegate.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.livegate.Certificates;
import io.livegate.TestIssuer;
import io.vertx.core.http.WebSocket;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the relay holds when one side sends as fast as it can and the other reads 100 KB/s: its
 * resident memory over a minute, printed, and whether every message came, in order.
 *
 * <p>{@code -Dbench.pressure} is the minute in seconds.
 */
class PressureBench {

  private static final Path OUTPUT = Path.of("target", "bench");
  private static final Duration PRESSURE =
      Duration.ofSeconds(Integer.getInteger("bench.pressure", 60));
  private static final int SESSIONS = 20;
  private static final int SAMPLES = 6;

  @Test
  void aClientReadsSlowly(@TempDir Path directory) throws IOException {
    Certificates certificates = Certificates.create(directory, "localhost");
    try (var issuer = new TestIssuer();
        var google = new EchoGoogle(OUTPUT.resolve("google.log"), certificates);
        var load = new LiveLoad(certificates);
        var gateway = RelayBench.gateway(issuer, google.tls(), certificates)) {
      List<WebSocket> sessions = load.open(RelayBench.target(gateway, issuer), SESSIONS);
      List<LiveLoad.Reader> readers = sessions.stream().map(load::readSlowly).toList();
      sessions.forEach(session -> load.send(session, EchoGoogle.FLOOD));
      printMemory("Google floods, clients read slowly", gateway);
      for (LiveLoad.Reader reader : readers) {
        JsonObject sent = LiveLoad.await(reader.finish());
        assertTrue(reader.isInOrder(), "messages came in order");
        assertEquals(sent.getLong("count"), reader.count(), "every message came");
      }
    }
  }

  @Test
  void googleReadsSlowly(@TempDir Path directory) throws IOException {
    Certificates certificates = Certificates.create(directory, "localhost");
    try (var issuer = new TestIssuer();
        var google = new EchoGoogle(OUTPUT.resolve("google.log"), certificates);
        var load = new LiveLoad(certificates);
        var gateway = RelayBench.gateway(issuer, google.tls(), certificates)) {
      List<WebSocket> sessions = load.open(RelayBench.target(gateway, issuer), SESSIONS);
      sessions.forEach(session -> load.send(session, EchoGoogle.SIP));
      var floods = new ArrayList<LiveLoad.Flood>();
      sessions.forEach(session -> floods.add(load.flood(session, EchoGoogle.SIP_SIZE)));
      printMemory("clients flood, Google reads slowly", gateway);
      LiveLoad.await(load.post(google.tls().resolve(EchoGoogle.DRAIN)));
      for (LiveLoad.Flood flood : floods) {
        JsonObject counted = LiveLoad.await(flood.finish());
        assertEquals(flood.count(), counted.getLong("count"), "every message came");
        assertTrue(counted.getBoolean("inOrder"), "messages came in order");
      }
    }
  }

  /** Its heap is resident from the start, so what grows in it shows as what is live there. */
  private static void printMemory(String what, PackagedGateway gateway) {
    System.out.printf(
        "%n%s: %d sessions, MB of the gateway%n%-11s %9s %9s%n",
        what, SESSIONS, "", "resident", "live heap");
    for (int sample = 0; sample <= SAMPLES; sample++) {
      System.out.printf(
          "after %3d s %9.1f %9.1f%n",
          PRESSURE.toSeconds() * sample / SAMPLES,
          gateway.program().resident() / 1024.0 / 1024,
          gateway.liveHeap() / 1024.0 / 1024);
      if (sample < SAMPLES) {
        LockSupport.parkNanos(PRESSURE.dividedBy(SAMPLES).toNanos());
      }
    }
  }
}
