/**
 * What was issued, what is running and what was used, over all replicas: one interface, {@link
 * io.livegate.ledger.Ledger}, kept in this process's memory or in Redis.
 */
@NullMarked
package io.livegate.ledger;

import org.jspecify.annotations.NullMarked;
