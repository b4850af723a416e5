/**
 * Livegate: a gateway through which a company's people and apps use Google's Gemini Live API with
 * the identity they already have.
 *
 * <p>A caller's verified <em>Subject</em> is matched by the <em>Policy</em> to a <em>Grant</em>,
 * and the grant is minted at Google as an ephemeral token (direct), or kept under a token of ours
 * for the relay, which holds the session within it. Every step is told once as an event.
 *
 * <pre>
 * POST /v1/tokens -&gt; Subject -&gt; Policy.decide -&gt; Grant -&gt; Ledger.issue -&gt; GeminiTokens.mint | token of ours -&gt; event
 * WS   /ws/...    -&gt; Ledger.redeem | open -&gt; SetupGuard -&gt; GeminiTokens.mint -&gt; LiveUpstream -&gt; Session -&gt; event
 * every second    -&gt; Heart -&gt; Ledger.beat -&gt; sessions that must end
 * page /{page}/api/... -&gt; Pages: the login's access token for its cookie -&gt; the API
 * WS   /console/feed -&gt; Watch -&gt; Ledger.sessions -&gt; what changed
 * </pre>
 *
 * <p>Packages, and whom each may import. Imports go downwards only; a test enforces the table.
 *
 * <pre>
 * root      StartupChecks           sees all; seen by none
 * dev       dev mode's conveniences identity, simulator; seen by none
 * pages     console                 pages, admin, session, identity, policy, ledger, grant
 *           pages                   gemini; seen by console
 * edges     token                   request, issue, identity, policy, ledger, grant, gemini
 *           relay                   issue, session, identity, ledger, grant, gemini
 *           admin                   request, identity, policy, ledger, grant
 *           logout                  session, identity, ledger, grant
 * form      request                 policy, grant
 * issuing   issue                   session, identity, policy, ledger, grant, gemini
 * outward   gemini                  grant
 * state     session                 policy, ledger, grant
 *           ledger                  grant
 * decide    policy                  identity, grant
 * nouns     identity, grant         nothing of ours but the leaves
 * leaves    audit, trace, error     usable by all; audit and trace import error, error nothing of ours
 * apart     simulator               imports nothing of ours; imported by dev only
 * </pre>
 */
@NullMarked
package io.livegate;

import org.jspecify.annotations.NullMarked;
