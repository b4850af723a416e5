package io.livegate.policy;

import static java.util.Objects.requireNonNull;

import io.livegate.grant.SetupPath;
import io.livegate.grant.SetupSchema;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;
import org.jspecify.annotations.Nullable;

/** Reads what one rule says about the Live setup. */
final class SetupReader {

  private static final SetupPath MODALITIES = SetupPath.of("generationConfig.responseModalities");

  private final Findings findings;
  private Map<String, Object> values = Map.of();

  SetupReader(Findings findings) {
    this.findings = findings;
  }

  /** The setup of a rule, compiled. */
  SetupTemplate template(@Nullable YamlNode node) {
    if (node != null && node.isMapping()) {
      values = values(node);
    } else if (node != null) {
      node.mistake("must be a mapping of Google's setup fields");
    }
    if (MODALITIES.in(values).isEmpty()) {
      findings.warn(
          "setup has no generationConfig.responseModalities: Google then takes TEXT, which audio"
              + " models refuse");
    }
    if (!values.containsKey("contextWindowCompression")) {
      findings.warn(
          "setup has no contextWindowCompression: sessions end after about 15 minutes, and every"
              + " turn pays for the whole conversation again");
    }
    var template =
        new SetupTemplate(
            values,
            (path, offset, what) -> requireNonNull(node).nearest(path).mistakeAt(offset, what));
    for (String path : new LinkedHashSet<>(template.readingClaims())) {
      findings.warn(
          "setup."
              + path
              + " takes in claims: if users can edit them at the identity provider, they can write"
              + " instructions");
    }
    return template;
  }

  @SuppressWarnings("unchecked") // a mapping node is read as an object with string keys
  private static Map<String, Object> values(YamlNode node) {
    var raw = (Map<String, @Nullable Object>) requireNonNull(node.plain());
    BiConsumer<String, String> mistake =
        (path, what) -> {
          YamlNode place = node.nearest(path);
          boolean there = place.path().equals(node.path() + "." + path);
          place.mistake(there ? what : path + " " + what);
        };
    if (raw.containsKey("model")) {
      raw.remove("model");
      mistake.accept("model", "belongs in the rule's models");
    }
    for (String resumption : List.of("sessionResumption", "session_resumption")) {
      if (raw.containsKey(resumption)) {
        raw.remove(resumption);
        mistake.accept(resumption, "is Livegate's to set, in every token; leave it out");
      }
    }
    return SetupSchema.canonicalWireNames(raw, mistake);
  }

  /** The places of the setup that a request may set. */
  List<SetupPath> open(@Nullable YamlNode node) {
    var open = new ArrayList<SetupPath>();
    if (node != null) {
      for (YamlNode element : node.elements()) {
        element.string().map(SetupPath::of).ifPresent(path -> open(element, path, open));
      }
    }
    return open;
  }

  private void open(YamlNode element, SetupPath path, List<SetupPath> open) {
    String first = path.names().get(0);
    if (first.equals("model")) {
      element.mistake("is chosen among models, not opened");
    } else if (first.equals("sessionResumption")) {
      element.mistake("is Livegate's to set: a request has resumptionHandle");
    } else if (!SetupSchema.knows(path)) {
      element.mistake(
          "names no field of Google's setup: "
              + path
              + "; write it as generationConfig.temperature");
    } else if (open.contains(path)) {
      element.mistake("is listed twice");
    } else if (open.stream().anyMatch(other -> other.covers(path) || path.covers(other))) {
      element.mistake("overlaps a place that is open already: " + path);
    } else {
      open.add(path);
      if (path.in(values).orElse(null) instanceof Map<?, ?> object && !object.isEmpty()) {
        findings.warn(
            path
                + " is open, so what setup says inside it is only a default, which a request"
                + " replaces as a whole");
      }
    }
  }
}
