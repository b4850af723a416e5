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
  /** Its time was over. */
  EXPIRED,
  /** No message passed for too long. */
  IDLE,
  /** The client did not send its setup in time. */
  NO_SETUP,
  /** A side showed no sign of life. */
  SILENCE,
  /** It could not be connected to Google. */
  FAULT;

  /** The name in metrics and audit. */
  String label() {
    return name().toLowerCase(Locale.ROOT).replace('_', '-');
  }
}
