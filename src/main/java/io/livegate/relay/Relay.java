package io.livegate.relay;

import io.livegate.audit.GatewayEvent;
import io.livegate.gemini.GeminiTokens;
import io.livegate.gemini.LiveUpstream;
import io.livegate.session.Heart;
import io.livegate.session.ResumptionHandles;
import io.livegate.trace.Tracing;
import jakarta.enterprise.event.Event;

/** What every session works with. */
record Relay(
    RelayConfig config,
    Sessions sessions,
    ClientMessages clientMessages,
    GeminiTokens tokens,
    LiveUpstream upstream,
    Heart heart,
    ResumptionHandles handles,
    Event<GatewayEvent> events,
    Tracing tracing) {}
