/**
 * OpenTelemetry traces: of requests for tokens and of sessions, and of nothing else.
 *
 * <p>{@link io.livegate.trace.Tracing} makes every span by hand. Quarkus' own instrumentation of
 * HTTP is off, because it records queries, in which credentials travel, and paths, in which people
 * are named. So an attribute is only what is set here or with a span that comes from here: names of
 * rules, models and error codes, and the ids by which the audit knows the same thing.
 */
@NullMarked
package io.livegate.trace;

import org.jspecify.annotations.NullMarked;
