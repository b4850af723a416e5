package io.livegate.identity;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A verified caller.
 *
 * @param id one string for the person or app everywhere: {@code <tenant>:<sub>}
 * @param issuer the issuer identifier ({@code iss}) of the token
 * @param claims the token's claims as plain immutable JSON: maps, lists, strings, {@code Long},
 *     {@code Double}, {@code Boolean}
 */
public record Subject(String id, String issuer, Map<String, Object> claims) {

  public Subject {
    claims = frozen(claims);
  }

  /** The subject of that tenant and name. */
  public static Subject of(String tenant, String sub, String issuer, Map<String, ?> claims) {
    return new Subject(tenant + ":" + sub, issuer, Collections.unmodifiableMap(claims));
  }

  /**
   * Claims that the provider left out of the token for their size, naming another place to ask:
   * OpenID Connect Core 5.6.2 ({@code _claim_names}), and Entra ID's {@code hasgroups}.
   */
  public Set<String> withheldClaims() {
    var withheld = new HashSet<String>();
    if (claims.get("_claim_names") instanceof Map<?, ?> names) {
      names.keySet().forEach(name -> withheld.add(String.valueOf(name)));
    }
    Object hasGroups = claims.get("hasgroups");
    if (Boolean.TRUE.equals(hasGroups) || "true".equals(hasGroups)) {
      withheld.add("groups");
    }
    withheld.removeAll(claims.keySet());
    return withheld;
  }

  private static Map<String, Object> frozen(Map<String, ?> object) {
    var copy = new LinkedHashMap<String, Object>();
    object.forEach(
        (name, value) -> {
          Object plain = plain(value);
          // A claim that is null says as little as one that is absent.
          if (plain != null) {
            copy.put(name, plain);
          }
        });
    return Collections.unmodifiableMap(copy);
  }

  private static @Nullable Object plain(@Nullable Object value) {
    if (value instanceof Map<?, ?> map) {
      var named = new LinkedHashMap<String, Object>();
      map.forEach((name, member) -> named.put(String.valueOf(name), member));
      return frozen(named);
    }
    if (value instanceof List<?> list) {
      var copy = new ArrayList<Object>();
      for (Object element : list) {
        Object plain = plain(element);
        if (plain != null) {
          copy.add(plain);
        }
      }
      return Collections.unmodifiableList(copy);
    }
    if (value instanceof Integer || value instanceof Short || value instanceof Byte) {
      return ((Number) value).longValue();
    }
    if (value instanceof Number number && !(value instanceof Long)) {
      return number.doubleValue();
    }
    return value;
  }
}
