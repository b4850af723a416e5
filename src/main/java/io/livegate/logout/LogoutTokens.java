package io.livegate.logout;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.livegate.identity.Issuers;
import io.quarkus.oidc.OidcTenantConfig;
import io.quarkus.oidc.runtime.OidcTenantConfig.ApplicationType;
import io.quarkus.oidc.runtime.TenantConfigBean;
import io.quarkus.oidc.runtime.TenantConfigContext;
import io.smallrye.mutiny.Uni;
import jakarta.enterprise.context.ApplicationScoped;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.jboss.logging.Logger;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jwt.JwtClaims;
import org.jose4j.jwt.MalformedClaimException;
import org.jose4j.jwt.NumericDate;
import org.jose4j.jwt.consumer.InvalidJwtException;
import org.jose4j.jwt.consumer.JwtConsumerBuilder;
import org.jose4j.keys.resolvers.JwksVerificationKeyResolver;

/**
 * Judges logout tokens (OpenID Connect Back-Channel Logout 1.0 section 2.6).
 *
 * <p>quarkus-oidc verifies them too, but only for browsers' sessions, and only with the audience of
 * access tokens: a logout token is for the client by which the user logged in.
 */
@ApplicationScoped
class LogoutTokens {

  private static final Logger LOG = Logger.getLogger(LogoutTokens.class);
  private static final String EVENT = "http://schemas.openid.net/event/backchannel-logout";

  /** How old a token may be, and how long it is known to have been used. */
  private static final Duration AGE = Duration.ofMinutes(10);

  private static final Duration SKEW = Duration.ofSeconds(60);
  private static final int MOST_USED = 100_000;

  /**
   * A valid one.
   *
   * @param sub whose logins end, if it names the user
   * @param sid the one login that ends, if it names one
   */
  record Logout(String tenant, Optional<String> sub, Optional<String> sid, Instant issuedAt) {}

  private final TenantConfigBean tenants;
  private final ProviderKeys keys;
  private final ObjectMapper json;
  private final LogoutConfig config;
  private final Map<String, Instant> used = new ConcurrentHashMap<>();

  LogoutTokens(
      TenantConfigBean tenants, ProviderKeys keys, ObjectMapper json, LogoutConfig config) {
    this.tenants = tenants;
    this.keys = keys;
    this.json = json;
    this.config = config;
  }

  /**
   * Verifies a token.
   *
   * @return what it says, or a {@link GatewayException} {@code invalid-request} that says why not
   */
  Uni<Logout> verify(String token) {
    String issuer = issuer(token);
    return Uni.join()
        .all(candidates().map(TenantConfigContext::initialize).toList())
        .usingConcurrencyOf(1)
        .andCollectFailures()
        .onFailure()
        .recoverWithItem(List.of())
        .chain(
            ready ->
                ready.stream()
                    .filter(tenant -> issuer.equals(issuer(tenant)))
                    .findFirst()
                    .map(tenant -> verify(token, issuer, tenant))
                    .orElseGet(() -> failed("its issuer is not configured")));
  }

  private Stream<TenantConfigContext> candidates() {
    return Stream.concat(
            Stream.of(tenants.getDefaultTenant()),
            tenants.getStaticTenantsConfig().values().stream())
        .filter(tenant -> tenant.oidcConfig().tenantEnabled())
        .filter(tenant -> !isOfPages(tenant))
        .filter(
            tenant ->
                tenant.oidcConfig().authServerUrl().isPresent()
                    || tenant.oidcConfig().provider().isPresent());
  }

  private static boolean isOfPages(TenantConfigContext tenant) {
    return tenant.oidcConfig().applicationType().orElse(ApplicationType.SERVICE)
        == ApplicationType.WEB_APP;
  }

  private static String issuer(TenantConfigContext tenant) {
    return tenant
        .oidcConfig()
        .token()
        .issuer()
        .orElseGet(
            () ->
                tenant.getOidcMetadata() == null
                    ? ""
                    : String.valueOf(tenant.getOidcMetadata().getIssuer()));
  }

