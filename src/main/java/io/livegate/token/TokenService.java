package io.livegate.token;

import io.livegate.audit.GatewayEvent;
import io.livegate.audit.GatewayEvent.TokenIssued;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.gemini.EphemeralToken;
import io.livegate.gemini.GeminiTokens;
import io.livegate.grant.Grant;
import io.livegate.grant.Mode;
import io.livegate.identity.Subject;
import io.livegate.policy.Decision;
import io.livegate.policy.GrantRequest;
import io.livegate.policy.PolicyStore;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import java.time.Instant;
import java.util.UUID;

/** Issues a token: decide, mint, tell. */
@ApplicationScoped
class TokenService {

  /** What was handed out. */
  record Issued(String grantId, Grant grant, EphemeralToken token) {}

  private final PolicyStore policies;
  private final GeminiTokens gemini;
  private final Event<GatewayEvent> events;

  TokenService(PolicyStore policies, GeminiTokens gemini, Event<GatewayEvent> events) {
    this.policies = policies;
    this.gemini = gemini;
    this.events = events;
  }

  /**
   * Issues a token to a subject.
   *
   * @param peer the address that the request came from, for the audit
   * @return what was issued, or a {@link GatewayException}
   */
  Uni<Issued> issue(Subject subject, GrantRequest request, String peer) {
    Decision decision = policies.policy().decide(subject, request);
    if (decision instanceof Decision.Denied denied) {
      return Uni.createFrom().failure(refusal(denied));
    }
    Grant grant = ((Decision.Granted) decision).grant();
    if (grant.mode() == Mode.RELAY) {
      return Uni.createFrom()
          .failure(
              new GatewayException(
                      ErrorCode.RELAY_DISABLED,
                      "Tokens of mode relay are not available at this gateway.")
                  .rule(grant.rule()));
    }
    return gemini
        .mint(grant)
        .map(token -> new Issued(UUID.randomUUID().toString(), grant, token))
        .invoke(issued -> tell(issued, peer))
        .onFailure(GatewayException.class)
        .transform(failure -> ((GatewayException) failure).rule(grant.rule()));
  }

  private static GatewayException refusal(Decision.Denied denied) {
    var refusal = GatewayException.of(denied.code(), denied.detail(), denied.violations());
    return denied.rule().map(refusal::rule).orElse(refusal);
  }

  private void tell(Issued issued, String peer) {
    Grant grant = issued.grant();
    events.fire(
        new TokenIssued(
            Instant.now(),
            grant.subject(),
            grant.rule(),
            issued.grantId(),
            grant.model(),
            grant.mode().label(),
            grant.uses(),
            issued.token().expireTime(),
            peer));
  }
}
