/**
 * What a bearer may do: the currency of the program.
 *
 * <p>A {@link io.livegate.grant.Grant} is the outcome of a decision and says everything that
 * minting needs; nothing below it looks at claims or at the policy again. JSON is held as plain
 * immutable maps, lists, strings, {@code Long}, {@code Double} and {@code Boolean}, canonical in
 * Google's lowerCamelCase names ({@link io.livegate.grant.SetupSchema}), so that two setups that
 * mean the same are equal.
 */
@NullMarked
package io.livegate.grant;

import org.jspecify.annotations.NullMarked;
