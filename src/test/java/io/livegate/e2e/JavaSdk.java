package io.livegate.e2e;

import com.google.genai.AsyncSession;
import com.google.genai.Client;
import com.google.genai.types.Blob;
import com.google.genai.types.Content;
import com.google.genai.types.FunctionResponse;
import com.google.genai.types.HttpOptions;
import com.google.genai.types.LiveConnectConfig;
import com.google.genai.types.LiveSendClientContentParameters;
import com.google.genai.types.LiveSendRealtimeInputParameters;
import com.google.genai.types.LiveSendToolResponseParameters;
import com.google.genai.types.LiveServerContent;
import com.google.genai.types.LiveServerMessage;
import com.google.genai.types.Part;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/**
 * Google's Java SDK in a whole Live session: the steps of {@code session.mjs}, with the same input
 * and result. It connects by TLS whatever the base URL says, and never learns of the end of a
 * session.
 */
final class JavaSdk {

  private static final int LIMIT_SECONDS = 20;

  private final AsyncSession session;
  private final BlockingQueue<LiveServerMessage> received;

  private JavaSdk(AsyncSession session, BlockingQueue<LiveServerMessage> received) {
    this.session = session;
    this.received = received;
  }

  /** Runs the session; what was heard in each step. */
  static JsonObject session(JsonObject input) throws Exception {
    var received = new LinkedBlockingQueue<LiveServerMessage>();
    var http =
        HttpOptions.builder()
            .baseUrl(input.getString("baseUrl"))
            .apiVersion(input.getString("apiVersion"))
            .build();
    try (var client = Client.builder().apiKey(input.getString("token")).httpOptions(http).build()) {
      var config = LiveConnectConfig.fromJson(input.getJsonObject("config").encode());
      // What comes before anybody listens is lost.
      var connected =
          client
              .async
              .live
              .connect(input.getString("model"), config)
              .thenApply(
                  session -> {
                    done(session.receive(received::add));
                    return session;
                  });
      var sdk = new JavaSdk(connected.get(LIMIT_SECONDS, TimeUnit.SECONDS), received);
      try {
        return sdk.steps(input);
      } finally {
        done(sdk.session.close());
      }
    }
  }

  private JsonObject steps(JsonObject input) throws InterruptedException {
    var steps = new JsonObject();
    say("Good morning");
    steps.put("text", turn());

    for (int chunk = 0; chunk < 10; chunk++) {
      send(
          LiveSendRealtimeInputParameters.builder()
              .audio(Blob.builder().data(tone()).mimeType("audio/pcm;rate=16000"))
              .build());
    }
    send(LiveSendRealtimeInputParameters.builder().audioStreamEnd(true).build());
    steps.put("audio", turn());

    say(input.getString("story"));
    until(message -> message.serverContent().flatMap(LiveServerContent::modelTurn).isPresent());
    say("Never mind");
    steps.put("interrupted", turn());
    steps.put("afterwards", turn());

    say("Please call weather {\"city\":\"Bonn\"}");
    JsonObject call = until(message -> message.toolCall().isPresent());
    steps.put("call", call);
    JsonObject function = call.getJsonArray("calls").getJsonObject(0);
    done(
        session.sendToolResponse(
            LiveSendToolResponseParameters.builder()
                .functionResponses(
                    FunctionResponse.builder()
                        .id(function.getString("id"))
                        .name(function.getString("name"))
                        .response(Map.of("sky", "clear")))
                .build()));
    steps.put("response", turn());

    if (input.containsKey("largest")) {
      say("x".repeat(input.getInteger("largest")));
      JsonObject largest = turn();
      steps.put(
          "largest", largest.put("transcription", largest.getString("transcription").length()));
    }
    return steps;
  }

  private static byte[] tone() {
    var pcm = ByteBuffer.allocate(3200).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < 1600; i++) {
      pcm.putShort((short) Math.round(8000 * Math.sin(i / 5.0)));
    }
    return pcm.array();
  }

  private void say(String text) {
    done(
        session.sendClientContent(
            LiveSendClientContentParameters.builder()
                .turns(List.of(Content.fromParts(Part.fromText(text))))
                .turnComplete(true)
                .build()));
  }

  private void send(LiveSendRealtimeInputParameters input) {
    done(session.sendRealtimeInput(input));
  }

  /** Sends that are not waited for may overtake each other. */
  private static void done(CompletableFuture<Void> sent) {
    sent.orTimeout(LIMIT_SECONDS, TimeUnit.SECONDS).join();
  }

  private JsonObject turn() throws InterruptedException {
    return until(
        message -> message.serverContent().flatMap(LiveServerContent::turnComplete).orElse(false));
  }

  /** What is heard until a message for which that is true. */
  private JsonObject until(Predicate<LiveServerMessage> enough) throws InterruptedException {
    int audioBytes = 0;
    var transcription = new StringBuilder();
    var heardInput = new StringBuilder();
    boolean interrupted = false;
    var calls = new JsonArray();
    int tokens = 0;
    while (true) {
      LiveServerMessage message = received.poll(LIMIT_SECONDS, TimeUnit.SECONDS);
      if (message == null) {
        throw new AssertionError("nothing more after: " + transcription);
      }
      LiveServerContent content =
          message.serverContent().orElseGet(() -> LiveServerContent.builder().build());
      for (Part part : content.modelTurn().flatMap(Content::parts).orElse(List.of())) {
        audioBytes += part.inlineData().flatMap(Blob::data).orElse(new byte[0]).length;
      }
      content.outputTranscription().flatMap(said -> said.text()).ifPresent(transcription::append);
      content.inputTranscription().flatMap(said -> said.text()).ifPresent(heardInput::append);
      interrupted |= content.interrupted().orElse(false);
      message
          .toolCall()
          .flatMap(call -> call.functionCalls())
          .ifPresent(all -> all.forEach(call -> calls.add(new JsonObject(call.toJson()))));
      tokens += message.usageMetadata().flatMap(usage -> usage.totalTokenCount()).orElse(0);
      if (enough.test(message)) {
        return new JsonObject()
            .put("audioBytes", audioBytes)
            .put("transcription", transcription.toString())
            .put("input", heardInput.toString())
            .put("interrupted", interrupted)
            .put("calls", calls)
            .put("tokens", tokens);
      }
    }
  }
}
