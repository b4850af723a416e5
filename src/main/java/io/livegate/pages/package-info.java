/**
 * What all pages have in common: who sees them has signed in by code flow and is known by a cookie,
 * which is heeded nowhere else, and what they call is the API itself, for which {@link
 * io.livegate.pages.Pages} puts the access token of the login in the cookie's place.
 *
 * <p>The pages are files in {@code META-INF/resources}: the playground ({@code index.html} and
 * {@code playground}), the console, and in {@code pages} what they share. They need no build.
 */
@NullMarked
package io.livegate.pages;

import org.jspecify.annotations.NullMarked;
