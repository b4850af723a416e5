package io.livegate.identity;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.quarkus.oidc.AccessTokenCredential;
import io.quarkus.oidc.OidcConfigurationMetadata;
import io.quarkus.oidc.TokenIntrospection;
import io.quarkus.security.AuthenticationFailedException;
import io.quarkus.security.identity.AuthenticationRequestContext;
import io.quarkus.security.identity.SecurityIdentity;
import io.quarkus.security.identity.SecurityIdentityAugmentor;
import io.quarkus.security.runtime.QuarkusSecurityIdentity;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * Turns a token that quarkus-oidc has verified into a {@link Subject}, and refuses what is verified
 * but is not an access token for use here (RFC 9068 section 4, RFC 8725 section 3.11): ID, refresh
 * and logout tokens, tokens that never expire, and tokens bound to a key (RFC 7800, {@code cnf}),
 * whose proof would have to be checked.
 */
@ApplicationScoped
class AccessTokens implements SecurityIdentityAugmentor {

  static final String SUBJECT = "livegate.subject";

  private static final TypeReference<Map<String, Object>> OBJECT = new TypeReference<>() {};

  /** Header types of access tokens; most providers still send plain JWT or nothing. */
  private static final Set<String> TYPES = Set.of("jwt", "at+jwt", "application/at+jwt");

  /** Claims that only ID tokens have: OpenID Connect Core, sections 2 and 3.3.2.11. */
  private static final List<String> ID_TOKEN_CLAIMS = List.of("nonce", "at_hash", "c_hash");

  private static final Set<String> OTHER_KINDS = Set.of("ID", "Refresh", "Offline", "Logout");

  private final IdentityConfig config;
  private final Issuers issuers;
  private final ObjectMapper json;

  AccessTokens(IdentityConfig config, Issuers issuers, ObjectMapper json) {
    this.config = config;
    this.issuers = issuers;
    this.json = json;
  }

  @Override
  public Uni<SecurityIdentity> augment(
      SecurityIdentity identity, AuthenticationRequestContext context) {
    AccessTokenCredential credential = identity.getCredential(AccessTokenCredential.class);
    if (identity.isAnonymous() || credential == null) {
      return Uni.createFrom().item(identity);
    }
    try {
      Subject subject = subject(identity, credential.getToken());
      return Uni.createFrom()
          .item(QuarkusSecurityIdentity.builder(identity).addAttribute(SUBJECT, subject).build());
    } catch (AuthenticationFailedException e) {
      return Uni.createFrom().failure(e);
    }
  }

  private Subject subject(SecurityIdentity identity, String token) {
    TokenIntrospection introspection = identity.getAttribute("introspection");
    String[] parts = token.split("\\.", -1);
    boolean jwt = introspection == null && parts.length == 3;
    if (introspection == null && !jwt) {
      throw new AuthenticationFailedException("the token is not a signed JWT");
    }
    Map<String, Object> claims =
        introspection == null ? decode(parts[1]) : read(introspection.getIntrospectionString());
    if (jwt) {
      checkHeader(decode(parts[0]));
    }
    checkClaims(claims);
    if (!(claims.get(config.subjectClaim()) instanceof String sub) || sub.isEmpty()) {
      throw new AuthenticationFailedException("the token has no claim " + config.subjectClaim());
    }
    String tenantId = identity.getAttribute("tenant-id");
    String issuer = issuer(identity, claims);
    String tenant =
        issuers
            .nameOf(tenantId, issuer)
            .orElseThrow(() -> new AuthenticationFailedException("the token's issuer is unknown"));
    // quarkus-oidc looks at the audience of JWTs only, and not of those that a login brings.
    if (!issuers.accepts(tenant, claims.getOrDefault("aud", ""))) {
      throw new AuthenticationFailedException("the token is for another audience");
    }
    return Subject.of(tenant, sub, issuer, claims);
  }

  private static void checkHeader(Map<String, Object> header) {
    Object type = header.getOrDefault("typ", "JWT");
    if (!TYPES.contains(String.valueOf(type).toLowerCase(Locale.ROOT))) {
      throw new AuthenticationFailedException("a token of type " + type + " is no access token");
    }
    // RFC 7515 section 4.1.11: what is marked critical and not understood makes a token invalid.
    if (header.containsKey("crit")) {
      throw new AuthenticationFailedException("the token has critical extensions (crit)");
    }
  }

  private static void checkClaims(Map<String, Object> claims) {
    if (OTHER_KINDS.contains(String.valueOf(claims.get("typ")))
        || "id".equals(claims.get("token_use"))
        || ID_TOKEN_CLAIMS.stream().anyMatch(claims::containsKey)) {
      throw new AuthenticationFailedException("an ID or refresh token is no access token");
    }
    if (claims.containsKey("events")) {
      throw new AuthenticationFailedException("a logout or event token is no access token");
    }
    if (!(claims.get("exp") instanceof Number)) {
      throw new AuthenticationFailedException("the token has no expiry (exp)");
    }
    if (claims.get("cnf") != null) {
      throw new AuthenticationFailedException(
          "the token is bound to a key (cnf), the proof of which is not supported");
    }
  }

  private static String issuer(SecurityIdentity identity, Map<String, Object> claims) {
    if (claims.get("iss") instanceof String issuer) {
      return issuer;
    }
    // Introspection answers need not name the issuer; it is the one that was asked.
    OidcConfigurationMetadata metadata = identity.getAttribute("configuration-metadata");
    return metadata == null || metadata.getIssuer() == null ? "" : metadata.getIssuer();
  }

  private Map<String, Object> decode(String part) {
    try {
      return read(new String(Base64.getUrlDecoder().decode(part), StandardCharsets.UTF_8));
    } catch (IllegalArgumentException e) {
      throw new AuthenticationFailedException("the token is not a signed JWT");
    }
  }

  private Map<String, Object> read(String object) {
    try {
      return json.readValue(object, OBJECT);
    } catch (JsonProcessingException e) {
      throw new AuthenticationFailedException("the token's claims are not JSON");
    }
  }
}
