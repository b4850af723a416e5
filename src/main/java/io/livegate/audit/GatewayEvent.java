package io.livegate.audit;

import java.time.Instant;
import java.util.Map;
import java.util.Optional;

/** Something that somebody may have to answer for. Fired as a CDI event. */
public sealed interface GatewayEvent {

  /** When it happened. */
  Instant time();

  /** The kind of event, as audit lines name it. */
  String event();

  /** {@code ok}, or the label of the error code. */
  String outcome();

  /**
   * A token was handed out.
   *
   * @param subject {@code <tenant>:<sub>}
   * @param grantId names this grant in audit lines and answers; no secret
   * @param model {@code models/...}
   * @param mode {@code direct} or {@code relay}
   * @param estimatedTokens Gemini tokens booked for a direct token, whose real use is not seen
   * @param expireTime when sessions of the token end
   * @param peer the address that the request came from
   */
  record TokenIssued(
      Instant time,
      String subject,
      String rule,
      String grantId,
      String model,
      String mode,
      int uses,
      long estimatedTokens,
      Instant expireTime,
      String peer)
      implements GatewayEvent {
    @Override
    public String event() {
      return "token.issued";
    }

    @Override
    public String outcome() {
      return "ok";
    }
  }

  /**
   * A request for a token was refused.
   *
   * @param subject absent when the caller was not authenticated
   * @param rule the rule that was in force, if one was
   * @param outcome the label of the error code
   */
  record TokenRefused(
      Instant time, Optional<String> subject, Optional<String> rule, String outcome, String peer)
      implements GatewayEvent {
    @Override
    public String event() {
      return "token.refused";
    }
  }

  /**
   * A connection to the relay was admitted, before it is upgraded.
   *
   * @param sessionId names the session in audit lines and the admin API; no secret
   */
  record SessionAdmitted(
      Instant time, String sessionId, String subject, String rule, String grantId, String peer)
      implements GatewayEvent {
    @Override
    public String event() {
      return "session.admitted";
    }

    @Override
    public String outcome() {
      return "ok";
    }
  }

  /**
   * A session through the relay began: Google accepted its setup.
   *
   * @param sessionId names it in audit lines; no secret
   * @param setupMillis from the upgrade until then
   */
  record SessionOpened(
      Instant time,
      String sessionId,
      String subject,
      String rule,
      String grantId,
      String model,
      long setupMillis,
      String peer)
      implements GatewayEvent {
    @Override
    public String event() {
      return "session.opened";
    }

    @Override
    public String outcome() {
      return "ok";
    }
  }

  /**
   * A session goes on over another connection to Google.
   *
   * @param planned whether the one before was closed in time, rather than lost
   * @param pauseMicros for which nothing of the client's was passed on
   * @param replayed messages that were sent again, for want of knowing that they were read
   * @param mediaDropped messages of audio and video that had waited too long
   */
  record SessionResumed(
      Instant time,
      String sessionId,
      String subject,
      String rule,
      String grantId,
      boolean planned,
      long pauseMicros,
      int replayed,
      int mediaDropped,
      String peer)
      implements GatewayEvent {
    @Override
    public String event() {
      return "session.resumed";
    }

    @Override
    public String outcome() {
      return "ok";
    }
  }

  /**
   * A session ended, or could not begin.
   *
   * @param begun whether {@link SessionOpened} went before
   * @param cause who or what ended it
   * @param code the close code, as received or sent
   * @param usage tokens by direction and modality, the sum of what Google reported
   */
  record SessionClosed(
      Instant time,
      String sessionId,
      String subject,
      String rule,
      String grantId,
      String model,
      boolean begun,
      String cause,
      int code,
      long durationMillis,
      int legs,
      Map<String, Map<String, Long>> usage,
      long messagesFromClient,
      long bytesFromClient,
      long messagesFromGoogle,
      long bytesFromGoogle,
      String peer)
      implements GatewayEvent {
    @Override
    public String event() {
      return "session.closed";
    }

    @Override
    public String outcome() {
      return cause;
    }
  }

  /** A connection to the relay was refused before it was one. */
  record SessionRefused(
      Instant time, Optional<String> subject, Optional<String> rule, String outcome, String peer)
      implements GatewayEvent {
    @Override
    public String event() {
      return "session.refused";
    }
  }

  /**
   * An administrator did something.
   *
   * @param event such as {@code session.ended}, {@code subject.blocked}, {@code subject.unblocked}
   * @param outcome {@code ok}, or the label of the error code
   * @param actor the administrator, {@code <tenant>:<sub>}
   * @param what kind of thing it was done to: {@code session}, {@code subject}, {@code rule}
   * @param target its id or name
   * @param until when it ends by itself, if it does
   */
  record AdminAction(
      Instant time,
      String event,
      String outcome,
      String actor,
      String what,
      String target,
      Optional<Instant> until,
      String peer)
      implements GatewayEvent {}

  /**
   * An OpenID provider told that a login, or every login of a person, has ended.
   *
   * @param outcome {@code ok}, or the label of the error code
   * @param tenant whose provider it was
   * @param subject {@code <tenant>:<sub>}, if the provider named the person
   * @param sid the provider's name of the login, if it named one
   * @param peer the provider's address
   */
  record LoggedOut(
      Instant time,
      String outcome,
      String tenant,
      Optional<String> subject,
      Optional<String> sid,
      String peer)
      implements GatewayEvent {
    @Override
    public String event() {
      return "login.ended";
    }
  }

  /**
   * Refusals of callers who were not authenticated, beyond those that have a line each.
   *
   * @param since the first of them
   * @param leftOut how many, by the label of their error code
   */
  record RefusalsSampled(Instant time, Instant since, Map<String, Long> leftOut)
      implements GatewayEvent {
    @Override
    public String event() {
      return "refusals.sampled";
    }

    @Override
    public String outcome() {
      return "ok";
    }
  }
}
