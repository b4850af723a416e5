package io.livegate.simulator;

import io.livegate.simulator.Handles.Line;
import io.livegate.simulator.Handles.Memory;
import io.livegate.simulator.Script.At;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The model's side of one connection, after setup. It answers what it is told with the same words,
 * what it hears with the same sound, and {@code call name {"arg":1}} by calling that function.
 *
 * <p>Audio is taken as a turn at audioStreamEnd or activityEnd, after speech and then silence, or
 * when there is enough of it. Silence alone never interrupts.
 */
final class Conversation {
  private static final Pattern CALL =
      Pattern.compile("\\bcall ([A-Za-z_][\\w.:-]*)\\s*(\\{.*})?", Pattern.DOTALL);
  private static final int MOST_HEARD = 4 << 20;
  private static final long NO_TIMER = -1;

  private final World world;
  private final Outbox out;
  private final Journal.Entry page;
  private final Consumer<At> reached;
  private final Line line;
  private final Memory memory;
  private final Terms terms;
  private final ToolCalls tools;
  private final Deque<Prompt> queue = new ArrayDeque<>();
  private @Nullable Reply reply;
  private boolean changed;
  private boolean over;
  private long handleTimer = NO_TIMER;

  /** What to answer: words, and the sound to say them with unless tones will do. */
  private record Prompt(String text, Buffer sound) {
    static Prompt words(String text) {
      return new Prompt(text, Buffer.buffer());
    }
  }

  Conversation(
      World world,
      Outbox out,
      Journal.Entry page,
      JsonObject setup,
      Handles.Resumed start,
      Consumer<At> reached) {
    this.world = world;
    this.out = out;
    this.page = page;
    this.reached = reached;
    line = start.line();
    memory = start.memory();
    terms = Terms.of(setup);
    tools = new ToolCalls(page.id());
  }

  /** Starts, after setupComplete. */
  void begin() {
    page.entered(memory.history);
    update(true);
  }

  /** Ends all that is going on, without a word. */
  void stop() {
    over = true;
    reply = null;
    world.vertx().cancelTimer(handleTimer);
  }

  /** Takes one client message, already checked against the schema. */
  void receive(JsonObject message) {
    if (world.journal().on()) {
      memory.history.add(message);
      page.entered(List.of(message));
    }
    if (message.containsKey("clientContent")) {
      clientContent(message.getJsonObject("clientContent"));
    } else if (message.containsKey("realtimeInput")) {
      realtimeInput(message.getJsonObject("realtimeInput"));
    } else {
      toolResponse(message.getJsonObject("toolResponse"));
    }
    touch();
  }

  private void clientContent(JsonObject content) {
    boolean complete = content.getBoolean("turnComplete", false);
    for (Object turn : content.getJsonArray("turns", new JsonArray())) {
      memory.context = memory.context.plus(Turns.tally((JsonObject) turn));
      if (!memory.awaitsHistory) {
        memory.asked.append(Turns.userText((JsonObject) turn));
      }
    }
    if (memory.awaitsHistory) {
      memory.awaitsHistory = !complete;
      return;
    }
    interrupt();
    if (complete) {
      String text = memory.asked.toString();
      memory.asked.setLength(0);
      answer(Prompt.words(text));
    }
  }

  private void realtimeInput(JsonObject input) {
    if (input.containsKey("activityStart") || input.containsKey("activityEnd")) {
      if (!terms.manualActivity()) {
        throw Refusal.invalid(
            "Explicit activity control is not supported when automatic activity detection is"
                + " enabled.");
      }
    }
    if (input.containsKey("audioStreamEnd") && terms.manualActivity()) {
      throw Refusal.invalid(Refusal.INVALID);
    }
    if (input.containsKey("activityStart")) {
      memory.heard = new Pcm.Heard();
      interruptByActivity();
    }
    for (Object blob : Turns.blobs(input)) {
      media((JsonObject) blob);
    }
    String text = input.getString("text");
    if (text != null) {
      memory.context = memory.context.plus(Tally.ofText(text));
      submit(Prompt.words(text));
    }
    if (input.containsKey("activityEnd") || input.getBoolean("audioStreamEnd", false)) {
      endOfSpeech();
    }
  }

  private void media(JsonObject blob) {
    String type = blob.getString("mimeType", "audio/pcm");
    if (!type.startsWith("audio/")) {
      memory.context = memory.context.plus(Tally.IMAGE);
      return;
    }
    byte[] piece = Turns.decode(blob.getString("data", ""));
    if (memory.heard.length() + piece.length > MOST_HEARD) {
      endOfSpeech();
    }
    boolean loud = memory.heard.add(piece, Pcm.rate(type));
    if (terms.manualActivity()) {
      return;
    }
    if (loud) {
      interruptByActivity();
    }
    if (memory.heard.endedBy(terms.silenceMillis())
        || memory.heard.millis() >= world.options().audioTurn().toMillis()) {
      endOfSpeech();
    }
  }

  private void endOfSpeech() {
    Pcm.Heard heard = memory.heard;
    if (heard.length() == 0) {
      return;
    }
    memory.heard = new Pcm.Heard();
    memory.context = memory.context.plus(Tally.ofAudio(heard.millis()));
    String text = "heard " + heard.millis() + " ms of audio";
    if (terms.transcribesInput()) {
      out.send(content("inputTranscription", new JsonObject().put("text", text)));
    }
    submit(new Prompt(text, Buffer.buffer(heard.atOutRate())));
  }

