package io.livegate.simulator;

/** The service's no: an HTTP error when minting, a close frame on a WebSocket. */
final class Refusal extends RuntimeException {
  private static final long serialVersionUID = 1L;
  static final String BAD_KEY = "API key not valid. Please pass a valid API key.";
  static final String NO_KEY =
      "Method doesn't allow unregistered callers (callers without established identity). Please use"
          + " API Key or other form of API consumer identity to call this API.";
  static final String NOT_FOUND = "Requested entity was not found";
  static final String INVALID = "Request contains an invalid argument.";

  private final int code;

  private Refusal(int code, String message) {
    super(message, null, false, false);
    this.code = code;
  }

  /** An argument that is wrong in itself: HTTP 400, or close code 1007. */
  static Refusal invalid(String message) {
    return new Refusal(1007, message);
  }

  /** A name that the schema does not have. */
  static Refusal unknownName(String name, String path) {
    return invalid(
        "Invalid JSON payload received. Unknown name \"%s\"%s: Cannot find field."
            .formatted(name, path.isEmpty() ? "" : " at '" + path + "'"));
  }

  static Refusal closing(int code, String message) {
    return new Refusal(code, message);
  }

  int code() {
    return code;
  }

  String reason() {
    return String.valueOf(getMessage());
  }
}
