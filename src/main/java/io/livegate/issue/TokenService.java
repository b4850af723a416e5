package io.livegate.issue;

import io.livegate.audit.AuditTrail;
import io.livegate.audit.GatewayEvent.SessionAdmitted;
import io.livegate.audit.GatewayEvent.TokenIssued;
import io.livegate.audit.Replica;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.error.Violation;
import io.livegate.gemini.EphemeralToken;
import io.livegate.gemini.GeminiTokens;
import io.livegate.grant.Grant;
import io.livegate.grant.Mode;
import io.livegate.identity.Subject;
import io.livegate.ledger.Answer;
import io.livegate.ledger.Closing;
import io.livegate.ledger.Issue;
import io.livegate.ledger.Lease;
import io.livegate.ledger.Ledger;
import io.livegate.ledger.LedgerConfig;
import io.livegate.ledger.TokenHash;
import io.livegate.ledger.Use;
import io.livegate.policy.Decision;
import io.livegate.policy.GrantRequest;
import io.livegate.policy.PolicyStore;
import io.livegate.session.Heart;
import io.livegate.session.ResumptionHandles;
import io.livegate.trace.Tracing;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.function.Supplier;
import org.eclipse.microprofile.config.inject.ConfigProperty;
import org.jboss.logging.Logger;

/**
 * Issues tokens and admits sessions: decide, count, mint at Google or make a token of ours, tell.
 *
 * <p>What is counted and then comes to nothing is taken back. When the ledger does not answer, that
 * is done as soon as it does, because it may have counted all the same.
 */
@ApplicationScoped
public class TokenService {

  private static final Logger LOG = Logger.getLogger(TokenService.class);

  /** By which Google's SDKs know tokens. */
  private static final String PREFIX = "auth_tokens/";

  private static final int SECRET_BYTES = 32;
  private static final Optional<String> NO_TOKEN = Optional.empty();

  /** A session that runs may end at any moment. */
  private static final Duration SOON = Duration.ofSeconds(5);

  private final PolicyStore policies;
  private final Ledger ledger;
  private final Heart heart;
  private final ResumptionHandles handles;
  private final GeminiTokens gemini;
  private final Replica replica;
  private final boolean relays;
  private final boolean allowUncounted;
  private final AuditTrail trail;
  private final Tracing tracing;
  private final SecureRandom random = new SecureRandom();

  TokenService(
      PolicyStore policies,
      Ledger ledger,
      LedgerConfig config,
      Heart heart,
      ResumptionHandles handles,
      GeminiTokens gemini,
      Replica replica,
      @ConfigProperty(name = "livegate.relay.enabled") boolean relays,
      AuditTrail trail,
      Tracing tracing) {
    this.policies = policies;
    this.ledger = ledger;
    this.heart = heart;
    this.handles = handles;
    this.gemini = gemini;
    this.replica = replica;
    this.relays = relays;
    this.allowUncounted = config.onFailure() == LedgerConfig.OnFailure.ALLOW;
    this.trail = trail;
    this.tracing = tracing;
  }

  /**
   * Issues a token to a subject.
   *
   * @param peer the address that the request came from, for the audit
   * @return what was issued, or a {@link GatewayException}
   */
  public Uni<Issued> issue(Subject subject, GrantRequest request, String peer) {
    return Uni.createFrom()
        .deferred(
            () -> {
              var granted = decide(subject, request);
              Grant grant = granted.grant();
              Uni<Issued> issued =
                  grant.mode() == Mode.DIRECT
                      ? mint(grant, relays && granted.rule().modes().contains(Mode.RELAY))
                      : own(grant);
              return named(
                  issued.call(
                      made ->
                          tell(made.issue(), peer)
                              .onFailure()
                              .invoke(() -> heart.cancel(made.issue().grantId()))),
                  grant);
            });
  }

  /**
   * Admits a subject to one session without a token in between: the same decision and the same
   * event as issuing a relay token of one use.
   *
   * @return the admission, or a {@link GatewayException}
   */
  public Uni<Admission> open(Subject subject, String peer) {
    return Uni.createFrom()
        .deferred(
            () -> {
              var granted = decide(subject, GrantRequest.ONE_RELAYED_SESSION);
              Grant grant = granted.grant();
              Issue issue = entry(grant, granted.rule().models());
              Lease lease = lease();
              Uni<Answer.Admitted> counted =
                  counted(
                      () -> ledger.open(issue, lease),
                      () -> heart.close(nothing(lease)),
                      Optional.of(issue));
              var admission = new Admission(lease, issue, Optional.empty());
              return named(
                  counted.chain(
                      admitted ->
                          tell(issue, peer)
                              .onFailure()
                              .invoke(() -> heart.close(nothing(lease)))
                              .chain(() -> told(admission, peer))),
                  grant);
            });
  }

