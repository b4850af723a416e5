/**
 * Claims in, decision out.
 *
 * <p>{@link io.livegate.policy.PolicyFile} compiles a file into a {@link
 * io.livegate.policy.Policy}, or says everything that is wrong with it; {@link
 * io.livegate.policy.PolicyStore} holds the one in force and swaps a whole new one in when the file
 * changes. {@link io.livegate.policy.Policy#decide} is a pure function: first matching rule wins,
 * nothing matches means denied, a request can only narrow.
 *
 * <p>A condition that needs an absent claim does not match; any other failure to evaluate denies
 * the request rather than falling through to a later, perhaps broader, rule.
 */
@NullMarked
package io.livegate.policy;

import org.jspecify.annotations.NullMarked;