  private Uni<Logout> verify(String token, String issuer, TenantConfigContext tenant) {
    return keys.of(tenant, keyId(token))
        .chain(
            found -> {
              try {
                JwtClaims claims =
                    new JwtConsumerBuilder()
                        .setVerificationKeyResolver(new JwksVerificationKeyResolver(found))
                        .setJwsAlgorithmConstraints(
                            AlgorithmConstraints.ConstraintType.PERMIT,
                            AlgorithmIdentifiers.RSA_USING_SHA256,
                            AlgorithmIdentifiers.RSA_USING_SHA384,
                            AlgorithmIdentifiers.RSA_USING_SHA512,
                            AlgorithmIdentifiers.RSA_PSS_USING_SHA256,
                            AlgorithmIdentifiers.RSA_PSS_USING_SHA384,
                            AlgorithmIdentifiers.RSA_PSS_USING_SHA512,
                            AlgorithmIdentifiers.ECDSA_USING_P256_CURVE_AND_SHA256,
                            AlgorithmIdentifiers.ECDSA_USING_P384_CURVE_AND_SHA384,
                            AlgorithmIdentifiers.ECDSA_USING_P521_CURVE_AND_SHA512,
                            AlgorithmIdentifiers.EDDSA)
                        .setExpectedIssuer(issuer)
                        .setExpectedAudience(audiences(tenant.oidcConfig()))
                        .setAllowedClockSkewInSeconds((int) SKEW.toSeconds())
                        .build()
                        .processToClaims(token);
                return Uni.createFrom().item(judged(claims, tenant));
              } catch (InvalidJwtException e) {
                // By numbers (org.jose4j.jwt.consumer.ErrorCodes): the messages quote the token.
                LOG.debugf(
                    "A logout token is refused for %s",
                    e.getErrorDetails().stream().map(error -> error.getErrorCode()).toList());
                return failed("its signature, audience or times are not right");
              } catch (MalformedClaimException e) {
                return failed("its claims are not of the right types");
              }
            });
  }

  private String[] audiences(OidcTenantConfig tenant) {
    var audiences = new ArrayList<String>();
    config.audience().ifPresent(audiences::addAll);
    if (audiences.isEmpty()) {
      tenant.token().audience().ifPresent(audiences::addAll);
      tenant.clientId().ifPresent(audiences::add);
      tenants.getStaticTenantsConfig().values().stream()
          .filter(LogoutTokens::isOfPages)
          .forEach(pages -> pages.oidcConfig().clientId().ifPresent(audiences::add));
    }
    return audiences.toArray(String[]::new);
  }

  private Logout judged(JwtClaims claims, TenantConfigContext tenant)
      throws MalformedClaimException {
    if (!(claims.getClaimValue("events") instanceof Map<?, ?> events)
        || !(events.get(EVENT) instanceof Map<?, ?>)) {
      throw refused("it has no back-channel logout event");
    }
    if (claims.hasClaim("nonce")) {
      throw refused("it has a nonce, as ID tokens have");
    }
    NumericDate iat = claims.getIssuedAt();
    String jti = claims.getJwtId();
    if (iat == null || jti == null) {
      throw refused("it has no iat or no jti");
    }
    Instant issuedAt = Instant.ofEpochSecond(iat.getValue());
    Instant now = Instant.now();
    if (issuedAt.isBefore(now.minus(AGE)) || issuedAt.isAfter(now.plus(SKEW))) {
      throw refused("it was not issued just now");
    }
    var sub = Optional.ofNullable(claims.getSubject());
    var sid = Optional.ofNullable(claims.getClaimValueAsString("sid"));
    if (sub.isEmpty() && sid.isEmpty()) {
      throw refused("it names neither a sub nor a sid");
    }
    String name = Issuers.name(tenant.oidcConfig().tenantId().orElse("Default"));
    use(name + ":" + jti, now);
    return new Logout(name, sub, sid, issuedAt);
  }

  /** The logout that a token asks for is of a moment past, so one that comes twice does no harm. */
  private void use(String id, Instant now) {
    used.values().removeIf(until -> until.isBefore(now));
    if (used.size() < MOST_USED && used.putIfAbsent(id, now.plus(AGE).plus(SKEW)) != null) {
      throw refused("it was used before");
    }
  }

  /** What it says of itself, unverified. */
  private String issuer(String token) {
    return part(token, 1).path("iss").asText("");
  }

  private Optional<String> keyId(String token) {
    return Optional.ofNullable(part(token, 0).path("kid").textValue());
  }

  private JsonNode part(String token, int index) {
    String[] parts = token.split("\\.", -1);
    if (parts.length != 3) {
      throw refused("it is no signed JWT");
    }
    try {
      byte[] decoded = Base64.getUrlDecoder().decode(parts[index]);
      return json.readTree(new String(decoded, StandardCharsets.UTF_8));
    } catch (IllegalArgumentException | JsonProcessingException e) {
      throw refused("it is no signed JWT");
    }
  }

  private static <T> Uni<T> failed(String why) {
    return Uni.createFrom().failure(refused(why));
  }

  private static GatewayException refused(String why) {
    return new GatewayException(
        ErrorCode.INVALID_REQUEST, "The logout token is refused: " + why + ".");
  }
}
