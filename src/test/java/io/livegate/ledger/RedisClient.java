package io.livegate.ledger;

import io.livegate.RedisServer;
import io.quarkus.redis.datasource.ReactiveRedisDataSource;
import io.quarkus.redis.runtime.datasource.ReactiveRedisDataSourceImpl;
import io.vertx.mutiny.core.Vertx;
import io.vertx.mutiny.redis.client.Redis;
import io.vertx.mutiny.redis.client.RedisAPI;
import io.vertx.redis.client.RedisOptions;

/** The client of one replica, as Quarkus makes it. */
public final class RedisClient implements AutoCloseable {

  private final Vertx vertx = Vertx.vertx();
  private final Redis redis;

  public RedisClient(RedisServer server) {
    redis =
        Redis.createClient(
            vertx,
            new RedisOptions()
                .setConnectionString(server.url())
                .setMaxPoolSize(16)
                .setMaxPoolWaiting(10_000));
  }

  public ReactiveRedisDataSource dataSource() {
    return new ReactiveRedisDataSourceImpl(vertx, redis, RedisAPI.api(redis));
  }

  @Override
  public void close() {
    redis.close();
    vertx.closeAndAwait();
  }
}
