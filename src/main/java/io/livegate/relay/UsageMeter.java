package io.livegate.relay;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Sums Google's {@code usageMetadata} (Live API reference). Each report is of one turn, whose
 * prompt includes the whole history again, as it is billed; so a session's usage is the sum of all.
 *
 * <p>By direction, {@code input} and {@code output}, and within it by modality: text, audio, video
 * (with images), tool, thoughts; {@code cached} says which part of the input came from a cache.
 */
final class UsageMeter {

  private static final String CACHED = "cached";

  private final Map<String, Map<String, Long>> sums = new TreeMap<>();

  void add(JsonNode usage) {
    split("input", usage.path("promptTokenCount"), usage.path("promptTokensDetails"));
    add("input", "tool", usage.path("toolUsePromptTokenCount").asLong());
    add("input", CACHED, usage.path("cachedContentTokenCount").asLong());
    split("output", usage.path("responseTokenCount"), usage.path("responseTokensDetails"));
    add("output", "thoughts", usage.path("thoughtsTokenCount").asLong());
  }

  /** What the details do not explain of a count is text, as Google says of unnamed modalities. */
  private void split(String direction, JsonNode count, JsonNode details) {
    long explained = 0;
    for (JsonNode detail : details) {
      long tokens = detail.path("tokenCount").asLong();
      explained += tokens;
      add(direction, modality(detail.path("modality").asText("")), tokens);
    }
    add(direction, "text", count.asLong() - explained);
  }

  private static String modality(String name) {
    return switch (name.toUpperCase(Locale.ROOT)) {
      case "AUDIO" -> "audio";
      case "VIDEO", "IMAGE" -> "video";
      default -> "text";
    };
  }

  private void add(String direction, String modality, long tokens) {
    if (tokens > 0) {
      sums.computeIfAbsent(direction, none -> new TreeMap<>()).merge(modality, tokens, Long::sum);
    }
  }

  /** Tokens by direction and modality. */
  Map<String, Map<String, Long>> sums() {
    var copy = new TreeMap<String, Map<String, Long>>();
    sums.forEach((direction, tokens) -> copy.put(direction, Map.copyOf(tokens)));
    return copy;
  }

  /** All tokens; what came from a cache is a part of the input. */
  long total() {
    return sums.values().stream()
        .flatMap(tokens -> tokens.entrySet().stream())
        .filter(tokens -> !tokens.getKey().equals(CACHED))
        .mapToLong(Map.Entry::getValue)
        .sum();
  }
}
