package io.livegate.issue;

import io.livegate.audit.GatewayEvent;
import io.livegate.audit.GatewayEvent.TokenIssued;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
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
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.UUID;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Issues a token: decide, mint at Google or make one of ours, tell. */
@ApplicationScoped
public class TokenService {

  private final PolicyStore policies;
  private final GeminiTokens gemini;
  private final RelayTokens tokens;
  private final boolean relays;
  private final Event<GatewayEvent> events;

  TokenService(
      PolicyStore policies,
      GeminiTokens gemini,
      RelayTokens tokens,
      @ConfigProperty(name = "livegate.relay.enabled") boolean relays,
      Event<GatewayEvent> events) {
    this.policies = policies;
    this.gemini = gemini;
    this.tokens = tokens;
    this.relays = relays;
    this.events = events;
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
                  grant.mode() == Mode.DIRECT ? mint(grant) : Uni.createFrom().item(own(grant));
              return issued
                  .invoke(made -> accept(made, granted.rule().modes()))
                  .invoke(made -> tell(made, peer))
                  .onFailure(GatewayException.class)
                  .transform(failure -> ((GatewayException) failure).rule(grant.rule()));
            });
  }

  /**
   * Admits a subject to one session without a token in between: the same decision and the same
   * event as issuing a relay token of one use.
   *
   * @throws GatewayException when the policy does not allow it
   */
  public Admission admit(Subject subject, String peer) {
    var granted = decide(subject, GrantRequest.ONE_RELAYED_SESSION);
    Issued issued = own(granted.grant());
    tell(issued, peer);
    return RelayTokens.admission(
        issued.grantId(), issued.grant(), granted.rule().models(), issued.expireTime());
  }

  private Decision.Granted decide(Subject subject, GrantRequest request) {
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
    return granted;
  }

  private Uni<Issued> mint(Grant grant) {
    return gemini
        .mint(grant)
        .map(
            token ->
                new Issued(
                    id(), grant, token.name(), token.expireTime(), token.newSessionExpireTime()));
  }

  private Issued own(Grant grant) {
    Instant now = Instant.now().truncatedTo(ChronoUnit.SECONDS);
    return new Issued(
        id(), grant, tokens.name(), now.plus(grant.expiresIn()), now.plus(grant.startWithin()));
  }

  private void accept(Issued issued, List<Mode> modes) {
    if (relays && modes.contains(Mode.RELAY)) {
      tokens.add(issued);
    }
  }

  private static String id() {
    return UUID.randomUUID().toString();
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
            issued.expireTime(),
            peer));
  }
}
