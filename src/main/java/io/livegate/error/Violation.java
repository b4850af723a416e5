package io.livegate.error;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.jspecify.annotations.Nullable;

/**
 * One field of a request that is not as it must be.
 *
 * @param field its name, dotted where it is inside another
 * @param asked the value that came, if any
 * @param allowed what would be right
 */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Violation(String field, @Nullable Object asked, Object allowed) {}
