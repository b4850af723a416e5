package io.livegate.identity;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/**
 * Where a credential may travel: {@code Authorization: Bearer} (RFC 6750) and {@code
 * x-goog-api-key}, in which Google's SDKs send their API key. On the relay's paths also {@code
 * Authorization: Token}, the queries {@code access_token} and {@code key}, and for browsers a
 * subprotocol that may carry {@code Authorization} and nothing else.
 *
 * <p>Runs before authentication and leaves at most one credential: as a bearer token in {@code
 * Authorization}, or as a {@link #relayToken}, which is not an issuer's business.
 */
@ApplicationScoped
public class Credentials {

  private static final CharSequence API_KEY = HttpHeaders.createOptimized("x-goog-api-key");
  private static final String BEARER = "Bearer ";
  private static final String TOKEN = "Token ";
  private static final String RELAY_TOKEN = "livegate.relay-token";
  private static final String CARRIED = "quarkus-http-upgrade#Authorization#";

  /** The subprotocol that a page offers beside the one that carries its token. */
  public static final String SUBPROTOCOL = "bearer-token-carrier";

  /** The relay's paths, Google's own. */
  public static final Pattern RELAY =
      Pattern.compile(
          "/ws/google\\.ai\\.generativelanguage\\.(?:v1|v1beta|v1alpha)\\.GenerativeService"
              + "\\.BidiGenerateContent(?:Constrained)?");

  /** Which credentials a query may carry; it ends up in more logs than a header. */
  public enum Query {
    ANY,
    AUTH_TOKENS
  }

  /** RFC 6750 section 2.1. */
  private static final Pattern B64TOKEN = Pattern.compile("[A-Za-z0-9._~+/-]+=*");

  /** After CORS (300), before authentication (200). */
  private static final int PRIORITY = 250;

  private final Query query;

  Credentials(@ConfigProperty(name = "livegate.relay.query-credentials") Query query) {
    this.query = query;
  }

  void register(@Observes Filters filters) {
    filters.register(this::normalise, PRIORITY);
  }

  private void normalise(RoutingContext context) {
    MultiMap headers = context.request().headers();
    boolean relay = RELAY.matcher(context.normalizedPath()).matches();
    Set<String> credentials = new LinkedHashSet<>();
    for (String value : headers.getAll(HttpHeaders.AUTHORIZATION)) {
      Optional<String> token =
          ofScheme(value, BEARER).or(() -> relay ? ofScheme(value, TOKEN) : Optional.empty());
      credentials.add(token.map(BEARER::concat).orElse(value));
    }
    headers.getAll(API_KEY).forEach(key -> credentials.add(BEARER + key));
    if (relay) {
      addBrowsers(context, credentials);
    }
    if (credentials.size() > 1) {
      refuse(
          context,
          ErrorCode.AMBIGUOUS_CREDENTIALS,
          "The request carries more than one credential; send the access token once, as"
              + " Authorization: Bearer or as x-goog-api-key.");
      return;
    }
    for (String credential : credentials) {
      Optional<String> token = ofScheme(credential, BEARER);
      if (token.isPresent() && !accept(context, token.get(), relay)) {
        return;
      }
    }
    context.next();
  }

  /** Leaves a credential where it will be looked for, or refuses it. */
  private static boolean accept(RoutingContext context, String token, boolean relay) {
    MultiMap headers = context.request().headers();
    headers.remove(API_KEY);
    if (relay && token.startsWith("auth_tokens/")) {
      context.put(RELAY_TOKEN, token);
      headers.remove(HttpHeaders.AUTHORIZATION);
      return true;
    }
    if (token.startsWith("auth_tokens/") || token.startsWith("AIza")) {
      refuse(
          context,
          ErrorCode.INVALID_TOKEN,
          "A Gemini API key or ephemeral token is no credential here; send an OpenID Connect"
              + " access token.");
      return false;
    }
    if (!isWellFormed(token)) {
      refuse(context, ErrorCode.INVALID_TOKEN, "The credential does not have the form of a token.");
      return false;
    }
    headers.set(HttpHeaders.AUTHORIZATION, BEARER + token);
    return true;
  }

  /** Whether it is a token by its characters, and no JWT with a part left out. */
  private static boolean isWellFormed(String token) {
    var parts = new ArrayList<>(List.of(token.split("\\.", -1)));
    if (parts.size() == 5) {
      parts.remove(1); // the key of an encrypted JWT, which may be empty (RFC 7516 section 7.1)
    }
    return B64TOKEN.matcher(token).matches() && !parts.contains("");
  }

  private static void refuse(RoutingContext context, ErrorCode code, String detail) {
    context.fail(new GatewayException(code, detail));
  }

  private static Optional<String> ofScheme(String value, String scheme) {
    return value.regionMatches(true, 0, scheme, 0, scheme.length())
        ? Optional.of(value.substring(scheme.length()).trim())
        : Optional.empty();
  }

  /** A page cannot set headers on a WebSocket. */
  private void addBrowsers(RoutingContext context, Set<String> credentials) {
    for (String name : List.of("access_token", "key")) {
      for (String token : context.queryParam(name)) {
        if (query == Query.ANY || token.startsWith("auth_tokens/")) {
          credentials.add(BEARER + token);
        }
      }
    }
    for (String header : context.request().headers().getAll("Sec-WebSocket-Protocol")) {
      for (String offered : header.split(",", -1)) {
        if (offered.strip().startsWith(CARRIED)) {
          carried(offered.strip().substring(CARRIED.length()))
              .map(BEARER::concat)
              .ifPresent(credentials::add);
        }
      }
    }
  }

  private static Optional<String> carried(String encoded) {
    try {
      return ofScheme(URLDecoder.decode(encoded, StandardCharsets.UTF_8), BEARER);
    } catch (IllegalArgumentException e) {
      return Optional.empty();
    }
  }

  /** The token, ours or Google's, that a connection to the relay carries, if it does. */
  public static Optional<String> relayToken(RoutingContext context) {
    return Optional.ofNullable(context.get(RELAY_TOKEN));
  }
}
