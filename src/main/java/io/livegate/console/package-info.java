/**
 * Edge: the page at which operators see who is talking, and end it. {@link
 * io.livegate.console.Watch} looks at the ledger, which all replicas share, while somebody looks at
 * the page, and tells each page what has changed.
 */
@NullMarked
package io.livegate.console;

import org.jspecify.annotations.NullMarked;
