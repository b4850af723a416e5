package io.livegate;

import io.quarkus.test.junit.QuarkusIntegrationTest;

/** The same of the packaged app. */
@QuarkusIntegrationTest
class AdminIT extends AdminTest {}
