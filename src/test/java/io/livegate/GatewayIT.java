package io.livegate;

import io.quarkus.test.junit.QuarkusIntegrationTest;

/** The same on the packaged app. */
@QuarkusIntegrationTest
class GatewayIT extends GatewayTest {}
