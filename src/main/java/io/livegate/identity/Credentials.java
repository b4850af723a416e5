package io.livegate.identity;

import io.livegate.error.ErrorCode;
import io.livegate.error.GatewayException;
import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.MultiMap;
import io.vertx.core.http.HttpHeaders;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * Where a credential may travel: {@code Authorization: Bearer} (RFC 6750) and {@code
 * x-goog-api-key}, in which Google's SDKs send their API key. Runs before authentication and leaves
 * at most one credential, as a bearer token in {@code Authorization}.
 */
@ApplicationScoped
public class Credentials {

  private static final CharSequence API_KEY = HttpHeaders.createOptimized("x-goog-api-key");
  private static final String BEARER = "Bearer ";

  /** After CORS (300), before authentication (200). */
  private static final int PRIORITY = 250;

  void register(@Observes Filters filters) {
    filters.register(this::normalise, PRIORITY);
  }

  private void normalise(RoutingContext context) {
    MultiMap headers = context.request().headers();
    Set<String> tokens = new LinkedHashSet<>();
    for (String value : headers.getAll(HttpHeaders.AUTHORIZATION)) {
      boolean bearer = value.regionMatches(true, 0, BEARER, 0, BEARER.length());
      tokens.add(bearer ? value.substring(BEARER.length()).trim() : value);
    }
    tokens.addAll(headers.getAll(API_KEY));
    if (tokens.size() > 1) {
      context.fail(
          new GatewayException(
              ErrorCode.AMBIGUOUS_CREDENTIALS,
              "The request carries more than one credential; send the access token once, as"
                  + " Authorization: Bearer or as x-goog-api-key."));
      return;
    }
    for (String token : tokens) {
      if (token.startsWith("auth_tokens/") || token.startsWith("AIza")) {
        context.fail(
            new GatewayException(
                ErrorCode.INVALID_TOKEN,
                "A Gemini API key or ephemeral token is no credential here; send an OpenID Connect"
                    + " access token."));
        return;
      }
      if (headers.contains(API_KEY)) {
        headers.remove(API_KEY);
        headers.set(HttpHeaders.AUTHORIZATION, BEARER + token);
      }
    }
    context.next();
  }
}
