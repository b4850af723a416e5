/**
 * Edge: Google's own WebSocket paths, so that unmodified SDKs run Live sessions through this
 * gateway.
 *
 * <p>{@link io.livegate.relay.RelayRoute} refuses or admits before the upgrade; {@link
 * io.livegate.relay.Session} lays the grant over the client's setup ({@link
 * io.livegate.relay.SetupGuard}), mints a one-use token locked to the result, connects, and passes
 * whole messages between two {@link io.livegate.relay.Leg}s as they came. Only what clients send is
 * checked ({@link io.livegate.relay.ClientMessages}); of Google's messages only usage is read.
 */
@NullMarked
package io.livegate.relay;

import org.jspecify.annotations.NullMarked;
