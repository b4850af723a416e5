// The playground: who I am, what I may, and a session with it.

import {call, signOut} from '/pages/api.js';
import {Live, Microphone, Speaker, loudness} from './live.js';
import {snippets} from './snippets.js';
import {farewell, deaf, limitName, amount, duration, refused, resetsIn} from './words.js';

const VOICES = ['Achernar', 'Achird', 'Algenib', 'Algieba', 'Alnilam', 'Aoede', 'Autonoe', 'Callirrhoe',
  'Charon', 'Despina', 'Enceladus', 'Erinome', 'Fenrir', 'Gacrux', 'Iapetus', 'Kore', 'Laomedeia', 'Leda',
  'Orus', 'Puck', 'Pulcherrima', 'Rasalgethi', 'Sadachbia', 'Sadaltager', 'Schedar', 'Sulafat', 'Umbriel',
  'Vindemiatrix', 'Zephyr', 'Zubenelgenubi'];

const VOICE = 'generationConfig.speechConfig.voiceConfig.prebuiltVoiceConfig.voiceName';
const TEMPERATURE = 'generationConfig.temperature';
const INSTRUCTION = 'systemInstruction';

/** Who speaks, for those who do not see on which side. */
const NAMES = {you: 'You: ', model: 'Gemini: '};

const $ = id => document.getElementById(id);

let me;
/** What belongs to the session that runs: live, speaker, microphone, what it has used. */
let session;

// --- Who I am and what I may ------------------------------------------------------------------------

async function load() {
  try {
    me = await call('GET', '/playground/api/me');
  } catch (refusal) {
    complain(refused(refusal));
    phase('idle', 'Not ready');
    return;
  }
  $('who').textContent = me.subject;
  $('subject').textContent = me.subject;
  $('rule').textContent = me.rule ?? 'none';
  if (me.denied) {
    document.body.dataset.denied = '';
    $('token').textContent = 'none';
    complain(refused(me.denied));
    phase('idle', 'Not for you');
    return;
  }
  const {uses, expiresIn, startWithin} = me.token;
  $('token').textContent = `${uses === 0 ? 'any number of sessions' : uses === 1 ? 'one session' : `${uses} sessions`}`
    + `, to be started within ${duration(startWithin)}, over after ${duration(expiresIn)}`;
  drawLimits();
  offer();
  phase('idle', 'Ready');
}

function drawLimits() {
  $('limits').replaceChildren(...me.limits.map(limit => {
    const item = document.createElement('li');
    item.classList.toggle('full', limit.remaining === 0);
    const line = document.createElement('div');
    line.className = 'line';
    const name = document.createElement('span');
    name.textContent = limitName(limit.name);
    const left = document.createElement('b');
    left.textContent = `${amount(limit.name, limit.remaining)} of ${amount(limit.name, limit.max)}`;
    line.append(name, left);
    const bar = document.createElement('progress');
    bar.max = limit.max;
    bar.value = limit.used;
    bar.setAttribute('aria-label', `${limitName(limit.name)}: used`);
    item.append(line, bar);
    if (limit.used > 0 && limit.reset > 0) {
      const hint = document.createElement('span');
      hint.className = 'hint';
      hint.textContent = resetsIn(limit.reset);
      item.append(hint);
    }
    return item;
  }));
  if (me.limits.length === 0) {
    const item = document.createElement('li');
    item.textContent = 'Your rule has no limits.';
    $('limits').append(item);
  }
}

/** Shows again what is left; that it cannot be known is no trouble. */
async function refresh() {
  try {
    me = await call('GET', '/playground/api/me');
    if (!me.denied) drawLimits();
  } catch {
    // The next call that matters will say so.
  }
}

// --- Settings ---------------------------------------------------------------------------------------

function isOpen(path) {
  return me.open.some(open => path === open || path.startsWith(open + '.'));
}

function offer() {
  fill($('model'), me.models.map(model => [model, model.replace('models/', '')]));
  for (const label of $('modes').querySelectorAll('label')) {
    const mode = label.dataset.mode;
    label.hidden = !me.modes.includes(mode);
    label.querySelector('input').checked = mode === me.modes[0];
  }
  fill($('voice'), [['', 'the model’s own'], ...VOICES.map(voice => [voice, voice])]);
  $('voice-field').hidden = !isOpen(VOICE);
  $('temperature-field').hidden = !isOpen(TEMPERATURE);
  $('instruction-field').hidden = !isOpen(INSTRUCTION);
  const all = [VOICE, TEMPERATURE, INSTRUCTION].every(isOpen);
  $('fixed').textContent = all ? '' : 'Everything else is fixed by your rule.';
  drawCode();
}

