package io.livegate.simulator;

import io.livegate.simulator.LiveSession.Credential;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.ServerWebSocket;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Routes requests: minting, listing models, the two WebSocket methods, and the control paths. */
final class HttpApi {
  private static final Pattern MINT = Pattern.compile("/(v1|v1beta|v1alpha)/auth_tokens");
  private static final Pattern MODELS = Pattern.compile("/(v1|v1beta|v1alpha)/models");
  private static final Pattern LIVE =
      Pattern.compile(
          "/ws/google\\.ai\\.generativelanguage\\.(v1|v1beta|v1alpha)\\.GenerativeService"
              + "\\.BidiGenerateContent(Constrained)?");
  private static final String JSON = "application/json; charset=UTF-8";
  private static final int LARGEST_BODY = 8 << 20;

  private final World world;
  private final Models models;
  private final ControlApi control;
  private final Map<String, LiveSession> sessions = new LinkedHashMap<>();
  private long sessionCount;

  HttpApi(World world) {
    this.world = world;
    models = new Models(world.options());
    control = new ControlApi(world, this);
  }

  void handle(HttpServerRequest request) {
    // Some clients join a base URL and a path without looking at the slashes.
    String path = request.path() == null ? "" : request.path().replaceAll("/{2,}", "/");
    Matcher mint = MINT.matcher(path);
    Matcher live = LIVE.matcher(path);
    if (mint.matches() && request.method().equals(HttpMethod.POST)) {
      String version = mint.group(1);
      withBody(request, body -> mint(request, version, body));
    } else if (live.matches() && request.headers().contains("Upgrade", "websocket", true)) {
      upgrade(request, live.group(1), live.group(2) != null);
    } else if (path.startsWith("/_simulator/")) {
      withBody(request, body -> control.handle(request, path, body));
    } else if (MODELS.matcher(path).matches() && request.method().equals(HttpMethod.GET)) {
      answer(request, 200, JSON, models.list().encode());
    } else {
      // Also for reading tokens back: the service knows no such method, and says so with no body.
      request.response().setStatusCode(404).end();
    }
  }

  /** Does something to open connections: one by id, or {@code all}. */
  int play(String id, Action action) {
    List<LiveSession> chosen =
        sessions.values().stream().filter(s -> id.equals("all") || s.id().equals(id)).toList();
    chosen.forEach(session -> session.play(action));
    return chosen.size();
  }

  /** Looks at the clock for every open connection. */
  void tick() {
    Instant now = world.options().clock().instant();
    List.copyOf(sessions.values()).forEach(session -> session.tick(now));
  }

  /** Reads a body in memory, up to a limit. */
  private static void withBody(HttpServerRequest request, Consumer<Buffer> then) {
    Buffer body = Buffer.buffer();
    request.handler(
        piece -> {
          if (body.length() + piece.length() <= LARGEST_BODY) {
            body.appendBuffer(piece);
          } else if (!request.response().ended()) {
            request.response().setStatusCode(413).putHeader("Connection", "close").end();
          }
        });
    request.endHandler(
        end -> {
          if (!request.response().ended()) {
            then.accept(body);
          }
        });
  }

  private void mint(HttpServerRequest request, String version, Buffer body) {
    MintFault fault = world.script().nextMint().orElse(MintFault.slow(Duration.ZERO));
    long delay = fault.delay().toMillis();
    if (delay > 0) {
      world.vertx().setTimer(delay, due -> mint(request, version, body, fault));
    } else {
      mint(request, version, body, fault);
    }
  }

  private void mint(HttpServerRequest request, String version, Buffer body, MintFault fault) {
    switch (fault.kind()) {
      case PASS -> mintNow(request, version, body);
      case ANSWER -> {
        fault.headers().forEach(request.response()::putHeader);
        record(request, body, fault.status(), "");
        request.response().setStatusCode(fault.status()).end(fault.body());
      }
      case HANG -> record(request, body, 0, "");
      case RESET -> {
        record(request, body, 0, "");
        Wire.of(request).cut();
      }
    }
  }

