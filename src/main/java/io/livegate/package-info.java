/**
 * Livegate: a gateway through which a company's people and apps use Google's Gemini Live API with
 * the identity they already have.
 *
 * <p>A caller's verified <em>Subject</em> is matched by the <em>Policy</em> to a <em>Grant</em>,
 * and the grant is minted at Google as an ephemeral token (direct), or kept under a token of ours
 * for the relay, which holds the session within it. Every step is told once as an event.
 *
 * <pre>
 * POST /v1/tokens -&gt; Subject -&gt; Policy.decide -&gt; Grant -&gt; GeminiTokens.mint | RelayTokens -&gt; event
 * WS   /ws/...    -&gt; Admission -&gt; SetupGuard -&gt; GeminiTokens.mint -&gt; LiveUpstream -&gt; Session -&gt; event
 * </pre>
 *
 * <p>Packages, and whom each may import. Imports go downwards only; a test enforces the table.
 *
 * <pre>
 * root      StartupChecks           sees all; seen by none
 * dev       dev mode's conveniences identity, simulator; seen by none
 * edges     token                   request, issue, identity, policy, grant, gemini
 *           relay                   issue, identity, grant, gemini
 *           admin                   request, identity, policy, grant
 * form      request                 policy, grant
 * issuing   issue                   identity, policy, grant, gemini
 * outward   gemini                  grant
 * decide    policy                  identity, grant
 * state     ledger                  grant
 * nouns     identity, grant         nothing of ours but the leaves
 * leaves    audit, error            usable by all; import nothing of ours
 * apart     simulator               imports nothing of ours; imported by dev only
 * </pre>
 */
@NullMarked
package io.livegate;

import org.jspecify.annotations.NullMarked;
