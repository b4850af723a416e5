// The console: shows what the feed tells, and asks for what an operator wants done.

import {call as ask, signOut} from '/pages/api.js';
import {follow} from './feed.js';
import {SessionTable, duration, number, some} from './sessions.js';
import {drawBudgets, drawCounts, drawShares} from './charts.js';

const $ = id => document.getElementById(id);
const SAY_FOR = 6000;

function show(id, text) {
  const element = $(id);
  if (element.textContent !== text) element.textContent = text;
}

function element(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function moment(time) {
  return new Date(time).toLocaleString('en-GB', {dateStyle: 'medium', timeStyle: 'medium'});
}

// --- Tabs

const tabs = [...document.querySelectorAll('[role=tab]')];

function select(tab, focus) {
  for (const other of tabs) {
    const selected = other === tab;
    other.setAttribute('aria-selected', selected);
    other.tabIndex = selected ? 0 : -1;
    $(other.getAttribute('aria-controls')).hidden = !selected;
  }
  history.replaceState(null, '', '#' + tab.getAttribute('aria-controls'));
  if (focus) tab.focus();
}

tabs.forEach((tab, at) => {
  tab.addEventListener('click', () => select(tab));
  tab.addEventListener('keydown', event => {
    const next = {
      ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1,
    }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      select(tabs[next % tabs.length], true);
    }
  });
});

const named = tabs.find(tab => '#' + tab.getAttribute('aria-controls') === location.hash);
if (named) select(named);

// --- Live sessions

const table = new SessionTable({table: $('table'), scroller: $('scroller'), open});
let paused = false;
let ahead = 0;
let replicas = [];

$('filter').addEventListener('input', ({target}) => {
  table.filter(target.value);
  count();
});
$('sort').addEventListener('change', ({target}) => table.sort(target.value));
$('table').addEventListener('sorted', ({detail}) => ($('sort').value = detail));
$('pause').addEventListener('click', ({target}) => {
  paused = !paused;
  target.setAttribute('aria-pressed', paused);
  target.textContent = paused ? 'Resume' : 'Pause';
  draw();
});

function now() {
  return Date.now() + ahead;
}

function count() {
  const all = table.size;
  show('count', table.shown === all ? `${number(all)} live` : `${number(table.shown)} of ${number(all)} live`);
  $('empty').hidden = table.shown > 0;
  show('empty-text', all > 0 ? 'No session matches the filter.' : 'Nobody is talking.');
  $('empty-hint').hidden = all > 0;
}

function draw() {
  if (paused) return;
  table.show(now());
  show('tile-sessions', number(table.size));
  show('tile-subjects', number(new Set([...table.all()].map(session => session.subject)).size));
  count();
}

// --- What the feed tells

function budgets({day, rules, subjects, shares}) {
  show('day', day);
  show('tile-tokens', number(rules.reduce((sum, use) => sum + use.tokens + use.estimatedTokens, 0)));
  drawBudgets($('by-rule'), rules);
  drawBudgets($('by-subject'), subjects, open);
  $('shared').hidden = shares.length === 0;
  drawShares($('by-share'), shares);
}

function policy({digest, loadedAt, rules, rejected}) {
  show('digest', digest);
  show('loaded', moment(loadedAt));
  show('rules', rules.join(', ') || 'none');
  $('rejected').hidden = !rejected;
  if (rejected) {
    show('rejected-digest', rejected.digest);
    show('rejected-at', moment(rejected.at));
    $('mistakes').replaceChildren(...rejected.mistakes.map(mistake => {
      const item = element('li', mistake.what);
      item.prepend(element('span', `line ${mistake.line}` + (mistake.rule ? `, ${mistake.rule}` : '') + ': ', 'place'));
      return item;
    }));
  }
  drawReplicas(digest);
}

function drawReplicas(digest) {
  $('replicas').replaceChildren(...replicas.map(replica => {
    const item = element('li');
    const same = replica.digest === digest;
    item.append(
      element('span', replica.replica, 'name'),
      element('code', replica.digest.slice(0, 12)),
      element('span', replica.rejected ? 'refuses a newer file' : same ? 'the same policy' : 'another policy',
        same && !replica.rejected ? 'badge' : 'badge warn'));
    return item;
  }));
}

