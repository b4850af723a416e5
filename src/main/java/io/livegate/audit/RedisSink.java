package io.livegate.audit;

import io.quarkus.redis.datasource.ReactiveRedisDataSource;
import io.vertx.redis.client.Response;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A stream of Redis, which several processes write: each entry has one field, {@code line}.
 *
 * <p>When an answer is lost, the lines may be there nonetheless, and then they must not be written
 * again. So beside the stream a key for each run names the last batch, and a batch is appended only
 * behind the one before it.
 */
final class RedisSink implements Sink {

  private static final String APPEND =
      """
      local head = redis.call('GET', KEYS[2])
      if head and head ~= ARGV[1] then
        return head
      end
      for i = 4, #ARGV do
        redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], '*', 'line', ARGV[i])
      end
      redis.call('SET', KEYS[2], ARGV[2], 'EX', 86400)
      return ARGV[2]
      """;

  /** Redis answered by an error: nothing was written. */
  private static final class Refused extends IOException {
    private static final long serialVersionUID = 1;

    Refused(Throwable answer) {
      super(answer.toString(), answer);
    }
  }

  private final ReactiveRedisDataSource redis;
  private final String stream;
  private final String maxLength;
  private final String headKey;
  private final Duration timeout;

  /** Batches without an answer, by their names. */
  private final Map<String, Batch> unanswered = new HashMap<>();

  private String head = "";
  private long named;

  RedisSink(ReactiveRedisDataSource redis, AuditConfig.Redis config, String run, Duration timeout) {
    this.redis = redis;
    this.stream = config.stream();
    this.maxLength = Long.toString(config.maxLength());
    this.headKey = stream + ":head:" + run;
    this.timeout = timeout;
  }

  @Override
  public Batch append(Batch batch) throws IOException {
    if (!unanswered.isEmpty()) {
      // While Redis is away, nothing more is sent that could arrive late.
      ask("PING");
    }
    String name = Long.toString(++named);
    var arguments = new ArrayList<>(List.of(APPEND, "2", stream, headKey, head, name, maxLength));
    arguments.addAll(batch.lines());
    unanswered.put(name, new Batch(batch.entries(), List.of(), batch.lost(), batch.end()));
    String found;
    try {
      found = ask("EVAL", arguments.toArray(String[]::new));
    } catch (Refused e) {
      unanswered.remove(name);
      throw e;
    }
    Batch there = unanswered.get(found);
    unanswered.clear();
    head = found;
    if (there == null) {
      throw new IOException("somebody else has written to " + headKey);
    }
    return there;
  }

  private String ask(String command, String... arguments) throws IOException {
    try {
      return String.valueOf(redis.execute(command, arguments).await().atMost(timeout));
    } catch (RuntimeException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw cause instanceof Response ? new Refused(cause) : new IOException(cause.toString(), e);
    }
  }

  @Override
  public void close() {}
}
