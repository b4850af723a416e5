package io.livegate.identity;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * Where a credential may travel: {@code Authorization: Bearer} (RFC 6750) and {@code
 * x-goog-api-key}, in which Google's SDKs send their API key. Runs before authentication and leaves
 * at most one credential, as a bearer token in {@code Authorization}.
 */
@ApplicationScoped
public class Credentials {

  private static final CharSequence API_KEY = HttpHeaders.createOptimized("x-goog-api-key");
  private static final String BEARER = "Bearer ";

  /** RFC 6750 section 2.1. */
  private static final Pattern B64TOKEN = Pattern.compile("[A-Za-z0-9._~+/-]+=*");

  /** After CORS (300), before authentication (200). */
  private static final int PRIORITY = 250;

  void register(@Observes Filters filters) {
    filters.register(this::normalise, PRIORITY);
  }

  private void normalise(RoutingContext context) {
    MultiMap headers = context.request().headers();
    Set<String> credentials = new LinkedHashSet<>(headers.getAll(HttpHeaders.AUTHORIZATION));
    headers.getAll(API_KEY).forEach(key -> credentials.add(BEARER + key));
    if (credentials.size() > 1) {
      refuse(
          context,
          ErrorCode.AMBIGUOUS_CREDENTIALS,
          "The request carries more than one credential; send the access token once, as"
              + " Authorization: Bearer or as x-goog-api-key.");
      return;
    }
    for (String credential : credentials) {
      if (!credential.regionMatches(true, 0, BEARER, 0, BEARER.length())) {
        continue; // another scheme, which nobody here understands: no credential
      }
      String token = credential.substring(BEARER.length()).trim();
      if (token.startsWith("auth_tokens/") || token.startsWith("AIza")) {
        refuse(
            context,
            ErrorCode.INVALID_TOKEN,
            "A Gemini API key or ephemeral token is no credential here; send an OpenID Connect"
                + " access token.");
        return;
      }
      if (!isWellFormed(token)) {
        refuse(
            context, ErrorCode.INVALID_TOKEN, "The credential does not have the form of a token.");
        return;
      }
      headers.remove(API_KEY);
      headers.set(HttpHeaders.AUTHORIZATION, BEARER + token);
    }
    context.next();
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
}
