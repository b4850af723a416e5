package io.livegate.issue;

import io.livegate.grant.Grant;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;

/** The right to one session at the relay: one use of a token, spent until it is given back. */
public final class Admission {

  private final String grantId;
  private final Grant grant;
  private final List<String> models;
  private final Instant expireTime;
  private final Optional<String> directToken;
  private final Runnable undo;
  private final AtomicBoolean givenBack = new AtomicBoolean();

  Admission(
      String grantId,
      Grant grant,
      List<String> models,
      Instant expireTime,
      Optional<String> directToken,
      Runnable undo) {
    this.grantId = grantId;
    this.grant = grant;
    this.models = List.copyOf(models);
    this.expireTime = expireTime;
    this.directToken = directToken;
    this.undo = undo;
  }

  /** Names the grant in the audit; no secret. */
  public String grantId() {
    return grantId;
  }

  public Grant grant() {
    return grant;
  }

  /** What the client may choose from; empty where the grant's model is fixed. */
  public List<String> models() {
    return models;
  }

  /** When the session ends at the latest. */
  public Instant expireTime() {
    return expireTime;
  }

  /** Google's token that the client came with; the session's first connection uses it. */
  public Optional<String> directToken() {
    return directToken;
  }

  /** Gives the use back, once, because the session could not start and the client did no wrong. */
  public void giveBack() {
    if (givenBack.compareAndSet(false, true)) {
      undo.run();
    }
  }
}
