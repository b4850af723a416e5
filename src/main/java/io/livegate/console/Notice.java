package io.livegate.console;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/**
 * What a replica tells operators of itself.
 *
 * @param replica its name
 * @param digest of the policy that is in force there
 * @param loadedAt since when, RFC 3339
 * @param rejected the digest of a newer file that it refused
 * @param refusals what it refused of late
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Notice(
    String replica,
    String digest,
    String loadedAt,
    @Nullable String rejected,
    RecentRefusals.Summary refusals) {}
