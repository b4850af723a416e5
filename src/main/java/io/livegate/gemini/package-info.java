/**
 * Everything that knows Google's side of the wire.
 *
 * <p>{@link io.livegate.gemini.GeminiTokens} mints an ephemeral token for a grant with Google's own
 * Java SDK, made safe: every address, key and time limit is explicit, the SDK's own retries are
 * off, and what is retried, counted and refused is decided here. The connection (proxy, private CA)
 * is built in {@link io.livegate.gemini.GeminiHttp}, the key is held and re-read in {@link
 * io.livegate.gemini.ApiKey}.
 */
@NullMarked
package io.livegate.gemini;

import org.jspecify.annotations.NullMarked;
