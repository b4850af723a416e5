package io.livegate.policy;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CoderResult;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.MappingNode;
import org.yaml.snakeyaml.nodes.Node;
import org.yaml.snakeyaml.nodes.NodeTuple;
import org.yaml.snakeyaml.nodes.SequenceNode;
import org.yaml.snakeyaml.reader.ReaderException;

/**
 * Compiles the text of a policy file. The format is described by {@code policy.schema.json} and in
 * the README; what a schema cannot say (expressions, reachability, sizes of durations) is checked
 * here too. Nothing is half accepted: the outcome is a policy or all mistakes.
 */
public final class PolicyFile {

  /** The outcome of {@link #compile}. */
  public sealed interface Compiled {
    record Accepted(Policy policy) implements Compiled {}

    record Rejected(String digest, List<Mistake> mistakes) implements Compiled {}
  }

  private static final int MAX_CHARACTERS = 1 << 20;

  private PolicyFile() {}

  /**
   * Compiles a file.
   *
   * @param severalIssuers whether tokens of more than one issuer are accepted: then everything must
   *     say for whose people it is
   */
  public static Compiled compile(byte[] file, boolean severalIssuers) {
    String digest = digest(file);
    var findings = new Findings();
    Optional<Policy> policy = Optional.empty();
    Node root = parse(file, findings);
    if (root != null) {
      try {
        policy =
            Optional.of(
                new PolicyReader(severalIssuers, findings)
                    .policy(new YamlNode(root, "", findings::mistake), digest));
      } catch (StackOverflowError e) {
        findings.mistake(1, "an expression is nested too deeply; write it flatter");
      }
    }
    return policy.isPresent() && findings.count() == 0
        ? new Compiled.Accepted(policy.get())
        : new Compiled.Rejected(digest, findings.mistakes());
  }

  /** SHA-256 in hex. */
  static String digest(byte[] file) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(file));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** The document of the file, or null after a mistake was found. */
  static @Nullable Node parse(byte[] file, Findings findings) {
    if (file.length > 4 * MAX_CHARACTERS) {
      findings.mistake(1, "the file is too large; at most " + MAX_CHARACTERS + " characters");
      return null;
    }
    var bytes = ByteBuffer.wrap(file);
    var characters = CharBuffer.allocate(file.length);
    CoderResult decoded = StandardCharsets.UTF_8.newDecoder().decode(bytes, characters, true);
    if (decoded.isError()) {
      findings.mistake(
          line(new String(file, 0, bytes.position(), StandardCharsets.ISO_8859_1)),
          "is not UTF-8 here; save the file as UTF-8");
      return null;
    }
    String text = characters.flip().toString();
    var options = new LoaderOptions();
    options.setCodePointLimit(MAX_CHARACTERS);
    // An alias can repeat a part many times over; a policy has no use for more than a few.
    options.setMaxAliasesForCollections(10);
    options.setNestingDepthLimit(50);
    try {
      Node root = new Yaml(new SafeConstructor(options)).compose(new java.io.StringReader(text));
      if (root == null) {
        findings.mistake(1, "the file is empty; it needs version: 1 and rules");
        return null;
      }
      return holdsItself(root, Collections.newSetFromMap(new IdentityHashMap<>()), findings)
          ? null
          : root;
    } catch (MarkedYAMLException e) {
      int line = e.getProblemMark() == null ? 1 : e.getProblemMark().getLine() + 1;
      String context = e.getContext() == null ? "" : e.getContext() + ", ";
      findings.mistake(
          line,
          context.startsWith("expected a single document")
              ? "starts a second document; a policy is one document"
              : "is no YAML: " + context + e.getProblem());
    } catch (ReaderException e) {
      int end = text.offsetByCodePoints(0, Math.min(e.getPosition(), text.length()));
      findings.mistake(
          line(text.substring(0, end)),
          "has a control character, which YAML does not allow: "
              + "U+%04X".formatted(e.getCodePoint()));
    } catch (YAMLException e) {
      findings.mistake(1, "is no YAML: " + e.getMessage());
    } catch (StackOverflowError e) {
      findings.mistake(1, "is nested too deeply");
    }
    return null;
  }

  private static int line(String before) {
    return 1 + (int) before.chars().filter(c -> c == '\n').count();
  }

  private static boolean holdsItself(Node node, Set<Node> above, Findings findings) {
    if (!above.add(node)) {
      findings.mistake(
          node.getStartMark().getLine() + 1, "holds itself by an alias; write the part out");
      return true;
    }
    boolean found = false;
    if (node instanceof MappingNode mapping) {
      for (NodeTuple tuple : mapping.getValue()) {
        found |= holdsItself(tuple.getKeyNode(), above, findings);
        found |= holdsItself(tuple.getValueNode(), above, findings);
      }
    } else if (node instanceof SequenceNode sequence) {
      for (Node element : sequence.getValue()) {
        found |= holdsItself(element, above, findings);
      }
    }
    above.remove(node);
    return found;
  }
}
