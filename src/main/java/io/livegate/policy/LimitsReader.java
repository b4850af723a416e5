package io.livegate.policy;

import io.livegate.grant.Limit.Kind;
import io.livegate.grant.Mode;
import io.livegate.policy.Expression.InvalidException;
import io.livegate.policy.LimitsTemplate.Entry;
import io.livegate.policy.LimitsTemplate.Per;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Reads the limits of one rule. */
final class LimitsReader {

  private static final long DIRECT_RESERVE = 20_000;
  private static final String SESSION_DURATION = "session-duration";
  private static final String IDLE = "idle";

  private static final Set<String> NAMES = names();

  /** It names the limit in headers and close frames. */
  private static final Pattern PER = Pattern.compile("[!-~]([ -~]{0,198}[!-~])?");

  /** What a limit is called; a rule has one of each name. */
  private record Name(String per, Kind kind) {
    @Override
    public String toString() {
      return per + "." + kind.label();
    }
  }

  private final Findings findings;
  private final List<Entry> entries = new ArrayList<>();
  private final Map<Name, Long> maxima = new LinkedHashMap<>();
  private final Map<String, Integer> lines = new HashMap<>();
  private Optional<Duration> sessionDuration = Optional.empty();
  private Optional<Duration> idle = Optional.empty();

  LimitsReader(Findings findings) {
    this.findings = findings;
  }

  private static Set<String> names() {
    var names = new LinkedHashSet<>(List.of("per"));
    for (Kind kind : Kind.values()) {
      names.add(kind.label());
    }
    names.addAll(List.of(SESSION_DURATION, IDLE));
    return names;
  }

  /**
   * The limits of a rule.
   *
   * @param uses how many sessions its tokens may start
   * @param expiresIn how long these may live
   */
  LimitsTemplate limits(
      @Nullable YamlNode list,
      @Nullable YamlNode reserve,
      List<Mode> modes,
      int uses,
      Duration expiresIn) {
    for (YamlNode element : list == null ? List.<YamlNode>of() : list.elements()) {
      var members = element.members(NAMES);
      YamlNode per = members.remove("per");
      if (per != null) {
        counted(element, per, members);
      } else if (element.isMapping()) {
        sessions(element, members);
      }
    }
    long booked = reserve(reserve, modes, uses);
    warnOfWhatCannotBind(expiresIn);
    warnOfWhatIsNotSeen(modes);
    return new LimitsTemplate(entries, sessionDuration, idle, booked);
  }

  private void counted(YamlNode entry, YamlNode perNode, Map<String, YamlNode> members) {
    Per per = per(perNode);
    var most = new LinkedHashMap<Kind, Long>();
    members.forEach(
        (name, member) ->
            Kind.of(name)
                .ifPresentOrElse(
                    kind -> most.put(kind, maximum(per, kind, member)),
                    () ->
                        member.mistake(
                            "is for each session by itself; put it into an entry without per")));
    if (most.isEmpty()) {
      entry.mistake("counts nothing; it needs at least one of " + labels());
    }
    entries.add(new Entry(per, most));
  }

  private static List<String> labels() {
    return List.of(Kind.values()).stream().map(Kind::label).toList();
  }

  private static Per per(YamlNode node) {
    String text = node.string().orElse("");
    if (text.equals("rule")) {
      return new Per(text, Optional.empty());
    }
    Optional<Expression> value = Optional.empty();
    if (!text.isEmpty() && !PER.matcher(text).matches()) {
      node.mistake("must be one line of at most 200 ASCII characters, because it names the limit");
    } else if (!text.isEmpty()) {
      try {
        value = Optional.of(Expression.value(text));
      } catch (InvalidException e) {
        node.mistake("is no CEL expression, subject or rule: " + e.getMessage());
      }
    }
    if (value.flatMap(Expression::constant).isPresent()) {
      node.mistake("has one value for everybody; for that, write rule");
    }
    // A wrong one is told from others by its place.
    return new Per(value.isPresent() ? text : node.path(), value);
  }