  /**
   * Spends one use of a token on a session.
   *
   * @param peer the address that the request came from, for the audit
   * @return the admission, or a {@link GatewayException}
   */
  public Uni<Admission> redeem(String token, String peer) {
    Lease lease = lease();
    return counted(
            () -> ledger.redeem(TokenHash.of(token), lease),
            () -> heart.close(nothing(lease)),
            Optional.empty())
        .chain(
            admitted -> {
              Grant grant = admitted.issue().grant();
              if (policies.policy().isBlocked(grant.subject())) {
                heart.close(nothing(lease));
                throw blocked("for good").rule(grant.rule());
              }
              var direct = grant.mode() == Mode.DIRECT ? Optional.of(token) : NO_TOKEN;
              return told(new Admission(lease, admitted.issue(), direct), peer);
            });
  }

  private Decision.Granted decide(Subject subject, GrantRequest request) {
    return tracing.step(
        "decide",
        () -> {
          var granted = decided(subject, request);
          tracing.note(Tracing.RULE, granted.grant().rule());
          return granted;
        });
  }

  private Decision.Granted decided(Subject subject, GrantRequest request) {
    Decision decision = policies.policy().decide(subject, request);
    if (decision instanceof Decision.Denied denied) {
      throw refusal(denied);
    }
    var granted = (Decision.Granted) decision;
    if (granted.grant().mode() == Mode.RELAY && !relays) {
      throw new GatewayException(
              ErrorCode.RELAY_DISABLED, "Tokens of mode relay are not available at this gateway.")
          .rule(granted.rule().name());
    }
    granted.grant().resumptionHandle().ifPresent(handle -> check(handle, granted.grant()));
    return granted;
  }

  /** Each mode has handles of its own: Google's, and those of the relay. */
  private void check(String handle, Grant grant) {
    boolean ours = ResumptionHandles.isOurs(handle);
    if (grant.mode() == Mode.DIRECT && ours) {
      throw badHandle("a handle of Google's; this is one of the relay, for mode relay", grant);
    }
    if (grant.mode() == Mode.RELAY && handles.open(handle, grant, grant.model()).isEmpty()) {
      throw badHandle(
          "a handle that the relay gave this user, under this rule and model, in the last 2 hours",
          grant);
    }
  }

  private static GatewayException badHandle(String right, Grant grant) {
    return GatewayException.of(
            ErrorCode.INVALID_REQUEST,
            "The handle is not valid.",
            List.of(new Violation("resumptionHandle", null, right)))
        .rule(grant.rule());
  }

  private Uni<Issued> mint(Grant grant, boolean relayed) {
    Issue issue = entry(grant, List.of());
    Runnable undo = () -> heart.cancel(issue.grantId());
    return counted(() -> ledger.issue(issue, Optional.empty()), undo, Optional.of(issue))
        .chain(
            admitted ->
                gemini
                    .mint(grant)
                    .map(
                        token ->
                            new Issued(minted(issue, token), token.name(), admitted.standings()))
                    .call(issued -> relayed ? accepted(issued) : Uni.createFrom().voidItem())
                    .onFailure()
                    .invoke(undo)
                    .onCancellation()
                    .invoke(undo));
  }

  /** Makes Google's token good at the relay, too. */
  private Uni<Void> accepted(Issued issued) {
    return ledger
        .accept(issued.issue(), TokenHash.of(issued.token()))
        .onFailure(failure -> allowUncounted)
        .recoverWithUni(
            failure -> {
              LOG.errorf(
                  "The token of grant %s is good at Google only: the ledger does not answer",
                  issued.issue().grantId());
              return Uni.createFrom().voidItem();
            });
  }

  private static Issue minted(Issue issue, EphemeralToken token) {
    return new Issue(
        issue.grantId(),
        issue.grant(),
        issue.models(),
        token.expireTime(),
        token.newSessionExpireTime());
  }

  private Uni<Issued> own(Grant grant) {
    Issue issue = entry(grant, List.of());
    String token = name();
    return counted(
            () -> ledger.issue(issue, Optional.of(TokenHash.of(token))),
            () -> heart.cancel(issue.grantId()),
            Optional.empty())
        .map(admitted -> new Issued(issue, token, admitted.standings()));
  }

  // --- The ledger's answers

