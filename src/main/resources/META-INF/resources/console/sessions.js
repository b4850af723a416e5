// The table of live sessions. Only the rows that can be seen are in the document, each has an
// element of its own, and of those only cells whose text changed are touched.

const OVERSCAN = 8;

/** Shows sessions in a table; `open` is called with one whose button was pressed. */
export class SessionTable {
  #sessions = new Map();
  #shown = [];
  #elements = new Map();
  #key = 'startedAt';
  #down = true;
  #words = [];
  #clock = 0;
  #rowHeight = 44;
  #before = spacer();
  #after = spacer();

  constructor({table, scroller, open}) {
    this.table = table;
    this.body = table.tBodies[0];
    this.scroller = scroller;
    this.body.append(this.#before, this.#after);
    this.body.addEventListener('click', event => {
      const row = event.target.closest('button')?.closest('tr');
      const session = row && this.#sessions.get(row.dataset.id);
      if (session) open(session);
    });
    for (const header of table.tHead.rows[0].cells) {
      header.querySelector('button')?.addEventListener('click', () => this.sort(header.dataset.key));
    }
    let asked = false;
    const ask = () => {
      if (!asked) {
        asked = true;
        requestAnimationFrame(() => {
          asked = false;
          this.#draw();
        });
      }
    };
    scroller.addEventListener('scroll', ask, {passive: true});
    new ResizeObserver(() => {
      this.#rowHeight = parseFloat(getComputedStyle(table).getPropertyValue('--row')) || 44;
      ask();
    }).observe(scroller);
  }

  get size() {
    return this.#sessions.size;
  }

  get shown() {
    return this.#shown.length;
  }

  /** All sessions, in no order. */
  all() {
    return this.#sessions.values();
  }

  get(id) {
    return this.#sessions.get(id);
  }

  clear() {
    this.#sessions.clear();
  }

  /** Takes in what changed; shows nothing of it before `show`. */
  apply({added = [], changed = [], gone = []}) {
    for (const session of added) {
      session.text = [session.subject, session.rule, session.model, session.replica, session.mode]
        .join('\n').toLowerCase();
      this.#sessions.set(session.id, session);
    }
    for (const change of changed) Object.assign(this.#sessions.get(change.id), change);
    for (const id of gone) this.#sessions.delete(id);
  }

  /** Sorts by a column; by the other direction, if it is sorted by it already. */
  sort(key, down = key === this.#key ? !this.#down : startsDown(key)) {
    this.#key = key;
    this.#down = down;
    for (const header of this.table.tHead.rows[0].cells) {
      if (header.dataset.key === key) {
        header.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      } else {
        header.removeAttribute('aria-sort');
      }
    }
    this.table.dispatchEvent(new CustomEvent('sorted', {detail: key}));
    this.show();
  }

  /** Shows only sessions in which each of the words occurs. */
  filter(text) {
    this.#words = text.toLowerCase().split(/\s+/).filter(word => word);
    this.show();
  }

  /** Shows what there is now, by that clock. */
  show(clock = this.#clock) {
    this.#clock = clock;
    const key = this.#key;
    const sign = this.#down ? -1 : 1;
    this.#shown = [...this.#sessions.values()]
      .filter(session => this.#words.every(word => session.text.includes(word)))
      .sort((a, b) => sign * compare(a[key], b[key]) || compare(a.id, b.id));
    this.#draw();
  }

  #draw() {
    const height = this.#rowHeight;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / height) - OVERSCAN);
    const last = Math.min(
      this.#shown.length,
      Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / height) + OVERSCAN);
    const seen = this.#shown.slice(first, last);
    const wanted = new Set(seen.map(session => session.id));
    const focused = document.activeElement;
    for (const [id, element] of this.#elements) {
      if (!wanted.has(id)) {
        element.remove();
        this.#elements.delete(id);
      }
    }
    this.table.setAttribute('aria-rowcount', this.#shown.length + 1);
    setHeight(this.#before, first * height);
    setHeight(this.#after, Math.max(0, this.#shown.length - last) * height);
    let place = this.#before.nextSibling;
    seen.forEach((session, at) => {
      let element = this.#elements.get(session.id);
      if (!element) {
        element = newRow(session);
        this.#elements.set(session.id, element);
      }
      if (element === place) {
        place = place.nextSibling;
      } else {
        this.body.insertBefore(element, place);
      }
      update(element, session, first + at + 2, this.#clock);
    });
    // An element that moved has lost the focus.
    if (focused !== document.activeElement && focused.isConnected) focused.focus({preventScroll: true});
  }
}

function startsDown(key) {
  return ['startedAt', 'turns', 'tokens', 'legs'].includes(key);
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

function spacer() {
  const row = document.createElement('tr');
  row.className = 'spacer';
  row.setAttribute('role', 'presentation');
  row.append(document.createElement('td'));
  return row;
}

function setHeight(row, height) {
  const cell = row.cells[0];
  if (cell.height !== String(height)) cell.height = height;
  row.hidden = height === 0;
}

const COLUMNS = ['subject', 'rule', 'model', 'replica', 'since', 'turns', 'tokens', 'legs'];
const NUMBERS = new Set(['since', 'turns', 'tokens', 'legs']);

function newRow(session) {
  const row = document.createElement('tr');
  row.dataset.id = session.id;
  row.setAttribute('role', 'row');
  for (const column of COLUMNS) {
    const cell = row.insertCell();
    cell.setAttribute('role', 'cell');
    cell.className = NUMBERS.has(column) ? `number ${column}` : column;
    cell.append('');
  }
  row.cells[0].title = session.subject;
  row.cells[3].title = session.replica;
  const cell = row.insertCell();
  cell.setAttribute('role', 'cell');
  cell.className = 'action';
  const button = document.createElement('button');
  button.className = 'quiet small';
  button.textContent = 'End…';
  button.setAttribute('aria-label', `End a session of ${session.subject}, or block`);
  cell.append(button);
  return row;
}

function update(row, session, index, clock) {
  const texts = [
    session.subject,
    session.rule,
    session.model.replace(/^models\//, ''),
    session.replica,
    duration(clock - Date.parse(session.startedAt)),
    number(session.turns),
    number(session.tokens),
    number(session.legs),
  ];
  texts.forEach((text, at) => {
    const node = row.cells[at].firstChild;
    if (node.data !== text) node.data = text;
  });
  if (row.ariaRowIndex !== String(index)) row.ariaRowIndex = index;
}

const NUMBER = new Intl.NumberFormat('en');

export function number(value) {
  return NUMBER.format(value);
}

/** 1 turn, 2 turns. */
export function some(count, what) {
  return `${number(count)} ${what}${count === 1 ? '' : 's'}`;
}

/** 75000 ms is 1m 15s. */
export function duration(millis) {
  const seconds = Math.max(0, Math.floor(millis / 1000));
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours > 0) return `${hours}h ${String(minutes % 60).padStart(2, '0')}m`;
  return minutes > 0 ? `${minutes}m ${String(seconds % 60).padStart(2, '0')}s` : `${seconds}s`;
}
