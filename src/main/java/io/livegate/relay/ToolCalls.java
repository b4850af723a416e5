package io.livegate.relay;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The function calls of a conversation, by the ids that the client knows. A call that a connection
 * was lost after is forgotten at Google, if the handle is older; the model then calls again, under
 * a new id. The client is not asked a second time: its answer counts for the new call, whether it
 * has given it already or will.
 */
final class ToolCalls {

  private static final class Call {
    private final JsonNode name;
    private final JsonNode args;

    /** Its id at Google; null while Google does not know of it. */
    private @Nullable String googleId;

    private final List<ObjectNode> answers = new ArrayList<>();
    private boolean answered;

    /** The newest handle knows of it. */
    private boolean inHandle;

    Call(JsonNode call) {
      name = call.path("name");
      args = call.path("args");
      googleId = call.path("id").asText();
    }

    boolean isLost() {
      return googleId == null;
    }

    boolean isLike(JsonNode call) {
      return isLost() && name.equals(call.path("name")) && args.equals(call.path("args"));
    }
  }

  private final Map<String, Call> calls = new LinkedHashMap<>();

  /** Whether Google waits for an answer. */
  boolean anyOpen() {
    return calls.values().stream().anyMatch(call -> !call.isLost() && !call.answered);
  }

  /**
   * Google calls functions.
   *
   * @return empty if the client must be asked; otherwise it was already, and this is what it has
   *     answered so far, to be sent {@link #again}
   */
  Optional<List<ObjectNode>> called(JsonNode toolCall) {
    var again = new LinkedHashMap<Call, String>();
    boolean all = true;
    for (JsonNode call : toolCall.path("functionCalls")) {
      Optional<Call> known =
          calls.values().stream()
              .filter(one -> !again.containsKey(one) && one.isLike(call))
              .findFirst();
      known.ifPresent(one -> again.put(one, call.path("id").asText()));
      all &= known.isPresent();
    }
    if (all && !again.isEmpty()) {
      var answers = new ArrayList<ObjectNode>();
      again.forEach(
          (call, id) -> {
            call.googleId = id;
            answers.addAll(call.answers);
          });
      return Optional.of(answers);
    }
    for (JsonNode call : toolCall.path("functionCalls")) {
      calls.put(call.path("id").asText(), new Call(call));
    }
    return Optional.empty();
  }

  /**
   * The client answers.
   *
   * @param message its message
   * @return what is for Google now, if anything: the message itself, where nothing is different
   */
  Optional<ObjectNode> answered(ObjectNode message) {
    return renamed(message, true);
  }

  /**
   * An answer that may not have reached the model.
   *
   * @return what must be sent again of it now; the rest waits for the model to call again
   */
  Optional<ObjectNode> again(ObjectNode message) {
    return renamed(message, false);
  }

  private Optional<ObjectNode> renamed(ObjectNode message, boolean first) {
    String field = message.has("toolResponse") ? "toolResponse" : "tool_response";
    JsonNode response = message.path(field);
    String list = response.has("functionResponses") ? "functionResponses" : "function_responses";
    ArrayNode now = JsonNodeFactory.instance.arrayNode();
    boolean same = true;
    for (JsonNode answer : response.path(list)) {
      Call call = calls.get(answer.path("id").asText());
      if (call == null || !(answer instanceof ObjectNode object)) {
        now.add(answer);
        continue;
      }
      if (first) {
        call.answers.add(object.deepCopy());
        call.answered |= !answer.path("willContinue").asBoolean();
      }
      same &= answer.path("id").asText().equals(call.googleId);
      if (call.googleId != null) {
        now.add(object.deepCopy().put("id", call.googleId));
      }
    }
    if (same) {
      return Optional.of(message);
    }
    if (now.isEmpty()) {
      return Optional.empty();
    }
    ObjectNode changed = message.deepCopy();
    changed.withObject("/" + field).set(list, now);
    return Optional.of(changed);
  }

  /** Google takes calls back; the ids become those that the client knows. */
  void cancelled(JsonNode cancellation) {
    if (!(cancellation.path("ids") instanceof ArrayNode ids)) {
      return;
    }
    for (int i = 0; i < ids.size(); i++) {
      String googleId = ids.get(i).asText();
      for (var entry : List.copyOf(calls.entrySet())) {
        if (googleId.equals(entry.getValue().googleId)) {
          ids.set(i, JsonNodeFactory.instance.textNode(entry.getKey()));
          calls.remove(entry.getKey());
        }
      }
    }
  }

  /**
   * A handle came: it knows of the calls that Google knows.
   *
   * @param answers whether it also has all that was answered so far, and asked again
   */
  void snapshot(boolean answers) {
    if (answers) {
      calls.values().removeIf(call -> call.answered || call.isLost());
    }
    calls.values().forEach(call -> call.inHandle |= !call.isLost());
  }

  /** The conversation goes on from the handle. */
  void resumed() {
    for (Call call : calls.values()) {
      if (!call.inHandle) {
        call.googleId = null;
      }
    }
  }
}