function fill(select, options) {
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
}

/** The body of POST /v1/tokens: the settings, as far as they differ from the rule. */
function request() {
  const setup = {};
  const set = (path, value) => {
    const names = path.split('.');
    let place = setup;
    for (const name of names.slice(0, -1)) place = place[name] ??= {};
    place[names.at(-1)] = value;
  };
  if (isOpen(VOICE) && $('voice').value) set(VOICE, $('voice').value);
  if (isOpen(TEMPERATURE) && $('temperature').value) set(TEMPERATURE, $('temperature').valueAsNumber);
  const instruction = $('instruction').value.trim();
  if (isOpen(INSTRUCTION) && instruction) set(INSTRUCTION, {parts: [{text: instruction}]});
  const body = {model: $('model').value, mode: $('settings').elements.mode.value};
  if (Object.keys(setup).length > 0) body.setup = setup;
  return body;
}

// --- A session --------------------------------------------------------------------------------------

function phase(name, says) {
  document.body.dataset.phase = name;
  $('state').textContent = says;
  const ready = me !== undefined && !me.denied;
  $('talk').disabled = !ready;
  $('talk-label').textContent = name === 'idle' ? 'Talk' : 'End';
  $('type-only').hidden = name !== 'idle';
  $('type-only').disabled = !ready;
  $('mute').hidden = name !== 'live' || !session?.microphone;
  $('text').disabled = name !== 'live';
  $('send').disabled = name !== 'live';
  for (const field of $('settings').elements) field.disabled = name !== 'idle' || !ready;
}

/** Begins a session; with a microphone if it is wanted and there is one. */
async function begin(wantsMicrophone) {
  calm();
  $('transcript').replaceChildren();
  // Now, while the browser knows that somebody has pressed a button.
  const mine = session = {speaker: new Speaker(), tokens: 0, turns: {}};
  $('tokens').textContent = '0';
  $('time').textContent = '0:00';
  $('until').textContent = '–';
  phase('connecting', 'Connecting');
  try {
    if (wantsMicrophone) await listen(mine);
    if (session !== mine) return;
    const grant = await call('POST', '/playground/api/tokens', request());
    if (session !== mine) return;
    mine.mode = grant.mode;
    $('until').textContent = clock(new Date(grant.expireTime));
    mine.live = new Live(`${grant.webSocketUrl}?access_token=${grant.token}`, {model: grant.model}, handlers(mine));
  } catch (refusal) {
    finish(mine, 'Not started');
    complain(refused(refusal, me));
    refresh();
  }
}

async function listen(mine) {
  try {
    const microphone = await Microphone.open(samples => {
      if (mine.muted) return;
      mine.level = loudness(samples);
      mine.live?.hear(samples);
    });
    if (session === mine) mine.microphone = microphone;
    else microphone.close();
  } catch (failure) {
    note(deaf(failure));
  }
}

function handlers(mine) {
  return {
    ready: () => {
      mine.since = Date.now();
      phase('live', `Live, ${mine.mode === 'relay' ? 'through this gateway' : 'straight to Google'}`);
      if (!mine.microphone) $('text').focus();
      refresh();
    },
    heard: text => write(mine, 'you', text),
    spoken: text => write(mine, 'model', text),
    audio: samples => mine.speaker.play(samples),
    interrupted: () => {
      mine.speaker.stop();
      if (mine.answer) mine.answer.dataset.cut = '';
    },
    turnEnded: () => {
      mine.turns = {};
      mine.answer = undefined;
    },
    used: usage => {
      mine.tokens += usage.totalTokenCount ?? 0;
      $('tokens').textContent = mine.tokens.toLocaleString('en');
    },
    // The rule may have given it functions; there are none here.
    called: calls => mine.live.answer(
      calls.map(({id, name}) => ({id, name, response: {error: 'The playground has no functions.'}}))),
    leaving: timeLeft => note(`This session will be ended in ${duration(parseFloat(timeLeft))}.`),
    ended: async (code, reason, wasReady) => {
      if (session !== mine) return;
      finish(mine, 'Ended');
      await refresh();
      const bye = farewell({code, reason, wasReady, mode: mine.mode, limits: me.limits});
      if (bye.bad) complain(bye);
      else note(bye.text);
    },
  };
}

function end() {
  const mine = session;
  finish(mine, 'Ended');
  mine.live?.end();
  if (mine.since) note('You have ended it.');
  refresh();
}

