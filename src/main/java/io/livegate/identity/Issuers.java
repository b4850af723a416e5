package io.livegate.identity;

import io.quarkus.oidc.runtime.OidcConfig;
import io.quarkus.oidc.runtime.OidcTenantConfig;
import io.quarkus.oidc.runtime.OidcTenantConfig.ApplicationType;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The issuers whose access tokens are accepted, one for each tenant of {@code quarkus.oidc.*}. A
 * tenant's name is the part of the configuration key; the unnamed one is {@code default}.
 */
@ApplicationScoped
public class Issuers {

  private static final String UNNAMED = "default";

  /** What a secret must have that encrypts the cookie: as many characters as AES has bytes. */
  private static final int SECRET = 32;

  private final Map<String, OidcTenantConfig> tenants = new LinkedHashMap<>();
  private final Map<String, OidcTenantConfig> pages = new LinkedHashMap<>();

  Issuers(OidcConfig config) {
    config
        .namedTenants()
        .forEach(
            (name, tenant) -> {
              boolean unnamed = name.equals(OidcConfig.DEFAULT_TENANT_KEY);
              boolean configured =
                  !unnamed
                      || tenant.authServerUrl().isPresent()
                      || tenant.provider().isPresent()
                      || tenant.publicKey().isPresent();
              if (!unnamed && name.equalsIgnoreCase(UNNAMED)) {
                throw new IllegalStateException(
                    "quarkus.oidc." + name + ": the name is taken by the tenant without a name");
              }
              // Where people sign in at pages is no further issuer, but one of the others.
              boolean page =
                  tenant.applicationType().orElse(ApplicationType.SERVICE)
                      == ApplicationType.WEB_APP;
              if (tenant.tenantEnabled() && page) {
                pages.put(name, tenant);
              } else if (tenant.tenantEnabled() && configured) {
                tenants.put(unnamed ? UNNAMED : name, tenant);
              }
            });
  }

  /** Whether tokens of more than one issuer are accepted. */
  public boolean several() {
    return tenants.size() > 1;
  }

  /** The name of the tenant that an issuer identifier is configured for, as far as known. */
  public Optional<String> tenantOf(String issuer) {
    return tenants.entrySet().stream()
        .filter(tenant -> identifiers(tenant.getValue()).contains(issuer))
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /**
   * Whether a token for those audiences is meant for a tenant's use; anything is, if none is set.
   */
  boolean accepts(String tenant, Object audience) {
    var config = tenants.get(tenant);
    List<String> accepted =
        config == null ? List.of() : config.token().audience().orElse(List.of());
    return accepted.isEmpty()
        || accepted.contains("any")
        || (audience instanceof List<?> several
            ? several.stream().anyMatch(accepted::contains)
            : accepted.contains(String.valueOf(audience)));
  }

  /** What is unsafe about the issuers in production: sentences that name the property. */
  public List<String> unsafe() {
    var unsafe = new ArrayList<String>();
    if (tenants.isEmpty()) {
      unsafe.add("quarkus.oidc.auth-server-url is missing: nobody could be authenticated");
    }
    tenants.forEach(
        (name, tenant) -> {
          String prefix = prefix(name);
          List<String> audience = tenant.token().audience().orElse(List.of());
          if (audience.isEmpty() || audience.contains("any")) {
            unsafe.add(
                prefix
                    + "token.audience must name this gateway: without it, tokens meant for any"
                    + " other application of the issuer would be accepted");
          }
          if (tenant.token().issuer().map("any"::equals).orElse(false)) {
            unsafe.add(
                prefix + "token.issuer must not be any: rules could no longer tell issuers apart");
          }
          if (tenant.authServerUrl().isEmpty() && tenant.token().issuer().isEmpty()) {
            unsafe.add(prefix + "auth-server-url or " + prefix + "token.issuer is missing");
          }
        });
    pages.forEach(
        (name, tenant) -> {
          if (tenant.clientId().isEmpty()) {
            unsafe.add(prefix(name) + "client-id is missing: nobody could sign in at the pages");
          }
          if (tenant.tokenStateManager().encryptionSecret().map(String::length).orElse(0)
              < SECRET) {
            unsafe.add(
                prefix(name)
                    + "token-state-manager.encryption-secret must have "
                    + SECRET
                    + " characters or more: it encrypts the cookie that people sign in by");
          }
        });
    return unsafe;
  }

  /** The addresses at which issuers are asked, by property. */
  public Map<String, String> addresses() {
    var addresses = new LinkedHashMap<String, String>();
    tenants.forEach(
        (name, tenant) -> {
          tenant
              .authServerUrl()
              .ifPresent(url -> addresses.put(prefix(name) + "auth-server-url", url));
          tenant.jwksPath().ifPresent(url -> addresses.put(prefix(name) + "jwks-path", url));
          tenant
              .introspectionPath()
              .ifPresent(url -> addresses.put(prefix(name) + "introspection-path", url));
        });
    pages.forEach(
        (name, tenant) ->
            tenant
                .authServerUrl()
                .ifPresent(url -> addresses.put(prefix(name) + "auth-server-url", url)));
    return addresses;
  }

  /** The name by which a tenant id of quarkus-oidc goes here. */
  public static String name(String tenantId) {
    return tenantId.equals("Default") ? UNNAMED : tenantId;
  }

  /**
   * The name of the tenant whose subject a token is of: that of its issuer, where it came by a
   * tenant at which people sign in.
   */
  Optional<String> nameOf(String tenantId, String issuer) {
    String name = name(tenantId);
    return tenants.containsKey(name) ? Optional.of(name) : tenantOf(issuer);
  }

  private static String prefix(String tenant) {
    return tenant.equals(UNNAMED) ? "quarkus.oidc." : "quarkus.oidc." + tenant + ".";
  }

  private static List<String> identifiers(OidcTenantConfig tenant) {
    var identifiers = new ArrayList<String>();
    tenant.token().issuer().ifPresent(identifiers::add);
    tenant
        .authServerUrl()
        .map(url -> url.endsWith("/") ? url.substring(0, url.length() - 1) : url)
        .ifPresent(
            url -> {
              identifiers.add(url);
              identifiers.add(url + "/");
            });
    return identifiers;
  }
}
