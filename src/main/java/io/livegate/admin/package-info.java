/** Edge: what operators ask. Open to those for whom the policy's {@code admins} holds. */
@NullMarked
package io.livegate.admin;

import org.jspecify.annotations.NullMarked;