  /** Answers at once, or after the current turn if that must not be interrupted. */
  private void submit(Prompt prompt) {
    interruptByActivity();
    if (busy()) {
      queue.add(prompt);
    } else {
      answer(prompt);
    }
  }

  private boolean busy() {
    return reply != null || tools.anyOpen();
  }

  private void interruptByActivity() {
    if (terms.interruptible()) {
      interrupt();
    }
  }

  private void interrupt() {
    if (!busy()) {
      return;
    }
    if (tools.anyOpen()) {
      out.send(tools.cancel());
    }
    out.send(content("interrupted", true));
    endTurn();
  }

  private void answer(Prompt prompt) {
    if (over) {
      return;
    }
    update(false);
    Matcher call = CALL.matcher(prompt.text());
    if (prompt.sound().length() == 0 && call.find() && terms.functions().contains(call.group(1))) {
      out.send(tools.call(call.group(1), Turns.arguments(call.group(2))));
      reached.accept(At.TOOL_CALL);
    } else {
      speak(prompt);
    }
  }

  private void toolResponse(JsonObject response) {
    tools.answered(response.getJsonArray("functionResponses", new JsonArray()));
    String results = reply == null ? tools.takeResults() : "";
    if (!results.isEmpty()) {
      speak(Prompt.words("The function said " + results));
    }
  }

  private void speak(Prompt prompt) {
    Reply started = new Reply(Turns.pieces(prompt.text(), prompt.sound()).iterator());
    reply = started;
    started.step();
  }

  /** An answer on its way, piece by piece. */
  private final class Reply {
    private final Iterator<Turns.Piece> pieces;
    private final StringBuilder said = new StringBuilder();
    private long bytes;
    private boolean begun;

    private Reply(Iterator<Turns.Piece> pieces) {
      this.pieces = pieces;
    }

    private boolean stopped() {
      return reply != this;
    }

    private void step() {
      out.whenWritable(this::say);
    }

    private void say() {
      if (stopped()) {
        return;
      }
      if (!pieces.hasNext()) {
        out.send(content("generationComplete", true));
        endTurn();
        next();
        return;
      }
      Turns.Piece piece = pieces.next();
      said.append(piece.text());
      if (terms.inText()) {
        out.send(content("modelTurn", part(new JsonObject().put("text", piece.text()))));
      } else {
        if (terms.transcribesOutput() && !piece.text().isEmpty()) {
          out.send(content("outputTranscription", new JsonObject().put("text", piece.text())));
        }
        bytes += piece.sound().length();
        JsonObject blob =
            new JsonObject()
                .put("mimeType", Pcm.OUT_TYPE)
                .put("data", Base64.getEncoder().encodeToString(piece.sound().getBytes()));
        out.send(content("modelTurn", part(new JsonObject().put("inlineData", blob))));
      }
      if (!begun) {
        begun = true;
        reached.accept(At.MID_TURN);
      }
      long pause = world.options().chunkInterval().toMillis();
      if (pause > 0 && pieces.hasNext()) {
        world.vertx().setTimer(pause, fired -> step());
      } else {
        world.context().runOnContext(fired -> step());
      }
    }

    private Tally tally() {
      Tally text =
          terms.inText() || terms.transcribesOutput() ? Tally.ofText(said.toString()) : Tally.NONE;
      return text.plus(Tally.ofAudio(bytes * 500 / Pcm.OUT_RATE));
    }
  }

  private void endTurn() {
    Tally response = reply == null ? Tally.NONE : reply.tally();
    reply = null;
    out.send(
        content("turnComplete", true)
            .put(
                "usageMetadata",
                Tally.usage(memory.context.plus(terms.standing()), tools.cost(), response)));
    memory.context = memory.context.plus(tools.cost()).plus(response);
    tools.endTurn();
  }

  private void next() {
    update(true);
    reached.accept(At.AFTER_TURN);
    Prompt prompt = queue.poll();
    if (prompt != null) {
      answer(prompt);
    }
  }

  /** Something entered the history: a new handle follows, unless the turn's end brings one. */
  private void touch() {
    changed = true;
    if (terms.givesHandles() && !over && !busy() && handleTimer == NO_TIMER) {
      long wait = Math.max(1, world.options().resumptionInterval().toMillis());
      handleTimer =
          world
              .vertx()
              .setTimer(
                  wait,
                  fired -> {
                    handleTimer = NO_TIMER;
                    if (changed && !busy()) {
                      update(true);
                    }
                  });
    }
  }

  private void update(boolean resumable) {
    if (terms.givesHandles() && !over) {
      changed = changed && !resumable;
      String handle = resumable ? world.handles().issue(line, memory) : "";
      out.send(
          new JsonObject()
              .put(
                  "sessionResumptionUpdate",
                  new JsonObject().put("newHandle", handle).put("resumable", resumable)));
    }
  }

  private static JsonObject content(String name, Object value) {
    return new JsonObject().put("serverContent", new JsonObject().put(name, value));
  }

  private static JsonObject part(JsonObject part) {
    return new JsonObject().put("role", "model").put("parts", new JsonArray().add(part));
  }
}
