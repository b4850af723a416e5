package io.livegate.policy;

import io.livegate.grant.Mode;
import io.livegate.grant.SetupPath;
import io.livegate.grant.SetupSchema;
import io.livegate.policy.Expression.InvalidException;
import java.io.ByteArrayInputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;
import org.yaml.snakeyaml.error.MarkedYAMLException;
import org.yaml.snakeyaml.error.YAMLException;
import org.yaml.snakeyaml.nodes.Node;

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

  /** Google refuses tokens that live this long or longer. */
  private static final Duration LIMIT = Duration.ofHours(20);

  private static final Pattern DURATION = Pattern.compile("([1-9][0-9]{0,5})(s|m|h)");
  private static final Pattern RULE_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,62}");
  private static final Pattern MODEL =
      Pattern.compile("(models/)?[A-Za-z0-9][A-Za-z0-9._-]{0,100}");
  private static final int MAX_CHARACTERS = 1 << 20;

  private final boolean severalIssuers;
  private final List<Mistake> mistakes = new ArrayList<>();
  private final List<String> warnings = new ArrayList<>();
  private Optional<String> currentRule = Optional.empty();

  private PolicyFile(boolean severalIssuers) {
    this.severalIssuers = severalIssuers;
  }

  /**
   * Compiles a file.
   *
   * @param severalIssuers whether tokens of more than one issuer are accepted: then everything must
   *     say for whose people it is
   */
  public static Compiled compile(byte[] file, boolean severalIssuers) {
    String digest = digest(file);
    var reading = new PolicyFile(severalIssuers);
    Optional<Policy> policy = Optional.empty();
    try {
      Node root = parse(file);
      if (root == null) {
        reading.mistake(1, "the file is empty; it needs version: 1 and rules");
      } else {
        policy = Optional.of(reading.policy(new YamlNode(root, "", reading::mistake), digest));
      }
    } catch (MarkedYAMLException e) {
      int line = e.getProblemMark() == null ? 1 : e.getProblemMark().getLine() + 1;
      reading.mistake(line, "is no YAML: " + e.getProblem());
    } catch (YAMLException | StackOverflowError e) {
      reading.mistake(1, "is no YAML: " + e.getMessage());
    }
    if (policy.isPresent() && reading.mistakes.isEmpty()) {
      return new Compiled.Accepted(policy.get());
    }
    return new Compiled.Rejected(
        digest,
        reading.mistakes.stream()
            .distinct()
            .sorted(Comparator.comparingInt(Mistake::line))
            .toList());
  }

  /** SHA-256 in hex. */
  static String digest(byte[] file) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(file));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  private static @Nullable Node parse(byte[] file) {
    var options = new LoaderOptions();
    options.setCodePointLimit(MAX_CHARACTERS);
    // An alias can repeat a part many times over; a policy has no use for more than a few.
    options.setMaxAliasesForCollections(10);
    options.setNestingDepthLimit(50);
    var reader = new InputStreamReader(new ByteArrayInputStream(file), StandardCharsets.UTF_8);
    return new Yaml(new SafeConstructor(options)).compose(reader);
  }

  private void mistake(int line, String what) {
    mistakes.add(new Mistake(line, currentRule, what));
  }

  private Policy policy(YamlNode file, String digest) {
    var members = file.members(names("version", "admins", "rules"));
    var version = members.get("version");
    if (version == null) {
      file.mistake("version: 1 is missing");
    } else if (!Long.valueOf(1).equals(version.plain())) {
      version.mistake("must be 1");
    }
    var admins = Optional.ofNullable(members.get("admins")).flatMap(this::admins);
    var rules = new ArrayList<Rule>();
    var lines = new ArrayList<Integer>();
    var list = members.get("rules");
    if (list == null) {
      file.mistake("rules are missing; without rules everybody is denied");
    } else {
      for (YamlNode element : list.elements()) {
        rule(element)
            .ifPresent(
                rule -> {
                  rules.add(rule);
                  lines.add(element.line());
                });
        currentRule = Optional.empty();
      }
      if (list.plain() instanceof List<?> none && none.isEmpty()) {
        list.mistake("is empty; without rules everybody is denied");
      }
    }
    checkReach(rules, lines);
    return new Policy(digest, admins, rules, warnings);
  }

  private Optional<Gate> admins(YamlNode node) {
    if (node.isMapping()) {
      var members = node.members(names("issuers", "when"));
      if (members.get("when") == null) {
        node.mistake("needs when: an expression; an issuer alone would make all its people admins");
      }
      return Optional.of(gate(node, members));
    }
    checkIssuers(node, List.of());
    return Optional.of(new Gate(List.of(), condition(node)));
  }

  private Gate gate(YamlNode owner, Map<String, YamlNode> members) {
    List<String> issuers = List.of();
    var named = members.get("issuers");
    if (named != null) {
      issuers = named.elements().stream().flatMap(n -> n.string().stream()).toList();
      if (issuers.isEmpty()) {
        named.mistake("must list at least one issuer identifier, the iss of its tokens");
      }
    }
    checkIssuers(owner, issuers);
    var when = members.get("when");
    return new Gate(issuers, when == null ? Optional.empty() : condition(when));
  }

  private void checkIssuers(YamlNode owner, List<String> issuers) {
    if (severalIssuers && issuers.isEmpty()) {
      owner.mistake(
          "needs issuers: [...], because tokens of several issuers are accepted and each can put"
              + " any claim into its tokens");
    }
  }

  private Optional<Expression> condition(YamlNode node) {
    return node.string()
        .flatMap(
            text -> {
              try {
                return Optional.of(Expression.condition(text));
              } catch (InvalidException e) {
                node.mistake("is no CEL condition: " + e.getMessage());
                return Optional.empty();
              }
            });
  }

  private Optional<Rule> rule(YamlNode node) {
    var members =
        node.members(
            names(
                "name",
                "when",
                "issuers",
                "models",
                "modes",
                "token",
                "allow-unlimited",
                "setup",
                "open"));
    var nameNode = members.get("name");
    Optional<String> name = nameNode == null ? Optional.empty() : nameNode.string();
    currentRule = name;
    if (nameNode == null) {
      node.mistake("needs a name");
    } else if (name.isPresent() && !RULE_NAME.matcher(name.get()).matches()) {
      nameNode.mistake("must be letters, digits, '.', '_' or '-', at most 63 of them");
    }
    int before = mistakes.size();
    var gate = gate(node, members);
    boolean gateStands = mistakes.size() == before;
    var models = models(node, members.get("models"));
    var modes = modes(members.get("modes"));

    var token =
        members.containsKey("token")
            ? members.get("token").members(names("uses", "expires-in", "start-within"))
            : Map.<String, YamlNode>of();
    int uses = uses(token.get("uses"), members.get("allow-unlimited"));
    Duration expiresIn = duration(token.get("expires-in"), Duration.ofMinutes(30));
    var startNode = token.get("start-within");
    Duration startWithin =
        startNode == null
            ? min(Duration.ofMinutes(1), expiresIn)
            : duration(startNode, Duration.ofMinutes(1));
    if (startNode != null && startWithin.compareTo(expiresIn) > 0) {
      startNode.mistake("must be at most expires-in: no session starts after the token expired");
    }
    var setup = setup(node, members.get("setup"));
    var open = open(members.get("open"), setup.values());
    var template = new SetupTemplate(setup.values(), (path, what) -> setup.at(path).mistake(what));
    for (String path : new LinkedHashSet<>(template.readingClaims())) {
      warn(
          name,
          "setup."
              + path
              + " takes in claims: if users can edit them at the identity provider, they can write"
              + " instructions");
    }
    if (!gateStands) {
      // Without its gate nothing true can be said about which rules it shadows.
      return Optional.empty();
    }
    return name.map(
        n -> new Rule(n, gate, models, modes, uses, expiresIn, startWithin, template, open));
  }

  private List<String> models(YamlNode rule, @Nullable YamlNode node) {
    if (node == null) {
      rule.mistake("needs models: [...]; the first is the default");
      return List.of("models/none");
    }
    var models = new ArrayList<String>();
    for (YamlNode element : node.elements()) {
      element
          .string()
          .ifPresent(
              model -> {
                if (!MODEL.matcher(model).matches()) {
                  element.mistake("is no model name such as gemini-3.8-live");
                } else if (models.contains(Rule.resourceName(model))) {
                  element.mistake("is listed twice");
                } else {
                  models.add(Rule.resourceName(model));
                }
              });
    }
    if (models.isEmpty()) {
      node.mistake("must list at least one model; the first is the default");
      return List.of("models/none");
    }
    return models;
  }

  private List<Mode> modes(@Nullable YamlNode node) {
    if (node == null) {
      return List.of(Mode.DIRECT);
    }
    var modes = new ArrayList<Mode>();
    for (YamlNode element : node.elements()) {
      var mode = element.string().flatMap(Mode::of);
      if (mode.isEmpty()) {
        element.mistake("must be direct or relay");
      } else if (modes.contains(mode.get())) {
        element.mistake("is listed twice");
      } else {
        modes.add(mode.get());
      }
    }
    if (modes.isEmpty()) {
      node.mistake("must list direct, relay or both; the first is the default");
      return List.of(Mode.DIRECT);
    }
    return modes;
  }

  private int uses(@Nullable YamlNode node, @Nullable YamlNode allowUnlimited) {
    boolean unlimited = allowUnlimited != null && allowUnlimited.bool().orElse(false);
    int uses = node == null ? 1 : node.wholeNumber(0).orElse(1);
    if (node != null && uses == 0 && !unlimited) {
      node.mistake("0 means any number of sessions; if that is meant, add allow-unlimited: true");
    }
    return uses;
  }

  private Duration duration(@Nullable YamlNode node, Duration absent) {
    if (node == null) {
      return absent;
    }
    Matcher matcher = DURATION.matcher(node.string().orElse(""));
    if (!matcher.matches()) {
      node.mistake("must be a duration such as 45s, 30m or 2h");
      return absent;
    }
    long amount = Long.parseLong(matcher.group(1));
    Duration duration =
        switch (matcher.group(2)) {
          case "s" -> Duration.ofSeconds(amount);
          case "m" -> Duration.ofMinutes(amount);
          default -> Duration.ofHours(amount);
        };
    if (duration.compareTo(LIMIT) >= 0) {
      node.mistake("must be under 20h, Google's limit");
      return absent;
    }
    return duration;
  }

  /** A canonical setup and the place in the file that it came from. */
  private record SetupAt(Map<String, Object> values, YamlNode node) {
    YamlNode at(String path) {
      return path.isEmpty() ? node : node.nearest(path);
    }
  }

  private SetupAt setup(YamlNode rule, @Nullable YamlNode node) {
    Map<String, Object> values = Map.of();
    if (node != null && node.isMapping()) {
      values = readSetup(node);
    } else if (node != null) {
      node.mistake("must be a mapping of Google's setup fields");
    }
    if (new SetupPath(List.of("generationConfig", "responseModalities")).in(values).isEmpty()) {
      warn(
          currentRule,
          "setup has no generationConfig.responseModalities: Google then takes TEXT, which audio"
              + " models refuse");
    }
    if (!values.containsKey("contextWindowCompression")) {
      warn(
          currentRule,
          "setup has no contextWindowCompression: sessions end after about 15 minutes, and every"
              + " turn pays for the whole conversation again");
    }
    return new SetupAt(values, node == null ? rule : node);
  }

  @SuppressWarnings("unchecked") // a mapping node is read as an object with string keys
  private static Map<String, Object> readSetup(YamlNode node) {
    Map<String, Object> raw = (Map<String, Object>) java.util.Objects.requireNonNull(node.plain());
    BiConsumer<String, String> mistake =
        (path, what) -> {
          YamlNode place = node.nearest(path);
          String missing = ("setup." + path).equals(relative(place)) ? "" : path + " ";
          place.mistake(missing + what);
        };
    for (String reserved : List.of("model", "sessionResumption", "session_resumption")) {
      if (raw.containsKey(reserved)) {
        mistake.accept(
            reserved,
            reserved.equals("model")
                ? "belongs in models"
                : "is Livegate's to set: every token carries it");
        raw.remove(reserved);
      }
    }
    return SetupSchema.canonical(raw, mistake);
  }

  private static String relative(YamlNode place) {
    int setup = place.path().indexOf("setup");
    return setup < 0 ? place.path() : place.path().substring(setup);
  }

  private List<SetupPath> open(@Nullable YamlNode node, Map<String, Object> values) {
    var open = new ArrayList<SetupPath>();
    if (node == null) {
      return open;
    }
    for (YamlNode element : node.elements()) {
      element
          .string()
          .map(SetupPath::of)
          .ifPresent(
              path -> {
                String first = path.names().get(0);
                if (first.equals("model") || first.equals("sessionResumption")) {
                  element.mistake(
                      first.equals("model")
                          ? "is chosen among models, not opened"
                          : "is Livegate's to set: a request has resumptionHandle");
                } else if (!SetupSchema.knows(path)) {
                  element.mistake(
                      "names no field of Google's setup: "
                          + path
                          + "; write it as generationConfig.temperature");
                } else if (open.stream().anyMatch(other -> other.covers(path))) {
                  element.mistake("is already open: " + path);
                } else {
                  open.add(path);
                  warnOfDefaults(path, values);
                }
              });
    }
    return open;
  }

  private void warnOfDefaults(SetupPath path, Map<String, Object> values) {
    if (path.in(values).orElse(null) instanceof Map<?, ?> object && !object.isEmpty()) {
      warn(
          currentRule,
          path
              + " is open, so what setup says inside it is only a default, which a request replaces"
              + " as a whole");
    }
  }

  /** Refuses names used twice and rules that no input can reach. */
  private void checkReach(List<Rule> rules, List<Integer> lines) {
    Set<String> names = new HashSet<>();
    for (int i = 0; i < rules.size(); i++) {
      Rule rule = rules.get(i);
      currentRule = Optional.of(rule.name());
      if (!names.add(rule.name())) {
        mistake(lines.get(i), "has the name of an earlier rule");
      }
      if (rule.gate().when().flatMap(Expression::constant).equals(Optional.of(false))) {
        mistake(lines.get(i), "no input can reach it: its condition is never true");
      }
      for (Rule earlier : rules.subList(0, i)) {
        if (earlier.gate().shadows(rule.gate())) {
          mistake(
              lines.get(i),
              "no input can reach it: whoever it is for matches the earlier rule "
                  + earlier.name());
          break;
        }
      }
    }
    currentRule = Optional.empty();
  }

  private void warn(Optional<String> rule, String what) {
    warnings.add(rule.map(name -> "rule " + name + ": ").orElse("") + what);
  }

  private static Duration min(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }

  private static Set<String> names(String... names) {
    return new LinkedHashSet<>(List.of(names));
  }
}
