package io.livegate.simulator;

import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The function calls of one connection: which are open, and what came back. */
final class ToolCalls {
  private final String prefix;
  private final Set<String> open = new LinkedHashSet<>();
  private final Set<String> cancelled = new HashSet<>();
  private final StringBuilder results = new StringBuilder();
  private Tally cost = Tally.NONE;
  private int count;

  /**
   * @param prefix makes ids unique among connections
   */
  ToolCalls(String prefix) {
    this.prefix = prefix;
  }

  boolean anyOpen() {
    return !open.isEmpty();
  }

  /** Opens a call, and returns the message for it. */
  JsonObject call(String name, JsonObject arguments) {
    String id = "call-" + prefix + "-" + ++count;
    open.add(id);
    JsonObject call = new JsonObject().put("id", id).put("name", name).put("args", arguments);
    return new JsonObject()
        .put("toolCall", new JsonObject().put("functionCalls", new JsonArray().add(call)));
  }

  /** Cancels what is open, and returns the message for it. */
  JsonObject cancel() {
    JsonArray ids = new JsonArray(List.copyOf(open));
    cancelled.addAll(open);
    open.clear();
    return new JsonObject().put("toolCallCancellation", new JsonObject().put("ids", ids));
  }

  /** Takes a client's answers. Late ones, to cancelled calls, are ignored. */
  void answered(JsonArray answers) {
    if (answers.isEmpty()) {
      throw Refusal.invalid(Refusal.INVALID);
    }
    for (Object item : answers) {
      JsonObject answer = (JsonObject) item;
      String id = answer.getString("id", "");
      if (id.isEmpty()) {
        throw Refusal.invalid(Refusal.INVALID);
      }
      if (open.contains(id)) {
        String said = answer.getJsonObject("response", new JsonObject()).encode();
        cost = cost.plus(Tally.ofText(said));
        results.append(results.length() == 0 ? "" : " ").append(said);
        if (!answer.getBoolean("willContinue", false)) {
          open.remove(id);
        }
      } else if (!cancelled.contains(id)) {
        throw Refusal.closing(1008, Refusal.NOT_FOUND);
      }
    }
  }

  /** What all answers said; empty while one is missing, and after it was taken. */
  String takeResults() {
    if (anyOpen()) {
      return "";
    }
    String all = results.toString();
    results.setLength(0);
    return all;
  }

  /** What the answers of this turn cost. */
  Tally cost() {
    return cost;
  }

  void endTurn() {
    cost = Tally.NONE;
    results.setLength(0);
  }
}
