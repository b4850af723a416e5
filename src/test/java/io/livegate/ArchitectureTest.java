package io.livegate;

import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The table of the root package's documentation. */
@AnalyzeClasses(packages = "io.livegate", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {

  @ArchTest
  static final ArchRule IMPORTS =
      layeredArchitecture()
          .consideringOnlyDependenciesInLayers()
          .layer("root")
          .definedBy("io.livegate")
          .layer("dev")
          .definedBy("io.livegate.dev..")
          .layer("token")
          .definedBy("io.livegate.token..")
          .layer("admin")
          .definedBy("io.livegate.admin..")
          .layer("console")
          .definedBy("io.livegate.console..")
          .layer("pages")
          .definedBy("io.livegate.pages..")
          .layer("relay")
          .definedBy("io.livegate.relay..")
          .layer("issue")
          .definedBy("io.livegate.issue..")
          .layer("request")
          .definedBy("io.livegate.request..")
          .layer("gemini")
          .definedBy("io.livegate.gemini..")
          .layer("policy")
          .definedBy("io.livegate.policy..")
          .layer("logout")
          .definedBy("io.livegate.logout..")
          .layer("session")
          .definedBy("io.livegate.session..")
          .layer("ledger")
          .definedBy("io.livegate.ledger..")
          .layer("identity")
          .definedBy("io.livegate.identity..")
          .layer("grant")
          .definedBy("io.livegate.grant..")
          .layer("audit")
          .definedBy("io.livegate.audit..")
          .layer("trace")
          .definedBy("io.livegate.trace..")
          .layer("error")
          .definedBy("io.livegate.error..")
          .layer("simulator")
          .definedBy("io.livegate.simulator..")
          .whereLayer("dev")
          .mayOnlyAccessLayers("identity", "simulator")
          .whereLayer("token")
          .mayOnlyAccessLayers(
              "request",
              "issue",
              "identity",
              "policy",
              "ledger",
              "grant",
              "gemini",
              "audit",
              "trace",
              "error")
          .whereLayer("console")
          .mayOnlyAccessLayers(
              "pages",
              "admin",
              "session",
              "identity",
              "policy",
              "ledger",
              "grant",
              "audit",
              "error")
          .whereLayer("console")
          .mayNotBeAccessedByAnyLayer()
          .whereLayer("pages")
          .mayOnlyAccessLayers("gemini", "audit", "error")
          .whereLayer("pages")
          .mayOnlyBeAccessedByLayers("console")
          .whereLayer("relay")
          .mayOnlyAccessLayers(
              "issue",
              "session",
              "identity",
              "ledger",
              "grant",
              "gemini",
              "audit",
              "trace",
              "error")
          .whereLayer("issue")
          .mayOnlyAccessLayers(
              "session",
              "identity",
              "policy",
              "ledger",
              "grant",
              "gemini",
              "audit",
              "trace",
              "error")
          .whereLayer("admin")
          .mayOnlyAccessLayers("request", "identity", "policy", "ledger", "grant", "audit", "error")
          .whereLayer("logout")
          .mayOnlyAccessLayers("session", "identity", "ledger", "grant", "audit", "error")
          .whereLayer("session")
          .mayOnlyAccessLayers("policy", "ledger", "grant", "audit", "error")
          .whereLayer("request")
          .mayOnlyAccessLayers("policy", "grant", "error")
          .whereLayer("gemini")
          .mayOnlyAccessLayers("grant", "audit", "trace", "error")
          .whereLayer("policy")
          .mayOnlyAccessLayers("identity", "grant", "audit", "error")
          .whereLayer("ledger")
          .mayOnlyAccessLayers("grant", "audit", "error")
          .whereLayer("identity")
          .mayOnlyAccessLayers("audit", "error")
          .whereLayer("grant")
          .mayOnlyAccessLayers("audit", "error")
          .whereLayer("audit")
          .mayOnlyAccessLayers("error")
          .whereLayer("trace")
          .mayOnlyAccessLayers("error")
          .whereLayer("error")
          .mayNotAccessAnyLayer()
          .whereLayer("simulator")
          .mayNotAccessAnyLayer()
          .whereLayer("root")
          .mayNotBeAccessedByAnyLayer()
          .whereLayer("simulator")
          .mayOnlyBeAccessedByLayers("dev");

  @ArchTest
  static final ArchRule NO_CYCLES =
      slices().matching("io.livegate.(*)..").should().beFreeOfCycles();
}
