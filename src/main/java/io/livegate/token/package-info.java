/**
 * Edge: the token endpoints. {@link io.livegate.issue.TokenService} is the use case; the resources
 * turn JSON into a request and the outcome into JSON, in our form and in Google's.
 */
@NullMarked
package io.livegate.token;

import org.jspecify.annotations.NullMarked;
