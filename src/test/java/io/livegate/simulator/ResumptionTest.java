package io.livegate.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ResumptionTest {
  private final MovableClock clock = new MovableClock();
  private LiveSimulator simulator;

  @BeforeEach
  void start() {
    simulator =
        LiveSimulator.start(
            Options.builder()
                .clock(clock)
                .chunkInterval(Duration.ZERO)
                .resumptionInterval(Duration.ofMillis(1))
                .build());
  }

  @AfterEach
  void stop() {
    simulator.close();
  }

  private static String resuming(String handle) {
    return Client.AUDIO_SETUP.replace(
        "\"sessionResumption\":{}", "\"sessionResumption\":{\"handle\":\"" + handle + "\"}");
  }

  @Test
  void restoresTheHistoryOfItsMoment() throws Exception {
    Client first = Client.ready(simulator, Client.AUDIO_SETUP);
    first.awaitHandle();
    first.ask("one");
    String handle = first.awaitHandle();
    first.ask("lost");
    first.awaitHandle();
    first.close();

    Client second = Client.ready(simulator, resuming(handle));
    second.ask("two");
    second.await("turnComplete");

    Journal.Session session = simulator.journal().sessions().get(1);
    assertTrue(session.resumed());
    assertEquals(2, session.history().size());
    assertTrue(session.history().get(0).encode().contains("one"));
    assertTrue(session.history().get(1).encode().contains("two"));
  }

  @Test
  void givesANewHandleForInputThatIsNotYetATurn() throws Exception {
    Client first = Client.ready(simulator, Client.AUDIO_SETUP);
    first.awaitHandle();
    first.send("{\"clientContent\":{\"turns\":[{\"parts\":[{\"text\":\"half \"}]}]}}");
    String handle = first.awaitHandle();
    first.close();

    Client second = Client.ready(simulator, resuming(handle));
    second.ask("whole");
    second.await("turnComplete");

    assertEquals("half whole", second.transcript());
  }

  @Test
  void refusesWhileTheOldConnectionIsOpen() throws Exception {
    Client first = Client.ready(simulator, Client.AUDIO_SETUP);
    String handle = first.awaitHandle();

    Client second = Client.open(simulator, Client.keyPath("v1beta", "k")).send(resuming(handle));
    assertEquals("1011 Internal error occurred.", second.awaitClose());
    first.close();
    Client third = Client.ready(simulator, resuming(handle));
    third.close();
  }

  @Test
  void forgetsAfterTwoHours() throws Exception {
    Client first = Client.ready(simulator, Client.AUDIO_SETUP);
    String handle = first.awaitHandle();
    first.close();
    clock.advance(Duration.ofHours(2));

    Client second = Client.open(simulator, Client.keyPath("v1beta", "k")).send(resuming(handle));
    assertEquals("1008 Requested entity was not found", second.awaitClose());
  }

  @Test
  void keepsConversationsOfKeysApart() throws Exception {
    Client first = Client.ready(simulator, Client.AUDIO_SETUP);
    String handle = first.awaitHandle();
    first.close();

    Client second =
        Client.open(simulator, Client.keyPath("v1beta", "other")).send(resuming(handle));
    assertEquals("1008 Requested entity was not found", second.awaitClose());
  }

  @Test
  void warnsBeforeAConnectionGrowsTooOld() throws Exception {
    Client client = Client.ready(simulator, Client.AUDIO_SETUP);
    clock.advance(Duration.ofSeconds(550));
    assertEquals("50s", client.await("goAway").getJsonObject("goAway").getString("timeLeft"));
    clock.advance(Duration.ofSeconds(50));

    assertEquals("1011 Deadline expired before operation could complete.", client.awaitClose());
  }
}
