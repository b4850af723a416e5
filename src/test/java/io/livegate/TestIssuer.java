package io.livegate;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.Key;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import org.jose4j.jwa.AlgorithmConstraints;
import org.jose4j.jwk.JsonWebKey;
import org.jose4j.jwk.RsaJsonWebKey;
import org.jose4j.jwk.RsaJwkGenerator;
import org.jose4j.jws.AlgorithmIdentifiers;
import org.jose4j.jws.JsonWebSignature;
import org.jose4j.lang.JoseException;

/** An OpenID provider of the tests' own: discovery, keys, introspection, and tokens of any kind. */
public final class TestIssuer implements AutoCloseable {

  private final HttpServer server;
  private final RsaJsonWebKey key;
  private final Map<String, JsonObject> opaque = new ConcurrentHashMap<>();
  private final AtomicInteger introspections = new AtomicInteger();
  private volatile Token visitor;

  public TestIssuer() {
    try {
      key = RsaJwkGenerator.generateJwk(2048);
      key.setKeyId("k1");
      key.setAlgorithm(AlgorithmIdentifiers.RSA_USING_SHA256);
      server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (JoseException e) {
      throw new IllegalStateException(e);
    }
    server.setExecutor(Executors.newCachedThreadPool());
    server.createContext("/.well-known/openid-configuration", e -> answer(e, discovery()));
    server.createContext("/jwks", e -> answer(e, keys()));
    server.createContext("/introspect", this::introspect);
    server.createContext("/authorize", this::authorize);
    server.createContext("/token", this::exchange);
    server.createContext("/logout", this::end);
    server.start();
  }

  public String url() {
    return "http://localhost:" + server.getAddress().getPort();
  }

  public RsaJsonWebKey key() {
    return key;
  }

  /** Who sits in front of browsers, and signs in without being asked: an access token of theirs. */
  public void visitor(Token token) {
    visitor = token;
  }

  /** How often the introspection endpoint was asked. */
  public int introspections() {
    return introspections.get();
  }

  /** An access token for a subject, good unless it is changed before signing. */
  public Token token(String sub) {
    return new Token(sub);
  }

  /** An opaque token with those claims. */
  public String opaque(String token, JsonObject claims) {
    opaque.put(token, new JsonObject(new HashMap<>(claims.getMap())).put("active", true));
    return Secrets.remember(token);
  }

  @Override
  public void close() {
    server.stop(0);
  }

  /** A token in the making. */
  public final class Token {
    private final Map<String, Object> claims = new HashMap<>();
    private final Map<String, Object> header = new HashMap<>();

    private Token(String sub) {
      long now = Instant.now().getEpochSecond();
      claims.putAll(Map.of("sub", sub, "iss", url(), "aud", "livegate", "iat", now));
      claims.put("exp", now + 300);
      header.put("kid", "k1");
      header.put("typ", "JWT");
    }

    public Token claim(String name, Object value) {
      if (value == null) {
        claims.remove(name);
      } else {
        claims.put(name, value);
      }
      return this;
    }

    public Token groups(String... groups) {
      return claim("groups", List.of(groups));
    }

    public Token header(String name, Object value) {
      header.put(name, value);
      return this;
    }

    public String sign() {
      return sign(AlgorithmIdentifiers.RSA_USING_SHA256, key.getPrivateKey());
    }

    public String sign(String algorithm, Key signingKey) {
      var jws = new JsonWebSignature();
      jws.setAlgorithmConstraints(AlgorithmConstraints.NO_CONSTRAINTS);
      jws.setDoKeyValidation(false);
      jws.setPayload(text(claims));
      header.forEach(jws::setHeader);
      jws.setAlgorithmHeaderValue(algorithm);
      jws.setKey(signingKey);
      try {
        return Secrets.remember(jws.getCompactSerialization());
      } catch (JoseException e) {
        throw new IllegalStateException(e);
      }
    }
  }

  private JsonObject discovery() {
    return new JsonObject()
        .put("issuer", url())
        .put("jwks_uri", url() + "/jwks")
        .put("introspection_endpoint", url() + "/introspect")
        .put("token_endpoint", url() + "/token")
        .put("authorization_endpoint", url() + "/authorize")
        .put("end_session_endpoint", url() + "/logout");
  }

  private JsonObject keys() {
    return new JsonObject(
        Map.of("keys", List.of(key.toParams(JsonWebKey.OutputControlLevel.PUBLIC_ONLY))));
  }

  private void introspect(HttpExchange exchange) throws IOException {
    introspections.incrementAndGet();
    String form = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
    String token =
        List.of(form.split("&")).stream()
            .filter(pair -> pair.startsWith("token="))
            .map(pair -> URLDecoder.decode(pair.substring(6), StandardCharsets.UTF_8))
            .findFirst()
            .orElse("");
    answer(exchange, opaque.getOrDefault(token, new JsonObject().put("active", false)));
  }

  /** The nonce is the code, so that nothing need be kept. */
  private void authorize(HttpExchange exchange) throws IOException {
    Map<String, String> asked = parameters(exchange.getRequestURI().getRawQuery());
    exchange
        .getResponseHeaders()
        .set(
            "Location",
            asked.get("redirect_uri")
                + "?code="
                + asked.getOrDefault("nonce", "none")
                + "&state="
                + asked.get("state"));
    exchange.sendResponseHeaders(302, -1);
    exchange.close();
  }

  private void end(HttpExchange exchange) throws IOException {
    Map<String, String> asked = parameters(exchange.getRequestURI().getRawQuery());
    exchange.getResponseHeaders().set("Location", asked.get("post_logout_redirect_uri"));
    exchange.sendResponseHeaders(302, -1);
    exchange.close();
  }

  private void exchange(HttpExchange exchange) throws IOException {
    Map<String, String> asked =
        parameters(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
    Token access = visitor;
    String id =
        token(String.valueOf(access.claims.get("sub")))
            .claim("aud", "livegate-pages")
            .claim("nonce", asked.get("code"))
            .sign();
    answer(
        exchange,
        new JsonObject()
            .put("id_token", id)
            .put("access_token", access.sign())
            .put("token_type", "Bearer")
            .put("expires_in", 300));
  }

  private static Map<String, String> parameters(String form) {
    var parameters = new HashMap<String, String>();
    for (String pair : form.split("&", -1)) {
      String[] parts = pair.split("=", 2);
      parameters.put(parts[0], URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
    }
    return parameters;
  }

  private static void answer(HttpExchange exchange, JsonObject body) throws IOException {
    byte[] bytes = text(body.getMap()).getBytes(StandardCharsets.UTF_8);
    exchange.getResponseHeaders().set("Content-Type", "application/json");
    exchange.sendResponseHeaders(200, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  /** By a mapper of its own, because the server's threads may not see what Vert.x's codec needs. */
  private static String text(Map<String, ?> object) {
    try {
      return new ObjectMapper().writeValueAsString(object);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The public half of the key in PEM, as an attacker knows it. */
  public String publicKey() {
    return key.toJson(JsonWebKey.OutputControlLevel.PUBLIC_ONLY);
  }
}
