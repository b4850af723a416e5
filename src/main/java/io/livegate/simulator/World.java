package io.livegate.simulator;

import io.vertx.core.Context;
import io.vertx.core.Vertx;

/** What the parts of one simulator share. All of it but script and journal lives on the context. */
record World(
    Options options,
    Vertx vertx,
    Context context,
    Tokens tokens,
    Handles handles,
    Script script,
    Journal journal) {}
