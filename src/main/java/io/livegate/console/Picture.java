package io.livegate.console;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.livegate.admin.PolicyResource.PolicyView;
import io.livegate.ledger.Running;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What a console shows at a moment.
 *
 * @param sessions of all replicas, by their ids
 * @param policy of this replica
 * @param trouble why the rest may be out of date; empty when it is not
 */
record Picture(
    Map<String, Row> sessions,
    Optional<Budgets> budgets,
    Optional<PolicyView> policy,
    List<Notice> replicas,
    String trouble) {

  /** A page that shows nothing yet. */
  static final Picture BLANK =
      new Picture(Map.of(), Optional.empty(), Optional.empty(), List.of(), "");

  /**
   * A session.
   *
   * @param startedAt RFC 3339
   * @param turns that the model completed
   * @param tokens Gemini tokens as they count against budgets
   * @param legs connections to Google that it took
   */
  record Row(
      String id,
      String subject,
      String rule,
      String model,
      String mode,
      String replica,
      String startedAt,
      int turns,
      long tokens,
      int legs) {

    static Row of(Running session) {
      var grant = session.issue().grant();
      return new Row(
          session.lease().sessionId(),
          grant.subject(),
          grant.rule(),
          session.model(),
          grant.mode().label(),
          session.lease().replica(),
          session.startedAt().toString(),
          session.use().turns(),
          session.use().total(),
          session.use().legs());
    }

    private Change change() {
      return new Change(id, model, turns, tokens, legs);
    }
  }

  /** What changes of a session. */
  record Change(String id, String model, int turns, long tokens, int legs) {}

  /**
   * The way from one picture to another; what did not change is absent.
   *
   * @param now the gateway's clock, RFC 3339
   */
  @JsonInclude(JsonInclude.Include.NON_NULL)
  record Changes(
      String now,
      @Nullable List<Row> added,
      @Nullable List<Change> changed,
      @Nullable List<String> gone,
      @Nullable Budgets budgets,
      @Nullable PolicyView policy,
      @Nullable List<Notice> replicas,
      @Nullable String trouble) {}

  Changes since(Picture before, Instant now) {
    var added = new ArrayList<Row>();
    var changed = new ArrayList<Change>();
    for (Row row : sessions.values()) {
      Row was = before.sessions.get(row.id);
      if (was == null) {
        added.add(row);
      } else if (!was.equals(row)) {
        changed.add(row.change());
      }
    }
    List<String> gone =
        before.sessions.keySet().stream().filter(id -> !sessions.containsKey(id)).toList();
    return new Changes(
        now.toString(),
        added.isEmpty() ? null : added,
        changed.isEmpty() ? null : changed,
        gone.isEmpty() ? null : gone,
        changed(before.budgets, budgets),
        changed(before.policy, policy),
        replicas.equals(before.replicas) ? null : replicas,
        trouble.equals(before.trouble) ? null : trouble);
  }

  private static <T> @Nullable T changed(Optional<T> before, Optional<T> now) {
    return Objects.equals(before, now) ? null : now.orElse(null);
  }

  Picture troubled(String why) {
    return new Picture(sessions, budgets, policy, replicas, why);
  }
}
