/**
 * A pretend Gemini Live API, for development without a key, for this project's tests and for yours.
 *
 * <p>It answers on its own port like the service as publicly described: strict minting of ephemeral
 * tokens ({@code POST /v1beta/auth_tokens}), and the two WebSocket methods, of which {@code
 * BidiGenerateContentConstrained} takes tokens and {@code BidiGenerateContent} takes keys. Its
 * model is an echo: text comes back as a transcript and tones, audio comes back as audio, and "call
 * f" calls the declared function f.
 *
 * <p>A request travels so: {@link LiveSimulator} opens the port, {@code HttpApi} routes, {@code
 * Schema} checks every JSON name and type, {@code Tokens} mints and applies locks, {@code
 * LiveSession} judges a connection's first message, and {@code Conversation} plays the model.
 * {@link Script} makes any of it go wrong on demand and {@link Journal} remembers what happened.
 * Both can also be reached over HTTP under {@code /_simulator/}, so that tests in any language can
 * use them.
 *
 * <p>Decisions:
 *
 * <ul>
 *   <li>Nothing is shared with the gateway's own client of the service. A misunderstanding coded
 *       once and used on both sides would never be found.
 *   <li>Where the real behaviour is not known, the stricter reading is played: a caller that
 *       satisfies the simulator should satisfy the service.
 *   <li>All state lives on one event loop, so nothing here is locked except what tests read.
 *   <li>It keeps what it is sent, keys included, for tests to look at. Never give it a real key.
 * </ul>
 */
@org.jspecify.annotations.NullMarked
package io.livegate.simulator;