  private long maximum(Per per, Kind kind, YamlNode node) {
    Optional<Long> maximum =
        switch (kind) {
          case GRANTS_PER_MINUTE -> node.wholeNumber(1, 100_000);
          case GRANTS_PER_DAY -> node.wholeNumber(1, 100_000_000);
          case CONCURRENT_SESSIONS -> node.wholeNumber(1, 1_000_000);
          case USAGE_TOKENS_PER_DAY -> node.wholeNumber(1, 1_000_000_000_000L);
          case SESSION_TIME_PER_DAY -> node.duration().map(Duration::toSeconds);
        };
    var name = new Name(per.text(), kind);
    Integer line = lines.putIfAbsent(name.toString(), node.line());
    if (line != null) {
      node.mistake("is the second one per " + per.text() + "; the first is in line " + line);
    }
    maxima.put(name, maximum.orElse(1L));
    return maximum.orElse(1L);
  }

  private void sessions(YamlNode entry, Map<String, YamlNode> members) {
    if (members.isEmpty()) {
      entry.mistake("limits nothing; it needs per and a count, or session-duration or idle");
    }
    members.forEach(
        (name, member) -> {
          if (Kind.of(name).isPresent()) {
            member.mistake(
                "needs per beside it, to say whose count it is: subject, rule or an expression such"
                    + " as claims.department");
            return;
          }
          Integer line = lines.putIfAbsent(name, member.line());
          if (line != null) {
            member.mistake("is said in line " + line + " already; a rule has one");
          }
          Optional<Duration> most = PolicyReader.lifetime(member);
          if (name.equals(IDLE)) {
            idle = most;
          } else {
            sessionDuration = most;
          }
        });
  }

  private long reserve(@Nullable YamlNode node, List<Mode> modes, int uses) {
    // Bounded so that no number of uses takes it beyond what a long holds.
    long reserve =
        node == null ? DIRECT_RESERVE : node.wholeNumber(1, 1_000_000_000).orElse(DIRECT_RESERVE);
    var budgets = new LinkedHashMap<>(maxima);
    budgets.keySet().removeIf(name -> name.kind() != Kind.USAGE_TOKENS_PER_DAY);
    String useless =
        budgets.isEmpty() ? "no limit is of usage-tokens-per-day" : "modes have no direct";
    if (budgets.isEmpty() || !modes.contains(Mode.DIRECT)) {
      if (node != null) {
        findings.warn("direct-reserve is not used: " + useless);
      }
      return 0;
    }
    long booked = uses * reserve;
    budgets.forEach(
        (name, most) -> {
          if (most < booked) {
            findings.warn(
                name
                    + " is less than what one direct token books: uses times direct-reserve, "
                    + booked);
          }
        });
    return reserve;
  }

  private void warnOfWhatCannotBind(Duration expiresIn) {
    if (sessionDuration.map(most -> most.compareTo(expiresIn) > 0).orElse(false)) {
      findings.warn("session-duration cannot bind: sessions end with their token, by expires-in");
    }
    Duration longest =
        sessionDuration.filter(most -> most.compareTo(expiresIn) < 0).orElse(expiresIn);
    if (idle.map(most -> most.compareTo(longest) >= 0).orElse(false)) {
      findings.warn("idle cannot bind: no session lasts longer");
    }
    maxima.forEach(
        (name, most) -> {
          if (name.kind() == Kind.GRANTS_PER_MINUTE) {
            warnIfBoundBy(new Name(name.per(), Kind.GRANTS_PER_DAY), name, most);
          }
          if (!name.per().equals("rule")) {
            warnIfBoundBy(new Name("rule", name.kind()), name, most);
          }
        });
  }

  private void warnIfBoundBy(Name other, Name name, long most) {
    if (maxima.getOrDefault(other, Long.MAX_VALUE) <= most) {
      findings.warn(name + " cannot bind: " + other + " is reached no later");
    }
  }

  /** Of sessions that run past this gateway only the token's own bounds hold. */
  private void warnOfWhatIsNotSeen(List<Mode> modes) {
    var unseen = new ArrayList<String>();
    for (Name name : maxima.keySet()) {
      if (name.kind() == Kind.CONCURRENT_SESSIONS || name.kind() == Kind.SESSION_TIME_PER_DAY) {
        unseen.add(name.toString());
      }
    }
    sessionDuration.ifPresent(most -> unseen.add(SESSION_DURATION));
    idle.ifPresent(most -> unseen.add(IDLE));
    if (!unseen.isEmpty() && modes.contains(Mode.DIRECT)) {
      findings.warn(
          String.join(", ", unseen)
              + (modes.contains(Mode.RELAY)
                  ? " hold at the relay only: sessions of direct tokens are not seen, so whoever asks"
                      + " for mode direct passes them by"
                  : " cannot bind: sessions of direct tokens are not seen, and modes have no relay"));
    }
  }
}
