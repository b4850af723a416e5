/**
 * The packaged app between its real neighbours: {@link io.livegate.e2e.Keycloak} in front of it,
 * Google's SDKs for Java and JavaScript and a Chromium around it, the simulator behind it. Run by
 * {@code mvn verify -Pe2e}, which unpacks Keycloak; {@link io.livegate.e2e.JsSdk} needs Node.js and
 * npm, by which {@link io.livegate.e2e.Chromium} comes where there is none.
 */
package io.livegate.e2e;
