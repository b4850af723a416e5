package io.livegate.relay;

import java.util.Locale;

/** Why a session ended. */
enum Cause {
  /** The client closed it, or went away. */
  CLIENT,
  /** Google closed it, or went away. */
  GOOGLE,
  /** The client sent what it may not. */
  POLICY,
  /** The client wanted to resume with a handle that is not valid. */
  HANDLE,
  /** The gateway shuts down. */
  DRAIN,
  /** Its time was over. */
  EXPIRED,
  /** No message passed for too long. */
  IDLE,
  /** The client did not send its setup in time. */
  NO_SETUP,
  /** A side showed no sign of life. */
  SILENCE,
  /** A budget of its rule is reached. */
  LIMIT,
  /** An administrator ended it, or blocked its subject. */
  ADMIN,
  /** Its conversation was resumed by another session. */
  SUPERSEDED,
  /** The login that it came from was ended at the OpenID provider. */
  LOGOUT,
  /** It could not be connected to Google. */
  FAULT;

  /** The name in metrics and audit. */
  String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
