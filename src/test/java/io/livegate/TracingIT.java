package io.livegate;

import io.quarkus.test.junit.QuarkusIntegrationTest;

/** The same against the packaged app. */
@QuarkusIntegrationTest
class TracingIT extends TracingTest {}
