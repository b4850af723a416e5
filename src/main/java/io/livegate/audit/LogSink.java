package io.livegate.audit;

import org.jboss.logging.Logger;

/**
 * The log category {@code audit}, which the configuration sends to standard output as it is. What
 * becomes of a line there is not known here.
 */
final class LogSink implements Sink {

  private static final Logger AUDIT = Logger.getLogger("audit");

  @Override
  public Batch append(Batch batch) {
    batch.lines().forEach(AUDIT::info);
    return batch;
  }

  @Override
  public void close() {}
}
