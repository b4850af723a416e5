package io.livegate.ledger;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import java.util.Optional;

/**
 * A session that runs.
 *
 * @param model {@code models/...}
 */
public record Running(Lease lease, Issue issue, String model, Instant startedAt, Use use) {

  /** Which sessions to list; what is absent does not matter. */
  public record Filter(
      Optional<String> subject,
      Optional<String> rule,
      Optional<String> model,
      Optional<String> replica) {

    public static final Filter ALL =
        new Filter(Optional.empty(), Optional.empty(), Optional.empty(), Optional.empty());

    boolean matches(Running session) {
      return is(subject, session.issue.grant().subject())
          && is(rule, session.issue.grant().rule())
          && is(model, session.model)
          && is(replica, session.lease.replica());
    }

    private static boolean is(Optional<String> wanted, String value) {
      return wanted.isEmpty() || wanted.get().equals(value);
    }
  }

  /**
   * A part of a list.
   *
   * @param nextPageToken opaque; absent on the last page
   */
  public record Page(List<Running> sessions, Optional<String> nextPageToken) {
    public Page {
      sessions = List.copyOf(sessions);
    }

    /**
     * The first page of what was found.
     *
     * @param found one more than a page holds, if there are as many
     */
    static Page of(List<Running> found, int pageSize) {
      if (found.size() <= pageSize) {
        return new Page(found, Optional.empty());
      }
      String last = found.get(pageSize - 1).lease().sessionId();
      return new Page(found.subList(0, pageSize), Optional.of(tokenAfter(last)));
    }

    /** The token of the page after the session of that id. */
    private static String tokenAfter(String sessionId) {
      return Base64.getUrlEncoder()
          .withoutPadding()
          .encodeToString(sessionId.getBytes(StandardCharsets.UTF_8));
    }

    /**
     * The id that a page begins after; empty for the first.
     *
     * @throws GatewayException {@code invalid-request} if it is no token of ours
     */
    static String after(Optional<String> pageToken) {
      try {
        return pageToken
            .map(token -> new String(Base64.getUrlDecoder().decode(token), StandardCharsets.UTF_8))
            .orElse("");
      } catch (IllegalArgumentException e) {
        throw new GatewayException(ErrorCode.INVALID_REQUEST, "There is no such page.");
      }
    }
  }
}
