// Small bars, drawn as SVG.

import {number, duration, some} from './sessions.js';

const SVG = 'http://www.w3.org/2000/svg';

function rectangle(className, x, width) {
  const shape = document.createElementNS(SVG, 'rect');
  shape.setAttribute('class', className);
  shape.setAttribute('x', x);
  shape.setAttribute('width', Math.max(0, width));
  shape.setAttribute('height', 10);
  return shape;
}

/** A bar of parts, [class, value] each, of a whole. */
function bar(parts, whole) {
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('viewBox', '0 0 100 10');
  picture.setAttribute('preserveAspectRatio', 'none');
  picture.setAttribute('aria-hidden', 'true');
  picture.setAttribute('class', 'bar');
  let at = 0;
  for (const [className, value] of parts) {
    const width = whole > 0 ? Math.min(100 - at, (100 * value) / whole) : 0;
    picture.append(rectangle(className, at, width));
    at += width;
  }
  return picture;
}

function line(className, ...texts) {
  const element = document.createElement('p');
  element.className = className;
  element.append(...texts);
  return element;
}

function span(className, text) {
  const element = document.createElement('span');
  element.className = className;
  element.textContent = text;
  return element;
}

/**
 * What was used under rules, or by subjects, with what they may use.
 *
 * @param open called with what the button of an item is of, where each shall have one
 */
export function drawBudgets(list, uses, open) {
  const largest = Math.max(...uses.map(used), 1);
  const focused = list.contains(document.activeElement) ? document.activeElement.ariaLabel : undefined;
  list.replaceChildren(...uses.map(use => item(use, largest, open)));
  if (focused) [...list.querySelectorAll('button')].find(button => button.ariaLabel === focused)?.focus();
  if (uses.length === 0) list.append(line('empty', 'Nothing was used yet.'));
}

function used(use) {
  return use.tokens + use.estimatedTokens;
}

/** How full it is, for its colour. */
function level(used, most) {
  if (!most) return ' free';
  return used >= most ? ' full' : used >= 0.8 * most ? ' near' : '';
}

function named(text) {
  const name = span('name', text);
  name.title = text;
  return name;
}

function item(use, largest, open) {
  const element = document.createElement('li');
  const most = use.most.tokens;
  const colour = level(used(use), most);
  element.append(
    line(
      'line',
      named(use.subject ?? use.rule),
      span('amount', most ? `${number(used(use))} of ${number(most)} tokens` : some(used(use), 'token'))),
    bar([['reported' + colour, use.tokens], ['estimated' + colour, use.estimatedTokens]], most ?? largest),
    line('hint', details(use)));
  if (open) {
    const button = document.createElement('button');
    button.className = 'quiet small';
    button.textContent = 'Manage…';
    button.ariaLabel = `Manage ${use.subject}, rule ${use.rule}`;
    button.addEventListener('click', () => open({subject: use.subject}));
    element.append(button);
    element.className = 'managed';
  }
  return element;
}

function details(use) {
  return [
    ...(use.subject ? [use.rule] : []),
    use.most.grants ? `${number(use.grants)} of ${number(use.most.grants)} grants` : some(use.grants, 'grant'),
    some(use.sessions, 'session'),
    duration(use.seconds * 1000) + (use.most.seconds ? ` of ${duration(use.most.seconds * 1000)}` : ''),
  ].join(' · ');
}

const AMOUNTS = {
  'usage-tokens-per-day': count => some(count, 'token'),
  'session-time-per-day': seconds => duration(seconds * 1000),
  'grants-per-day': count => some(count, 'grant'),
};

/** What was used of limits that many share. */
export function drawShares(list, shares) {
  list.replaceChildren(...shares.map(({rule, per, value, kind, used, most}) => {
    const element = document.createElement('li');
    const left = kind === 'session-time-per-day' ? duration(used * 1000) : number(used);
    element.append(
      line('line', named(value || '(empty)'), span('amount', `${left} of ${AMOUNTS[kind](most)}`)),
      bar([['reported' + level(used, most), used]], most),
      line('hint', `${rule} · by ${per}`));
    return element;
  }));
}

/** How often things happened, by their names. */
export function drawCounts(list, counts) {
  const sorted = Object.entries(counts).sort((a, b) => b[1] - a[1]);
  const largest = sorted[0]?.[1] ?? 0;
  list.replaceChildren(...sorted.map(([name, count]) => {
    const element = document.createElement('li');
    element.append(
      line('line', span('name', name), span('amount', number(count))),
      bar([['refused', count]], largest));
    return element;
  }));
  if (sorted.length === 0) list.append(line('empty', 'Nothing was refused in the last hour.'));
}
