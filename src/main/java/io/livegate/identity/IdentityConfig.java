package io.livegate.identity;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** How a token names its subject; the issuers themselves are Quarkus' {@code quarkus.oidc.*}. */
@ConfigMapping(prefix = "livegate.identity")
public interface IdentityConfig {

  /** The claim that identifies a person or app within its issuer, such as sub or oid. */
  @WithDefault("sub")
  String subjectClaim();
}
