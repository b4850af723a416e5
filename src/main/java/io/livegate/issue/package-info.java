/**
 * Issuing, below the edges that do it: {@link io.livegate.issue.TokenService} decides, has the
 * ledger count, mints or makes a token, and tells of it; it redeems tokens and admits subjects for
 * an {@link io.livegate.issue.Admission} to one session.
 */
@NullMarked
package io.livegate.issue;

import org.jspecify.annotations.NullMarked;
