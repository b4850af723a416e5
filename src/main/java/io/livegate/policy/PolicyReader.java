package io.livegate.policy;

import static java.util.Objects.requireNonNull;

import io.livegate.grant.Mode;
import io.livegate.policy.Expression.InvalidException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads a policy from the nodes of its file. Goes on after a mistake, to find all of them. */
final class PolicyReader {

  /** Google refuses tokens that live this long or longer. */
  private static final Duration LIMIT = Duration.ofHours(20);

  private static final Pattern RULE_NAME = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,62}");
  private static final Pattern SUBJECT = Pattern.compile("[^\\s:]+:\\S");
  private static final Pattern MODEL =
      Pattern.compile("(models/)?[A-Za-z0-9][A-Za-z0-9._-]{0,100}");

  private final boolean severalIssuers;
  private final Findings findings;

  PolicyReader(boolean severalIssuers, Findings findings) {
    this.severalIssuers = severalIssuers;
    this.findings = findings;
  }

  /** The policy; means nothing when mistakes were found. */
  Policy policy(YamlNode file, String digest) {
    var members = file.members(names("version", "admins", "blocked", "rules"));
    if (!file.isMapping()) {
      return new Policy(digest, Optional.empty(), Set.of(), List.of(), List.of());
    }
    var version = members.get("version");
    if (version == null) {
      file.mistake("version: 1 is missing");
    } else if (!Long.valueOf(1).equals(version.plain())) {
      version.mistake("must be 1");
    }
    var admins = Optional.ofNullable(members.get("admins")).flatMap(this::admins);
    var blocked = blocked(members.get("blocked"));
    var list = members.get("rules");
    if (list == null) {
      file.mistake("rules are missing; without rules everybody is denied");
      return new Policy(digest, admins, blocked, List.of(), List.of());
    }
    var rules = rules(list.someElements("is empty; without rules everybody is denied"));
    return new Policy(digest, admins, blocked, rules, findings.warnings());
  }

  private static Set<String> blocked(@Nullable YamlNode node) {
    var blocked = new ArrayList<String>();
    for (YamlNode element : node == null ? List.<YamlNode>of() : node.elements()) {
      Optional<String> subject = element.string();
      if (subject.isPresent() && !SUBJECT.matcher(subject.get()).lookingAt()) {
        element.mistake(
            "must be a subject, <tenant>:<sub>, such as default:ada; without its tenant it would"
                + " block nobody");
      } else {
        subject.ifPresent(id -> addOnce(element, id, blocked));
      }
    }
    return new HashSet<>(blocked);
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
    var issuers = new ArrayList<String>();
    var named = members.get("issuers");
    if (named != null) {
      var elements =
          named.someElements(
              "must list at least one issuer identifier, the iss claim of its tokens");
      for (YamlNode element : elements) {
        element.string().ifPresent(issuer -> addOnce(element, issuer, issuers));
      }
    } else {
      checkIssuers(owner, issuers);
    }
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

  private static Optional<Expression> condition(YamlNode node) {
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

  private List<Rule> rules(List<YamlNode> elements) {
    var rules = new ArrayList<Rule>();
    var lines = new HashMap<String, Integer>();
    for (YamlNode element : elements) {
      findings.about(element.textOf("name"));
      var members =
          element.members(
              names(
                  "name",
                  "when",
                  "issuers",
                  "models",
                  "modes",
                  "token",
                  "allow-unlimited",
                  "setup",
                  "open",
                  "limits",
                  "direct-reserve"));
      if (!element.isMapping()) {
        continue;
      }
      Optional<String> name = name(element, members.get("name"), lines);
      int before = findings.count();
      Gate gate = gate(element, members);
      boolean gateStands = findings.count() == before;
      Rule rule = rule(name.orElse("?"), gate, element, members);
      if (gateStands) {
        // Of a gate that is wrong nothing true could be said about what it shadows.
        checkReach(element, rule, rules);
        rules.add(rule);
      }
      findings.about(Optional.empty());
    }
    return rules;
  }

  private static Optional<String> name(
      YamlNode rule, @Nullable YamlNode node, Map<String, Integer> lines) {
    if (node == null) {
      rule.mistake("needs a name");
      return Optional.empty();
    }
    Optional<String> name = node.string();
    if (name.isPresent() && !RULE_NAME.matcher(name.get()).matches()) {
      node.mistake("must be letters, digits, '.', '_' or '-', at most 63 of them");
    } else if (name.isPresent() && lines.containsKey(name.get())) {
      node.mistake("is the name of the rule in line " + lines.get(name.get()) + "; choose another");
    }
    name.ifPresent(n -> lines.putIfAbsent(n, node.line()));
    return name;
  }

  /** Refuses a rule that no input can reach: it would look like a permission and be none. */
  private static void checkReach(YamlNode node, Rule rule, List<Rule> earlier) {
    if (rule.gate().neverOpens()) {
      node.mistake("cannot be reached by any input: its condition is never true");
    } else if (Gate.shadowed(rule.gate(), earlier.stream().map(Rule::gate).toList())) {
      String shadowing =
          earlier.stream()
              .filter(one -> Gate.shadowed(rule.gate(), List.of(one.gate())))
              .findFirst()
              .map(one -> "rule " + one.name())
              .orElse("rules");
      node.mistake(
          "cannot be reached by any input: whoever it is for matches the earlier "
              + shadowing
              + "; put it before, or narrow that");
    }
  }

  private Rule rule(String name, Gate gate, YamlNode node, Map<String, YamlNode> members) {
    var models = models(node, members.get("models"));
    var modes = modes(members.get("modes"));
    var tokenNode = members.get("token");
    var token =
        tokenNode == null
            ? Map.<String, YamlNode>of()
            : tokenNode.members(names("uses", "expires-in", "start-within"));
    int uses = uses(token.get("uses"), members.get("allow-unlimited"));
    Duration expiresIn =
        Optional.ofNullable(token.get("expires-in"))
            .flatMap(PolicyReader::lifetime)
            .orElse(Duration.ofMinutes(30));
    var startNode = token.get("start-within");
    Duration startWithin =
        startNode == null
            ? min(Duration.ofMinutes(1), expiresIn)
            : lifetime(startNode).orElse(Duration.ofMinutes(1));
    if (startNode != null && startWithin.compareTo(expiresIn) > 0) {
      startNode.mistake("must be at most expires-in: no session starts after the token expired");
    }
    var setup = new SetupReader(findings);
    var template = setup.template(members.get("setup"));
    var open = setup.open(members.get("open"));
    var limits =
        new LimitsReader(findings)
            .limits(members.get("limits"), members.get("direct-reserve"), modes, uses, expiresIn);
    if (uses == 0 && limits.boundsUsage()) {
      requireNonNull(token.get("uses"))
          .mistake(
              "0, for any number of sessions, cannot stand beside a limit of usage-tokens-per-day"
                  + " or session-time-per-day; give a number");
    }
    return new Rule(
        name, gate, models, modes, uses, expiresIn, startWithin, template, open, limits);
  }

  private static List<String> models(YamlNode rule, @Nullable YamlNode node) {
    var models = new ArrayList<String>();
    if (node == null) {
      rule.mistake("needs models: [...]; the first is the default");
      return models;
    }
    var spelled = new HashSet<String>();
    for (YamlNode element :
        node.someElements("must list at least one model; the first is the default")) {
      element
          .string()
          .ifPresent(
              model -> {
                String resource = Rule.resourceName(model);
                if (!MODEL.matcher(model).matches()) {
                  element.mistake("is no model name such as gemini-3.8-live");
                } else if (!spelled.add(model)) {
                  element.mistake("is listed twice");
                } else if (models.contains(resource)) {
                  element.mistake("is listed twice, with and without models/");
                } else {
                  models.add(resource);
                }
              });
    }
    return models;
  }

  private static List<Mode> modes(@Nullable YamlNode node) {
    if (node == null) {
      return List.of(Mode.DIRECT);
    }
    var modes = new ArrayList<Mode>();
    for (YamlNode element :
        node.someElements("must list direct, relay or both; the first is the default")) {
      var mode = element.plain() instanceof String label ? Mode.of(label) : Optional.<Mode>empty();
      if (mode.isPresent()) {
        addOnce(element, mode.get(), modes);
      } else {
        element.mistake("must be direct or relay");
      }
    }
    return modes;
  }

  private static <T> void addOnce(YamlNode element, T value, List<T> list) {
    if (list.contains(value)) {
      element.mistake("is listed twice");
    } else {
      list.add(value);
    }
  }

  private static int uses(@Nullable YamlNode node, @Nullable YamlNode allowUnlimited) {
    boolean unlimited = allowUnlimited != null && allowUnlimited.bool().orElse(false);
    int uses =
        node == null ? 1 : node.wholeNumber(0, Integer.MAX_VALUE).map(Long::intValue).orElse(1);
    if (node != null && uses == 0 && !unlimited) {
      node.mistake(
          "0 means any number of sessions; if that is meant, add allow-unlimited: true to the rule");
    }
    return uses;
  }

  /** How long something of Google's may last. */
  static Optional<Duration> lifetime(YamlNode node) {
    Optional<Duration> duration = node.duration();
    if (duration.isPresent() && duration.get().compareTo(LIMIT) >= 0) {
      node.mistake("must be under 20h, Google's limit");
      return Optional.empty();
    }
    return duration;
  }

  private static Duration min(Duration a, Duration b) {
    return a.compareTo(b) < 0 ? a : b;
  }

  private static Set<String> names(String... names) {
    return new LinkedHashSet<>(List.of(names));
  }
}
