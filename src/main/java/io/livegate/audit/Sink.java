package io.livegate.audit;

import java.io.Closeable;
import java.io.IOException;
import java.util.List;
import java.util.Optional;

/** Where lines are written, by one thread. */
interface Sink extends Closeable {

  /**
   * What the next line has to say because it is the first of a file.
   *
   * @param last the line before it, if there is one
   * @param torn what a crash left after that line
   */
  record Opening(Optional<Chain.Tip> last, Optional<AuditLine.Torn> torn) {
    static final Opening FRESH = new Opening(Optional.empty(), Optional.empty());
  }

  /**
   * Lines that are written together.
   *
   * @param entries the events among them
   * @param lost how many events one of them stands for
   * @param end of the chain after them
   */
  record Batch(List<Entry> entries, List<String> lines, long lost, Chain.Tip end) {}

  /**
   * Makes ready to append.
   *
   * @param bytes about how many
   * @return present where the next line opens a file
   */
  default Optional<Opening> prepare(long bytes) throws IOException {
    return Optional.empty();
  }

  /**
   * Appends all or nothing.
   *
   * @return what is there now: this batch; or an earlier one, which seemed to have failed, instead
   * @throws IOException if it is not there, or not known to be
   */
  Batch append(Batch batch) throws IOException;
}
