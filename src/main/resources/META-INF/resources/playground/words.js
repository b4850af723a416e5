// What to say: numbers, limits, refusals and ends, in plain words and with what can be done.

const KINDS = {
  'grants-per-minute': 'Sessions or tokens a minute',
  'grants-per-day': 'Sessions or tokens a day',
  'concurrent-sessions': 'Sessions at a time',
  'usage-tokens-per-day': 'Gemini tokens a day',
  'session-time-per-day': 'Time to talk a day',
};

/** A limit as people call it: of `subject.grants-per-day`, what is counted and for whom. */
export function limitName(name) {
  const dot = name.lastIndexOf('.');
  const per = name.slice(0, dot);
  const whose = {subject: '', rule: ', of all under this rule'}[per] ?? `, by ${per}`;
  return (KINDS[name.slice(dot + 1)] ?? name.slice(dot + 1)) + whose;
}

/** So much of a limit. */
export function amount(name, number) {
  return name.endsWith('session-time-per-day') ? duration(number) : number.toLocaleString('en');
}

export function duration(seconds) {
  // With spaces at which no line breaks.
  if (seconds < 120) return `${Math.ceil(seconds)}\u00a0s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)}\u00a0min`;
  return `${Math.round(seconds / 360) / 10}\u00a0h`;
}

export function resetsIn(seconds) {
  return `more in ${duration(seconds)}, at ${moment(seconds)}`;
}

/** When so much time will have passed: the minute that has then begun. */
function moment(seconds) {
  return new Date(Math.ceil((Date.now() + seconds * 1000) / 60000) * 60000).toLocaleTimeString('en-GB', {hour: '2-digit', minute: '2-digit'});
}

/** What a refusal means: {title, text, list, signIn}. */
export function refused({code, status, message, detail = message, violations = [], retryAfter, signedOut}) {
  const later = retryAfter ? ` Try again in ${duration(retryAfter)}, at ${moment(retryAfter)}.` : ' Try again in a moment.';
  const list = violations.map(({field, asked, allowed}) =>
    `${field}: ${asked === undefined ? '' : `asked for ${text(asked)}, `}allowed is ${text(allowed)}`);
  const say = (title, text) => ({title, text, list, signIn: false});
  if (signedOut) {
    return {...say('You are not signed in any more.', 'Your login has ended or does not count here.'), signIn: true};
  }
  switch (code) {
    case 'no-rule-matched':
      return say('The policy has no rule for you.',
        'Ask an administrator; the console’s Explain shows them why.');
    case 'beyond-policy':
      return say('Your rule does not allow these settings.', 'Change what is named here and try again.');
    case 'policy-error':
    case 'groups-overage':
      return say('The policy cannot decide about you.', `${detail} Ask an administrator to mend it.`);
    case 'subject-blocked':
      return say('You are blocked.', detail);
    case 'relay-disabled':
      return say('This gateway has no relay.', 'Choose the direct mode.');
    case 'limit-reached':
      return say('A limit of yours is reached.', detail + later);
    case 'upstream-limit':
      return say('Google has no room at the moment.', 'It refused for quota or rate.' + later);
    case 'mint-refused':
      return say('Google refused.', 'It did not accept the gateway’s key or setup. Who runs the gateway finds more in its log.');
    case 'mint-unavailable':
    case 'mint-timeout':
      return say('Google does not answer.', 'The gateway could not get a token for you.' + later);
    case 'ledger-unavailable':
    case 'audit-unavailable':
    case 'relay-full':
      return say('The gateway cannot take you at the moment.', detail + later);
    default:
      return status === 0
        ? say('The gateway does not answer.', 'Is it running, and is there a network? Then try again.')
        : say('That did not work.', String(detail));
  }
}

function text(value) {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** Why there is no microphone, and that it goes on without. */
export function deaf({name}) {
  const why = {
    NotAllowedError: 'Your browser blocks the microphone: allow it by the sign beside the address, end, and talk again.',
    NotFoundError: 'There is no microphone: plug one in, end, and talk again.',
    NotReadableError: 'Another program has the microphone: close it, end, and talk again.',
    SecurityError: 'Browsers give the microphone to pages by HTTPS or of localhost only.',
  }[name] ?? `The microphone cannot be used (${name}).`;
  return `${why} Until then, write.`;
}

/** Why a session ended: {bad, title, text}. */
export function farewell({code, reason, wasReady, mode, limits = []}) {
  const bad = (title, text) => ({bad: true, title, text});
  const full = limits.find(({remaining}) => remaining === 0);
  const limit = /^the limit (\S+) is reached$/.exec(reason)?.[1] ?? (code === 1006 && !wasReady ? full?.name : undefined);
  if (limit) {
    const {reset} = limits.find(({name}) => name === limit) ?? {};
    return bad('A limit of yours is reached.',
      `${limitName(limit)}.` + (reset ? ` Try again in ${duration(reset)}, at ${moment(reset)}.` : ''));
  }
  if (code === 1006 && !wasReady) {
    return mode === 'direct'
      ? bad('Google cannot be reached from here.', 'Your network may not let you. Try the relay mode, if your rule has it.')
      : bad('The gateway did not take the session.', 'It may be full, or a limit is reached. Try again in a moment.');
  }
  switch (reason) {
    case 'ended by an administrator':
      return bad('An administrator has ended this session.', 'Ask them why, if you do not know.');
    case 'the login was ended':
      return bad('Your login was ended.', 'Sign in again to go on.');
    case 'resumed by another session':
      return {text: 'It goes on elsewhere: something else has resumed it.'};
    case 'idle':
      return {text: 'It was ended because nobody said anything.'};
    case "the session's time is over":
      return {text: 'It was ended because its time is over. Talk again for another one.'};
  }
  if (code === 1000) return {text: 'Google has ended it. Talk again for another one.'};
  if (code === 1006) return bad('The connection was lost.', 'Check your network, then talk again.');
  if (code === 1007) return bad('What was sent is not accepted.', reason || 'Google does not say why.');
  if (code === 1012 || code === 1013) return bad('The gateway has to let go of this session.', 'Talk again in a moment.');
  if (/quota|exhausted/i.test(reason)) return bad('Google’s quota is used up.', `Google says: ${reason}`);
  return bad('The session was ended.', reason ? `The reason given: ${reason} (${code}).` : `No reason was given (${code}).`);
}