function notices(told) {
  replicas = told;
  drawReplicas($('digest').textContent);
  const sums = {};
  for (const {refusals} of told) {
    for (const [cause, times] of Object.entries(refusals.lastHour)) sums[cause] = (sums[cause] ?? 0) + times;
  }
  drawCounts($('causes'), sums);
  show('tile-refused', number(Object.values(sums).reduce((a, b) => a + b, 0)));
  const latest = told
    .flatMap(({replica, refusals}) => refusals.last.map(refusal => ({...refusal, replica})))
    .sort((a, b) => (a.at < b.at ? 1 : -1))
    .slice(0, 50);
  $('latest').replaceChildren(...latest.map(refusal => {
    const row = element('tr');
    row.append(
      element('td', moment(refusal.at), 'when'),
      element('td', refusal.cause, 'cause'),
      element('td', refusal.what, 'what'),
      element('td', refusal.subject ?? 'nobody known', 'subject'),
      element('td', refusal.rule ?? '–', 'rule'),
      element('td', refusal.peer, 'peer'),
      element('td', refusal.replica, 'replica'));
    return row;
  }));
  $('no-refusals').hidden = latest.length > 0;
}

const LINK = {
  connecting: 'Connecting',
  live: 'Live',
  stalled: 'No news from the gateway',
  closed: 'Ended',
};

follow(new URL('/console/feed', location.href).href.replace(/^http/, 'ws'), {
  reset() {
    table.clear();
  },
  changes(changes) {
    ahead = Date.parse(changes.now) - Date.now();
    table.apply(changes);
    if (changes.replicas) notices(changes.replicas);
    if (changes.policy) policy(changes.policy);
    if (changes.budgets) budgets(changes.budgets);
    if (changes.trouble !== undefined) {
      show('trouble', changes.trouble);
      $('trouble').hidden = !changes.trouble;
    }
    draw();
  },
  state(state, why) {
    $('link').dataset.state = state;
    show('link', LINK[state] + (why ? `: ${why}` : ''));
    if (state === 'closed') {
      show('trouble', 'This page is told nothing any more. ');
      const link = element('a', 'Load it again');
      link.href = location.pathname;
      $('trouble').append(link);
      $('trouble').hidden = false;
    }
  },
});

// --- What an operator wants done

let opened;

function say(text) {
  show('said', text);
  setTimeout(() => $('said').textContent === text && show('said', ''), SAY_FOR);
}

function facts(list, pairs) {
  list.replaceChildren(...pairs.flatMap(([name, value]) => [element('dt', name), element('dd', value)]));
}

