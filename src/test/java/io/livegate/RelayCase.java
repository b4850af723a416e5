package io.livegate;

import static io.livegate.GatewayTest.TOKENS;
import static io.livegate.GatewayTest.as;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.livegate.audit.GatewayEvent.SessionClosed;
import io.livegate.simulator.Action;
import io.livegate.simulator.Journal;
import io.quarkus.test.junit.QuarkusTestProfile;
import io.restassured.RestAssured;
import io.vertx.core.json.JsonObject;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Inject;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * A test of connections to the relay. Whatever happens in it, each connection ends once, is told of
 * once, and leaves nothing behind: afterwards as many sessions run as may run at a time.
 */
abstract class RelayCase {

  static final String PATH =
      "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";
  static final String SETUP =
      "{\"setup\":{\"model\":\"models/gemini-3.8-live\",\"sessionResumption\":{}}}";

  private static final Pattern OPEN = Pattern.compile("(?m)^livegate_sessions_open\\{.*} (.*)$");

  /** A relay in which a place that is not released is soon missed. */
  public static final class FewAtATime implements QuarkusTestProfile {
    @Override
    public Map<String, String> getConfigOverrides() {
      return Map.of("livegate.relay.max-sessions", "2", "livegate.relay.max-pending", "1");
    }
  }

  /** The sessions that ended since the last test began. */
  @ApplicationScoped
  static class Ended {
    private final List<SessionClosed> events = new CopyOnWriteArrayList<>();

    List<SessionClosed> events() {
      return events;
    }

    void record(@Observes SessionClosed event) {
      events.add(event);
    }
  }

  @Inject Ended ended;

  private int connections;

  @BeforeEach
  void begin() {
    Surroundings.simulator().script().clear();
    Surroundings.simulator().journal().clear();
    ended.events().clear();
  }

  @AfterEach
  void everythingIsReleased() throws Exception {
    Surroundings.simulator().script().clear();
    Await.until(() -> ended.events().size() >= connections);
    var all = new ArrayList<RawSocket>();
    for (int i = 0; i < places(); i++) {
      all.add(ready(user().sign()));
    }
    for (RawSocket socket : all) {
      socket.send(RawSocket.ask("still here")).await("turnComplete");
      socket.close();
    }
    Await.until(() -> ended.events().size() >= connections);
    Await.until(() -> open() == 0);
    long sessions = ended.events().stream().map(SessionClosed::sessionId).distinct().count();
    assertEquals(connections, sessions);
    assertEquals(connections, ended.events().size(), "each end is told once");
    Await.until(
        () -> Surroundings.simulator().journal().sessions().stream().allMatch(s -> s.closed()));
  }

  /** How many sessions may run at a time. */
  int places() {
    return 2;
  }

  private static double open() {
    return OPEN.matcher(GatewayTest.management("/q/metrics"))
        .results()
        .mapToDouble(gauge -> Double.parseDouble(gauge.group(1)))
        .sum();
  }

  static TestIssuer.Token user() {
    return Surroundings.issuer().token("ada").groups("bridged");
  }

  /** A token of {@code POST /v1/tokens}. */
  static String token(String request) {
    return Secrets.remember(
        as(user())
            .contentType("application/json")
            .body(request)
            .post(TOKENS)
            .then()
            .statusCode(201)
            .extract()
            .path("token"));
  }

  /** A relay token for one session. */
  static String relayToken() {
    return token("{\"mode\":\"relay\",\"uses\":1}");
  }

  /** Connects, whether that is accepted or not. */
  RawSocket connect(String credential) throws IOException {
    var socket = new RawSocket(RestAssured.port, PATH + "?access_token=" + credential);
    if (socket.status().equals("101")) {
      connections++;
    }
    return socket;
  }

  /** Connects as soon as there is room: a place is released a moment after a client is gone. */
  RawSocket open(String credential) throws Exception {
    var sockets = new ArrayDeque<RawSocket>();
    Await.until(
        () -> {
          var socket = connect(credential);
          if (socket.status().equals("503")) {
            socket.close();
            return false;
          }
          return sockets.add(socket);
        });
    var socket = sockets.remove();
    assertEquals("101", socket.status(), socket::head);
    return socket;
  }

  /** Opens a session that Google has accepted. */
  RawSocket ready(String credential) throws Exception {
    var socket = open(credential).send(SETUP);
    socket.await("setupComplete");
    return socket;
  }

  /** How the test's only session ended, as the audit has it. */
  SessionClosed end() {
    Await.until(() -> !ended.events().isEmpty());
    return ended.events().get(0);
  }

  /** Google's end of the test's first session, when it is ready. */
  static Journal.Session upstream() throws Exception {
    return upstream(Journal.Session::ready);
  }

  static Journal.Session upstream(Predicate<Journal.Session> condition) throws Exception {
    return Surroundings.simulator().journal().session(condition).get(20, TimeUnit.SECONDS);
  }

  /** What was passed to Google after the setup. */
  static List<Journal.Frame> passed() throws Exception {
    var frames = upstream().frames();
    return frames.subList(1, frames.size());
  }

  /** Does something to the test's first connection at Google. */
  static void play(Action... actions) throws Exception {
    String id = upstream(any -> true).id();
    for (Action action : actions) {
      assertEquals(1, Surroundings.simulator().play(id, action).get(20, TimeUnit.SECONDS));
    }
  }

  static String text(String text) {
    return new JsonObject().put("realtimeInput", new JsonObject().put("text", text)).encode();
  }
}