  private void mintNow(HttpServerRequest request, String version, Buffer body) {
    String key = key(request);
    if (key.isEmpty()) {
      refuse(request, body, 403, "PERMISSION_DENIED", Refusal.NO_KEY);
    } else if (!world.options().acceptsKey(key)) {
      refuse(request, body, 400, "INVALID_ARGUMENT", Refusal.BAD_KEY);
    } else {
      try {
        JsonObject json = body.length() == 0 ? new JsonObject() : new JsonObject(body);
        String name = world.tokens().mint(version, key, json);
        record(request, body, 200, name);
        answer(request, 200, JSON, new JsonObject().put("name", name).encode());
      } catch (Refusal refusal) {
        refuse(request, body, 400, "INVALID_ARGUMENT", refusal.reason());
      } catch (DecodeException e) {
        refuse(
            request, body, 400, "INVALID_ARGUMENT", "Invalid JSON payload received. Parse error.");
      }
    }
  }

  private void refuse(
      HttpServerRequest request, Buffer body, int code, String status, String message) {
    record(request, body, code, "");
    JsonObject envelope = new JsonObject(MintFault.envelope(code, status, message));
    if (message.equals(Refusal.BAD_KEY)) {
      JsonObject detail =
          new JsonObject()
              .put("@type", "type.googleapis.com/google.rpc.ErrorInfo")
              .put("reason", "API_KEY_INVALID")
              .put("domain", "googleapis.com");
      envelope.getJsonObject("error").put("details", new JsonArray().add(detail));
    }
    answer(request, code, JSON, envelope.encode());
  }

  private void record(HttpServerRequest request, Buffer body, int status, String token) {
    if (world.journal().on()) {
      Map<String, String> headers = new HashMap<>();
      request
          .headers()
          .forEach(
              (name, value) ->
                  headers.merge(name.toLowerCase(Locale.ROOT), value, (a, b) -> a + ", " + b));
      String path = request.path() == null ? "" : request.path();
      world
          .journal()
          .minted(new Journal.Mint(path, Map.copyOf(headers), body.toString(), status, token));
    }
  }

  private void upgrade(HttpServerRequest request, String version, boolean constrained) {
    Credential credential = credential(request, version, constrained);
    String path = request.path() == null ? "" : request.path();
    request
        .toWebSocket()
        .onSuccess(socket -> opened(request, socket, path, credential))
        .onFailure(failed -> {});
  }

  private void opened(
      HttpServerRequest request, ServerWebSocket socket, String path, Credential credential) {
    String id = "s" + ++sessionCount;
    Journal.Entry page = world.journal().opened(id, path, credential.place(), credential.secret());
    LiveSession session =
        new LiveSession(world, models, credential, socket, page, Wire.of(request));
    sessions.put(id, session);
    session.open(() -> sessions.remove(id));
  }

  private static Credential credential(
      HttpServerRequest request, String version, boolean constrained) {
    String authorization = headerOf(request, "authorization");
    String headerToken =
        authorization.startsWith("Token ") ? authorization.substring("Token ".length()) : "";
    String queryToken = parameter(request, "access_token");
    Map<String, String> places = new LinkedHashMap<>();
    places.put("access_token", queryToken);
    places.put("authorization", headerToken);
    places.put("key", parameter(request, "key"));
    places.put("x-goog-api-key", headerOf(request, "x-goog-api-key"));
    places.values().removeIf(String::isEmpty);
    if (!queryToken.isEmpty() && !headerToken.isEmpty()) {
      return new Credential(version, constrained, "both", queryToken);
    }
    return places.entrySet().stream()
        .findFirst()
        .map(found -> new Credential(version, constrained, found.getKey(), found.getValue()))
        .orElse(new Credential(version, constrained, "none", ""));
  }

  private static String key(HttpServerRequest request) {
    String header = headerOf(request, "x-goog-api-key");
    return header.isEmpty() ? parameter(request, "key") : header;
  }

  private static String headerOf(HttpServerRequest request, String name) {
    String value = request.getHeader(name);
    return value == null ? "" : value;
  }

  private static String parameter(HttpServerRequest request, String name) {
    String value = request.getParam(name);
    return value == null ? "" : value;
  }

  static void answer(HttpServerRequest request, int status, String type, String body) {
    request.response().setStatusCode(status).putHeader("Content-Type", type).end(body);
  }
}