/** Shows what can be done about a subject, and about one session of it if there is one. */
function open({subject, ...session}) {
  const theirs = [...table.all()].filter(other => other.subject === subject).length;
  opened = {subject, id: session.id};
  show('dialog-title', subject);
  facts($('dialog-facts'), session.id ? [
    ['Session', session.id],
    ['Rule', session.rule],
    ['Model', session.model.replace(/^models\//, '')],
    ['Granted as', session.mode],
    ['Replica', session.replica],
    ['Since', `${moment(session.startedAt)} (${duration(now() - Date.parse(session.startedAt))})`],
    ['Usage', [some(session.tokens, 'token'), some(session.turns, 'turn'), some(session.legs, 'leg')].join(', ')],
  ] : [['Sessions', number(theirs)]]);
  $('ends').hidden = theirs === 0;
  $('end-one').hidden = !session.id;
  show('end-all', theirs === 1 ? 'End all of this subject' : `End all ${number(theirs)} of this subject`);
  $('blocked').hidden = true;
  call('GET', `/subjects/${encodeURIComponent(subject)}/block`).then(({until}) => {
    if (opened.subject === subject) {
      show('blocked-until', `Blocked until ${moment(until)}`);
      $('blocked').hidden = false;
    }
  }, () => {}); // not blocked
  $('until').value = local(new Date(now() + 3600e3));
  $('dialog-error').hidden = true;
  $('dialog').showModal();
}

/** As datetime-local wants it. */
function local(time) {
  return new Date(time - time.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
}

async function call(method, path, body) {
  try {
    return await ask(method, '/console/api' + path, body);
  } catch (refusal) {
    const wrong = refusal.violations.map(violation => `${violation.field}: ${violation.allowed}`);
    throw new Error([refusal.message, ...wrong].join(' '));
  }
}

async function act(what, done) {
  try {
    const answer = await what();
    $('dialog').close();
    say(done(answer));
  } catch (error) {
    show('dialog-error', error.message);
    $('dialog-error').hidden = false;
  }
}

$('end-one').addEventListener('click', () => {
  const {id, subject} = opened;
  act(() => call('DELETE', '/sessions/' + encodeURIComponent(id)), () => `A session of ${subject} is ended.`);
});
$('end-all').addEventListener('click', () => {
  const {subject} = opened;
  act(
    () => call('DELETE', '/sessions?subject=' + encodeURIComponent(subject)),
    ({ended}) => `${some(ended, 'session')} of ${subject} ended.`);
});
$('block').addEventListener('click', () => {
  const {subject} = opened;
  const until = new Date($('until').value);
  act(
    () => call('PUT', `/subjects/${encodeURIComponent(subject)}/block`, {until: isNaN(until) ? '' : until.toISOString()}),
    () => `${subject} is blocked until ${moment(until)}.`);
});

$('unblock').addEventListener('click', () => {
  const {subject} = opened;
  act(() => call('DELETE', `/subjects/${encodeURIComponent(subject)}/block`), () => `${subject} is no longer blocked.`);
});

// --- Explain

function json(id, otherwise) {
  const text = $(id).value.trim();
  try {
    return text ? JSON.parse(text) : otherwise;
  } catch (error) {
    throw new Error(`${id === 'claims' ? 'The claims are' : 'The request is'} no JSON: ${error.message}`);
  }
}

function explanation({subject, outcome, rule, rules = [], detail, violations = [], mintBody}) {
  const granted = outcome === 'granted';
  const parts = [];
  const verdict = element('p', undefined, 'verdict ' + (granted ? 'good' : 'bad'));
  verdict.append(
    element('strong', granted ? 'Granted' : `Denied: ${outcome}`), rule ? ` by rule ${rule}` : '', ` to ${subject}`);
  parts.push(verdict);
  if (detail) parts.push(element('p', detail));
  if (violations.length > 0) {
    const list = element('ul');
    list.append(...violations.map(({field, asked, allowed}) => element(
      'li', `${field}: ${JSON.stringify(asked)}, allowed: ${[allowed].flat().join(', ')}`)));
    parts.push(list);
  }
  if (rules.length > 0) {
    const list = element('ol', undefined, 'trace');
    list.append(...rules.map(({rule: name, matched, why}) => {
      const item = element('li', undefined, matched ? 'matched' : '');
      item.append(element('span', name, 'name'), ` ${why || (matched ? 'matches' : '')}`);
      return item;
    }));
    parts.push(element('h3', 'Rules asked, in order'), list);
  }
  if (granted) {
    const setup = mintBody.bidiGenerateContentSetup;
    const instruction = (setup.systemInstruction?.parts ?? []).map(part => part.text).join('\n');
    parts.push(element('h3', 'Final instruction'));
    parts.push(instruction ? element('blockquote', instruction) : element('p', 'None.', 'hint'));
    const whole = element('details');
    whole.append(element('summary', 'Everything that would go to Google'), element('pre', JSON.stringify(mintBody, null, 2)));
    parts.push(whole);
  }
  return parts;
}

$('explain').addEventListener('submit', async event => {
  event.preventDefault();
  try {
    const question = {claims: json('claims', {}), request: json('request', {})};
    if ($('issuer').value) question.issuer = $('issuer').value;
    $('explained').replaceChildren(...explanation(await call('POST', '/explain', question)));
  } catch (error) {
    $('explained').replaceChildren(element('p', error.message, 'notice bad'));
  }
});

$('sign-out').addEventListener('click', signOut);