function finish(mine, says) {
  session = undefined;
  mine.microphone?.close();
  mine.speaker.close();
  $('mute').setAttribute('aria-pressed', false);
  phase('idle', says);
  draw();
}

function mute() {
  const muted = session.muted = !session.muted;
  $('mute').setAttribute('aria-pressed', muted);
  session.level = 0;
  if (muted) session.live.pause();
}

function say(text) {
  write(session, 'you', text);
  session.turns.you = undefined;
  session.live.say(text);
}

// --- What was said ------------------------------------------------------------------------------------

/** Adds to what somebody says; whoever speaks next begins a paragraph. */
function write(mine, who, text) {
  const other = who === 'you' ? 'model' : 'you';
  mine.turns[other] = undefined;
  mine.turns[who] ??= add(who, '');
  mine.turns[who].append(text);
  if (who === 'model') mine.answer = mine.turns.model;
  scroll();
}

function note(text) {
  add('note', text);
  scroll();
}

function add(what, text) {
  const paragraph = document.createElement('p');
  paragraph.className = what;
  if (NAMES[what]) {
    const name = document.createElement('span');
    name.className = 'hidden';
    name.textContent = NAMES[what];
    paragraph.append(name);
  }
  paragraph.append(text);
  $('transcript').append(paragraph);
  return paragraph;
}

function scroll() {
  $('transcript').scrollTop = $('transcript').scrollHeight;
}

function complain({title, text, list = [], signIn = false}) {
  $('trouble-title').textContent = title;
  $('trouble-text').textContent = text;
  $('trouble-list').replaceChildren(...list.map(line => {
    const item = document.createElement('li');
    item.textContent = line;
    return item;
  }));
  $('trouble-more').hidden = !signIn;
  $('trouble').hidden = false;
}

function calm() {
  $('trouble').hidden = true;
}

// --- What moves ---------------------------------------------------------------------------------------

function draw() {
  const you = session?.microphone ? session.level ?? 0 : 0;
  const model = session ? session.speaker.level : 0;
  $('level-you').style.transform = `scaleX(${you})`;
  $('level-model').style.transform = `scaleX(${model})`;
  $('talk').style.setProperty('--ring', Math.max(you, model));
  if (session?.since) {
    const seconds = Math.floor((Date.now() - session.since) / 1000);
    $('time').textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  }
  if (session) requestAnimationFrame(draw);
}

function clock(time) {
  return time.toLocaleTimeString('en-GB', {hour: '2-digit', minute: '2-digit'});
}

setInterval(() => { if (session?.since) refresh(); }, 10000);

// --- Use it from code -----------------------------------------------------------------------------------

let language = 'JavaScript';

function drawCode() {
  const programs = snippets(location.origin, request());
  $('languages').replaceChildren(...Object.keys(programs).map(name => {
    const tab = document.createElement('button');
    tab.textContent = name;
    tab.setAttribute('role', 'tab');
    tab.setAttribute('aria-controls', 'snippet');
    tab.setAttribute('aria-selected', name === language);
    tab.tabIndex = name === language ? 0 : -1;
    tab.onclick = () => choose(name);
    return tab;
  }));
  $('snippet').textContent = programs[language];
  $('code-hint').hidden = location.protocol === 'https:' || !['Java', 'Python'].includes(language);
}

function choose(name) {
  language = name;
  drawCode();
  $('languages').querySelector('[aria-selected=true]').focus();
}

$('languages').onkeydown = ({key}) => {
  const step = {ArrowRight: 1, ArrowLeft: -1}[key];
  if (!step) return;
  const names = [...$('languages').children].map(tab => tab.textContent);
  choose(names.at((names.indexOf(language) + step) % names.length));
};

$('copy').onclick = async () => {
  await navigator.clipboard.writeText($('snippet').textContent);
  $('copy').textContent = 'Copied';
  setTimeout(() => { $('copy').textContent = 'Copy'; }, 2000);
};

// --- What can be pressed ----------------------------------------------------------------------------------

$('talk').onclick = async () => {
  if (session) {
    end();
  } else {
    const begun = begin(true);
    draw();
    await begun;
  }
};
$('type-only').onclick = () => {
  begin(false);
  draw();
};
$('mute').onclick = mute;
$('sign-out').onclick = signOut;
$('settings').oninput = drawCode;
$('settings').onsubmit = event => event.preventDefault();
$('say').onsubmit = event => {
  event.preventDefault();
  const text = $('text').value.trim();
  if (text && session?.since) say(text);
  $('text').value = '';
};
addEventListener('pagehide', () => session?.live?.end());

load();
