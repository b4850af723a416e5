// Small bars, drawn as SVG.

import {number, duration} from './sessions.js';

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

function item(use, largest, open) {
  const element = document.createElement('li');
  const most = use.most.tokens;
  const name = span('name', use.subject ?? use.rule);
  name.title = name.textContent;
  const amount = span(
    'amount', most ? `${number(used(use))} of ${number(most)} tokens` : `${number(used(use))} tokens`);
  const share = used(use) / (most ?? Infinity);
  const level = share >= 1 ? ' full' : share >= 0.8 ? ' near' : '';
  element.append(
    line('line', name, amount),
    bar([['reported' + level, use.tokens], ['estimated' + level, use.estimatedTokens]], most ?? largest),
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
  const of = (text, most) => (most === undefined ? text : `${text} of ${most}`);
  return [
    ...(use.subject ? [use.rule] : []),
    of(number(use.grants), use.most.grants && number(use.most.grants)) +
      (use.grants === 1 && !use.most.grants ? ' grant' : ' grants'),
    number(use.sessions) + (use.sessions === 1 ? ' session' : ' sessions'),
    of(duration(use.seconds * 1000), use.most.seconds && duration(use.most.seconds * 1000)),
  ].join(' · ');
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
