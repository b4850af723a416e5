package io.livegate.admin;

import io.livegate.audit.GatewayEvent;
import io.livegate.audit.GatewayEvent.AdminAction;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.identity.Subject;
import io.livegate.identity.Subjects;
import io.livegate.policy.PolicyStore;
import io.vertx.core.net.SocketAddress;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Event;
import java.time.Instant;
import java.util.Optional;

/** Who may administer, and what they did. */
@ApplicationScoped
class Admins {

  private final Subjects subjects;
  private final PolicyStore policies;
  private final RoutingContext context;
  private final Event<GatewayEvent> events;

  Admins(
      Subjects subjects, PolicyStore policies, RoutingContext context, Event<GatewayEvent> events) {
    this.subjects = subjects;
    this.policies = policies;
    this.context = context;
    this.events = events;
  }

  /** An administrator in the course of a request. */
  final class Act {
    private final Subject actor;
    private final String peer;

    private Act(Subject actor, String peer) {
      this.actor = actor;
      this.peer = peer;
    }

    Subject actor() {
      return actor;
    }

    /**
     * Tells what was done.
     *
     * @param event such as {@code session.ended}
     * @param what kind of thing it was done to: {@code session}, {@code subject}, {@code rule}
     * @param target its id or name
     * @param until when it ends by itself, if it does
     */
    void done(String event, String what, String target, Optional<Instant> until) {
      tell(event, "ok", what, target, until);
    }

    /** Tells what was tried: without an answer of the ledger, it may have taken effect. */
    void tried(
        String event, Throwable failure, String what, String target, Optional<Instant> until) {
      ErrorCode code =
          failure instanceof GatewayException known ? known.code() : ErrorCode.INTERNAL_ERROR;
      tell(event, code.label(), what, target, until);
    }

    private void tell(
        String event, String outcome, String what, String target, Optional<Instant> until) {
      events.fire(
          new AdminAction(Instant.now(), event, outcome, actor.id(), what, target, until, peer));
    }
  }

  /**
   * Admits the caller, if it may administer.
   *
   * @throws GatewayException {@code admin-required}, or what kept that from being decided
   */
  Act admit() {
    Subject caller = subjects.current();
    policies
        .policy()
        .adminDenial(caller)
        .ifPresent(
            denied -> {
              throw new GatewayException(denied.code(), denied.detail());
            });
    SocketAddress address = context.request().remoteAddress();
    return new Act(caller, address == null ? "unknown" : String.valueOf(address.hostAddress()));
  }
}
