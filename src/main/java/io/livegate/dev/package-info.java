/** What makes {@code mvn quarkus:dev} work with nothing else installed; no part of production. */
@NullMarked
package io.livegate.dev;

import org.jspecify.annotations.NullMarked;
