/**
 * The manifests below {@code k8s/}: {@link io.livegate.k8s.ManifestsTest} reads the files as they
 * are; the rest, run by {@code mvn verify -Pe2e}, renders the overlays with kubectl, judges what
 * comes out, and runs the packaged app as its pods would. promtool judges the alerts.
 */
package io.livegate.k8s;
