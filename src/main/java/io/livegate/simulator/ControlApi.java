package io.livegate.simulator;

import io.livegate.simulator.Script.Step;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;

/** The paths under {@code /_simulator/}; {@link LiveSimulator} documents them. */
final class ControlApi {
  private static final String JSON = "application/json";

  private final World world;
  private final HttpApi http;

  ControlApi(World world, HttpApi http) {
    this.world = world;
    this.http = http;
  }

  void handle(HttpServerRequest request, String path, Buffer body) {
    try {
      JsonObject json = body.length() == 0 ? new JsonObject() : new JsonObject(body);
      String route = request.method() + " " + path.substring("/_simulator".length());
      if (!handled(request, route, json)) {
        problem(request, 404, "no such control path: " + route);
      }
    } catch (IllegalArgumentException
        | DecodeException
        | ClassCastException
        | NullPointerException e) {
      problem(request, 400, "not understood: " + e.getMessage());
    }
  }

  private boolean handled(HttpServerRequest request, String route, JsonObject json) {
    String action = "POST /sessions/";
    if (route.startsWith(action)) {
      int count = http.play(route.substring(action.length()), Action.fromJson(json));
      HttpApi.answer(request, 200, JSON, new JsonObject().put("sessions", count).encode());
      return true;
    }
    if (route.equals("GET /journal")) {
      HttpApi.answer(request, 200, JSON, world.journal().toJson().encode());
      return true;
    }
    int times = json.getInteger("times", 1);
    switch (route) {
      case "DELETE /journal" -> world.journal().clear();
      case "DELETE /faults" -> world.script().clear();
      case "POST /faults/mint" -> world.script().mints(times, MintFault.fromJson(json));
      case "POST /faults/session" -> world.script().sessions(times, steps(json));
      default -> {
        return false;
      }
    }
    request.response().setStatusCode(204).end();
    return true;
  }

  private static Step[] steps(JsonObject json) {
    return json.getJsonArray("steps").stream()
        .map(step -> Step.fromJson((JsonObject) step))
        .toArray(Step[]::new);
  }

  private static void problem(HttpServerRequest request, int status, String message) {
    HttpApi.answer(request, status, JSON, new JsonObject().put("error", message).encode());
  }
}
