/**
 * Edge: Google's own WebSocket paths, so that unmodified SDKs run Live sessions through this
 * gateway.
 *
 * <p>{@link io.livegate.relay.RelayRoute} refuses or admits before the upgrade; {@link
 * io.livegate.relay.Session} is one client's connection: it lays the grant over the client's setup
 * ({@link io.livegate.relay.SetupGuard}) and checks what the client sends ({@link
 * io.livegate.relay.ClientMessages}). {@link io.livegate.relay.Conversation} is Google's side of
 * it, over one connection after the other: for each it mints a one-use token locked to the setup.
 * Whole messages pass between two {@link io.livegate.relay.Leg}s as they came; of Google's messages
 * only usage, and what it takes to go on elsewhere, is read.
 */
@NullMarked
package io.livegate.relay;

import org.jspecify.annotations.NullMarked;
