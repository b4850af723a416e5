package io.livegate.error;

import java.util.Locale;
import java.util.Optional;

/**
 * Every way in which a request is refused. The label is the contract: it ends the problem's {@code
 * type}, is its {@code code}, and labels the refusal in metrics and audit.
 */
public enum ErrorCode {
  INVALID_REQUEST(
      400,
      "INVALID_ARGUMENT",
      "The request is malformed",
      "The body is not JSON of the documented shape: a field is unknown, has the wrong type, or"
          + " contradicts another. The violations say which."),
  AMBIGUOUS_CREDENTIALS(
      400,
      "INVALID_ARGUMENT",
      "Two different credentials",
      "Send one access token: as Authorization: Bearer or as x-goog-api-key."),
  UNAUTHENTICATED(
      401,
      "UNAUTHENTICATED",
      "No credential",
      "Send an OpenID Connect access token as Authorization: Bearer, or as the API key of a Google"
          + " SDK."),
  INVALID_TOKEN(
      401,
      "UNAUTHENTICATED",
      "The access token is not valid",
      "It must be an unexpired access token of a configured issuer, for the configured audience:"
          + " no ID token, refresh token, API key or sender-constrained token."),
  NO_RULE_MATCHED(
      403,
      "PERMISSION_DENIED",
      "No rule matched",
      "No rule of the policy is for this user. An administrator can see why with"
          + " /admin/v1/explain."),
  BEYOND_POLICY(
      403,
      "PERMISSION_DENIED",
      "The request goes beyond the rule",
      "A request can only narrow its rule. The violations list each field, what was asked and what"
          + " is allowed."),
  POLICY_ERROR(
      403,
      "PERMISSION_DENIED",
      "The rule could not be evaluated",
      "A condition or template of the policy failed on this user's claims. It denies rather than"
          + " falling through to a later rule; the policy's author must mend it."),
  GROUPS_OVERAGE(
      403,
      "PERMISSION_DENIED",
      "The token leaves out the groups",
      "The user is in more groups than the identity provider puts into a token, and the policy"
          + " needs them. Have the provider send only the groups assigned to this application, or"
          + " app roles."),
  RELAY_DISABLED(
      403,
      "PERMISSION_DENIED",
      "The relay is not available",
      "The rule or request asks for mode relay, which this gateway does not serve."),
  ORIGIN_FORBIDDEN(
      403,
      "PERMISSION_DENIED",
      "Pages of this origin may not connect",
      "A browser says that the page comes from another site than livegate.relay.allowed-origins"
          + " names."),
  SUBJECT_BLOCKED(
      403,
      "PERMISSION_DENIED",
      "The user is blocked",
      "An administrator has blocked this user, for a time or for good. The detail says until when."),
  ADMIN_REQUIRED(
      403,
      "PERMISSION_DENIED",
      "Administrators only",
      "The policy's admins expression does not hold for this user."),
  NOT_FOUND(404, "NOT_FOUND", "No such resource", "Nothing is served at this path."),
  METHOD_NOT_ALLOWED(
      405, "INVALID_ARGUMENT", "Method not allowed", "The path exists, but not for this method."),
  NOT_ACCEPTABLE(
      406,
      "INVALID_ARGUMENT",
      "Not acceptable",
      "The answer is JSON; the Accept header excludes it."),
  REQUEST_TOO_LARGE(
      413, "INVALID_ARGUMENT", "The request body is too large", "A body has at most 256 KiB."),
  UNSUPPORTED_MEDIA_TYPE(
      415,
      "INVALID_ARGUMENT",
      "Unsupported media type",
      "Send Content-Type: application/json, or no body."),
  LIMIT_REACHED(
      429,
      "RESOURCE_EXHAUSTED",
      "A limit of the policy is reached",
      "A limit of the user's rule leaves no room; the detail names it. Try again after Retry-After"
          + " seconds. GET /v1/me shows all limits with their use."),
  UPSTREAM_LIMIT(
      429,
      "RESOURCE_EXHAUSTED",
      "Google's limit is reached",
      "Google refused for quota or rate. Try again after Retry-After seconds."),
  INTERNAL_ERROR(
      500, "INTERNAL", "Internal error", "A fault of the gateway; its log has the details."),
  ISSUER_UNAVAILABLE(
      503,
      "UNAVAILABLE",
      "The issuer cannot be reached",
      "The access token cannot be verified, because its OpenID provider does not answer. Try again"
          + " after Retry-After seconds."),
  MINT_REFUSED(
      502,
      "INTERNAL",
      "Google refused to mint",
      "Google did not accept the gateway's request: its key, its setup or its API version. The"
          + " gateway's log says more."),
  MINT_UNAVAILABLE(
      503,
      "UNAVAILABLE",
      "Minting is unavailable",
      "Google cannot be reached or fails, or too many requests wait for it. Try again after"
          + " Retry-After seconds."),
  LEDGER_UNAVAILABLE(
      503,
      "UNAVAILABLE",
      "Limits cannot be checked",
      "The store of what was issued and used does not answer. Try again after Retry-After seconds."),
  AUDIT_UNAVAILABLE(
      503,
      "UNAVAILABLE",
      "The audit cannot be written",
      "This gateway hands out nothing that it cannot record. Try again after Retry-After seconds."),
  RELAY_FULL(
      503,
      "UNAVAILABLE",
      "The relay is full",
      "Too many sessions or tokens are open at this gateway. Try again after Retry-After"
          + " seconds."),
  MINT_TIMEOUT(
      504,
      "DEADLINE_EXCEEDED",
      "Google did not answer in time",
      "The token was not minted within the gateway's timeout.");

  private final int status;
  private final String googleStatus;
  private final String title;
  private final String explanation;

  ErrorCode(int status, String googleStatus, String title, String explanation) {
    this.status = status;
    this.googleStatus = googleStatus;
    this.title = title;
    this.explanation = explanation;
  }

  /** The stable name, such as {@code beyond-policy}. */
  public String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  /** The HTTP status. */
  public int status() {
    return status;
  }

  /** The name in google.rpc.Code that goes with it in Google's error envelope. */
  public String googleStatus() {
    return googleStatus;
  }

  /** A few words for people. */
  public String title() {
    return title;
  }

  /** What it means and what to do, in a sentence or two. */
  public String explanation() {
    return explanation;
  }

  /** The code with that label, if there is one. */
  public static Optional<ErrorCode> of(String label) {
    for (ErrorCode code : values()) {
      if (code.label().equals(label)) {
        return Optional.of(code);
      }
    }
    return Optional.empty();
  }

  /** The code for a failure of which only the HTTP status is known. */
  static ErrorCode ofStatus(int status) {
    for (ErrorCode code : values()) {
      if (code.status == status) {
        return code;
      }
    }
    return status >= 400 && status < 500 ? INVALID_REQUEST : INTERNAL_ERROR;
  }
}