  /**
   * Asks the ledger.
   *
   * @param undo takes back what it may have counted without our hearing of it
   * @param uncounted what may be handed out without having been counted, where that is allowed
   */
  private Uni<Answer.Admitted> counted(
      Supplier<Uni<Answer>> ask, Runnable undo, Optional<Issue> uncounted) {
    return tracing
        .steps("count", ask)
        .onFailure()
        .recoverWithUni(
            failure -> {
              if (allowUncounted && uncounted.isPresent()) {
                LOG.errorf(
                    "Grant %s is handed out without its limits: the ledger does not answer",
                    uncounted.get().grantId());
                return Uni.createFrom().item(new Answer.Admitted(uncounted.get(), List.of()));
              }
              undo.run();
              return Uni.createFrom().failure(failure);
            })
        .map(TokenService::admitted);
  }

  private static Answer.Admitted admitted(Answer answer) {
    if (answer instanceof Answer.Admitted admitted) {
      return admitted;
    }
    throw refusal(answer);
  }

  private static GatewayException refusal(Answer answer) {
    if (answer instanceof Answer.Limited limited) {
      return limited(limited);
    }
    if (answer instanceof Answer.Blocked blocked) {
      return blocked("until " + blocked.until().truncatedTo(ChronoUnit.SECONDS));
    }
    if (answer instanceof Answer.LoggedOut) {
      return invalid("Its login has been ended at the OpenID provider.");
    }
    if (answer instanceof Answer.Expired) {
      return invalid("The token has expired: its sessions had to start before.");
    }
    if (answer instanceof Answer.Spent) {
      return invalid("The token has been used as often as it may.");
    }
    return invalid("The token was not issued for use at this relay, has expired or was revoked.");
  }

  private static GatewayException limited(Answer.Limited limited) {
    var standing = limited.standing();
    var limit = standing.limit();
    var refusal =
        new GatewayException(
                ErrorCode.LIMIT_REACHED,
                "The limit %s of rule %s is reached: %d of %d."
                    .formatted(
                        limit.name(), limited.issue().grant().rule(), standing.used(), limit.max()))
            .retryAfter(standing.reset().isZero() ? SOON : standing.reset())
            .rule(limited.issue().grant().rule());
    return refusal.headers(RateLimits.fields(List.of(standing)));
  }

  private static GatewayException blocked(String until) {
    return new GatewayException(
        ErrorCode.SUBJECT_BLOCKED, "An administrator has blocked this user " + until + ".");
  }

  private static GatewayException invalid(String detail) {
    return new GatewayException(ErrorCode.INVALID_TOKEN, detail);
  }

  private static GatewayException refusal(Decision.Denied denied) {
    var refusal = GatewayException.of(denied.code(), denied.detail(), denied.violations());
    return denied.rule().map(refusal::rule).orElse(refusal);
  }

  /** A failure names the rule that was in force. */
  private static <T> Uni<T> named(Uni<T> outcome, Grant grant) {
    return outcome
        .onFailure(GatewayException.class)
        .transform(failure -> ((GatewayException) failure).rule(grant.rule()));
  }

  // --- What is handed out

  private static Issue entry(Grant grant, List<String> models) {
    Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    return new Issue(
        UUID.randomUUID().toString(),
        grant,
        models,
        now.plus(grant.expiresIn()),
        now.plus(grant.startWithin()));
  }

  private Lease lease() {
    return new Lease(UUID.randomUUID().toString(), replica.name());
  }

  private static Closing nothing(Lease lease) {
    return new Closing(lease.sessionId(), "", Use.NONE, true, true);
  }

  /** A new token of ours: 256 random bits. */
  private String name() {
    byte[] secret = new byte[SECRET_BYTES];
    random.nextBytes(secret);
    return PREFIX + Base64.getUrlEncoder().withoutPadding().encodeToString(secret);
  }

  /** Nothing is handed out that must be recorded and is not. */
  private Uni<Void> tell(Issue issue, String peer) {
    Grant grant = issue.grant();
    return trail.record(
        new TokenIssued(
            Instant.now(),
            grant.subject(),
            grant.rule(),
            issue.grantId(),
            grant.model(),
            grant.mode().label(),
            grant.uses(),
            grant.mode() == Mode.DIRECT ? grant.uses() * grant.limits().directReserve() : 0,
            issue.expireTime(),
            peer));
  }

  private Uni<Admission> told(Admission admission, String peer) {
    return trail
        .record(
            new SessionAdmitted(
                Instant.now(),
                admission.lease().sessionId(),
                admission.grant().subject(),
                admission.grant().rule(),
                admission.issue().grantId(),
                peer))
        .onFailure()
        .invoke(() -> heart.close(nothing(admission.lease())))
        .replaceWith(admission);
  }
}
