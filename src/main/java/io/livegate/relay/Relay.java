package io.livegate.relay;

import io.livegate.audit.GatewayEvent;
import io.livegate.gemini.GeminiTokens;
import io.livegate.gemini.LiveUpstream;
import io.vertx.core.Vertx;
import jakarta.enterprise.event.Event;

/** What every session works with. */
record Relay(
    RelayConfig config,
    Sessions sessions,
    ClientMessages clientMessages,
    GeminiTokens tokens,
    LiveUpstream upstream,
    Vertx vertx,
    Event<GatewayEvent> events) {}
