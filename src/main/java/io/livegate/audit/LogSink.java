package io.livegate.audit;

import java.util.logging.Handler;
import org.jboss.logging.Logger;
import org.jboss.logmanager.formatters.PatternFormatter;

/**
 * The log category {@code audit}, which the configuration sends to standard output as it is. What
 * becomes of a line there is not known here.
 */
final class LogSink implements Sink {

  private static final String CATEGORY = "audit";
  private static final Logger AUDIT = Logger.getLogger(CATEGORY);

  /** Its lines are JSON already, and what is wrapped in a log's own JSON cannot be verified. */
  LogSink() {
    for (Handler handler : java.util.logging.Logger.getLogger(CATEGORY).getHandlers()) {
      handler.setFormatter(new PatternFormatter("%s%n"));
    }
  }

  @Override
  public Batch append(Batch batch) {
    batch.lines().forEach(AUDIT::info);
    return batch;
  }

  @Override
  public void close() {}
}
