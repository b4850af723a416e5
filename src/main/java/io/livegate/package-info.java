/** Livegate. */
@org.jspecify.annotations.NullMarked
package io.livegate;
