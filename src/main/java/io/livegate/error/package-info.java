/**
 * Everything that can go wrong, in one table ({@link io.livegate.error.ErrorCode}), and the one
 * place that writes it to a response: {@code application/problem+json} (RFC 9457), or Google's
 * error envelope on Google's own paths.
 */
@NullMarked
package io.livegate.error;

import org.jspecify.annotations.NullMarked;
