// What all pages share: calls of the gateway, and the end of a login.

/** Why a call was refused: the gateway's problem (RFC 9457). Without a status, nobody answered. */
export class Refusal extends Error {
  constructor(status, problem, retryAfter) {
    super(problem.detail ?? problem.title ?? `The gateway answered ${status}.`);
    this.status = status;
    this.code = problem.code ?? '';
    this.violations = problem.violations ?? [];
    this.retryAfter = retryAfter;
  }

  /** Whether signing in again may help. */
  get signedOut() {
    return this.status === 401 || this.status === 499;
  }
}

/** The answer, as an object, or a Refusal. */
export async function call(method, path, body) {
  // By this header, who is not signed in is told so, and not sent to the provider.
  const headers = {'X-Requested-With': 'JavaScript'};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  let response;
  try {
    response = await fetch(path, {method, headers, body: body && JSON.stringify(body)});
  } catch {
    throw new Refusal(0, {title: 'The gateway does not answer.'});
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const seconds = Number(response.headers.get('Retry-After'));
    throw new Refusal(response.status, answer, seconds || undefined);
  }
  return answer;
}

/** Ends the login, here and at the provider, and leaves the page. */
export async function signOut() {
  try {
    location.assign((await call('POST', '/sign-out')).location);
  } catch {
    location.assign('/');
  }
}
