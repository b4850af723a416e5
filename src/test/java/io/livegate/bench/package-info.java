/**
 * Benchmarks of the packaged gateway: {@code mvn verify -Pbench}. They print what they measure and
 * assert only what is right or wrong on any machine, never a speed.
 */
package io.livegate.bench;
