package io.livegate.relay;

import io.livegate.issue.Admission;
import io.livegate.trace.Tracing;
import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.common.Attributes;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.context.Context;
import org.jboss.logging.MDC;

/**
 * A session as operators follow it: one span, in which the connections to Google are events, and
 * the session's id in every line that is logged for it.
 */
final class SessionTrace {

  private static final AttributeKey<Long> NUMBER = AttributeKey.longKey("livegate.leg.number");

  private static final AttributeKey<Boolean> PLANNED =
      AttributeKey.booleanKey("livegate.leg.planned");
  private static final AttributeKey<Long> REPLAYED = AttributeKey.longKey("livegate.leg.replayed");
  private static final AttributeKey<Long> DROPPED = AttributeKey.longKey("livegate.leg.dropped");

  private final Span span;

  /** To be called in the context of the request that became the session. */
  SessionTrace(Tracing tracing, Admission admission) {
    String id = admission.lease().sessionId();
    MDC.put("sessionId", id);
    span =
        tracing
            .tracer()
            .spanBuilder("session")
            .setAttribute("livegate.session.id", id)
            .setAttribute("livegate.grant.id", admission.issue().grantId())
            .setAttribute(Tracing.RULE, admission.grant().rule())
            .startSpan();
    if (span.getSpanContext().isValid()) {
      Tracing.makeCurrent(Context.current().with(span));
    }
  }

  /** Google has accepted the setup on the first connection; the client's words pass from now on. */
  void opened(String model) {
    span.setAttribute("livegate.model", model);
    span.addEvent("leg", Attributes.of(NUMBER, 1L));
  }

  /** The conversation goes on over another connection. */
  void changed(int legs, Conversation.Change change) {
    span.addEvent(
        "leg",
        Attributes.of(
            NUMBER, (long) legs,
            PLANNED, change.planned(),
            REPLAYED, (long) change.replayed(),
            DROPPED, (long) change.dropped()));
  }

  /** The session is over. */
  void closed(Cause cause, int code) {
    span.setAttribute("livegate.cause", cause.label());
    span.setAttribute("livegate.close.code", code);
    span.end();
  }
}
