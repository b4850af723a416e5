/**
 * Which sessions live at this replica, and what all replicas must know of them: {@link
 * io.livegate.session.Heart} keeps the ledger informed of each and has those end that must.
 */
@NullMarked
package io.livegate.session;

import org.jspecify.annotations.NullMarked;
