// The curation desk. The address names what is shown; decisions go to the program at once.

import { $, ask, element, say } from '/page.js';
import { IN_PICTURE, forgetPictures, isOpen, listPictures, openPicture, renew, settled } from './boxes.js';

export const number = new Intl.NumberFormat('en');
// What the address says of heads; the rest is about their posts.
const OWN = ['verdict', 'decision', 'measure', 'order', 'group', 'picture', 'version', 'without-version', 'bound', 'change', 'from', 'count', 'show', 'checked', 'heads'];
const AGAIN = 10000; // ms until verdicts are asked for again where a command holds the lock
const LOOK = 400; // ms between two looks at how far a change is
const IDLE = 2000; // ms without a decision after which the verdicts are brought up to date

let page = { from: 0, total: 0, heads: [] };
let focus = 0;
let anchor = 0;
let chosen = new Set();
let undone = [];
let done = [];
let idle;

// Runs what a control does, one after the other: a key pressed while the one before is on its way acts on what
// that leaves. Shows what went wrong.
let queue = Promise.resolve();
export function run(action) {
  queue = queue.then(action).catch((error) => say(error.message, true));
}
export const guarded = (action) => (...given) => run(() => action(...given));

const shown = (value) => (value === null ? 'none' : Number.isInteger(value) ? number.format(value) : value.toFixed(3));
export const state = (verdict) => (verdict === 'accepted' ? 'accepted' : verdict === 'undecided' || verdict === null ? '' : 'refused');

// ---- the filters

// The first choice, which filters nothing, stays; so does what is chosen.
function options(select, words) {
  const { value } = select;
  select.length = 1;
  for (const [word, text] of words) select.append(new Option(text, word));
  choose(select, value);
}

// Also what no option says: the address may know more than the page.
function choose(field, value) {
  if (field.options && ![...field.options].some((option) => option.value === value)) field.append(new Option(value, value));
  field.value = value;
}

async function controls() {
  const told = await ask('/api/state');
  counts(told);
  const form = $('filters').elements;
  const count = (word) => told.verdicts[word] ?? 0;
  const refused = Object.entries(told.verdicts).filter(([word]) => state(word) === 'refused').reduce((sum, [, heads]) => sum + heads, 0);
  options(form.verdict, [
    ['accepted', `accepted (${number.format(count('accepted'))})`],
    ['refused', `refused (${number.format(refused)})`],
    ...told.reasons.filter(count).map((word) => [word, `refused: ${word} (${number.format(count(word))})`]),
    ['undecided', `undecided (${number.format(count('undecided'))})`],
  ]);
  options(form.source, told.sources.map((name) => [name, name]));
  for (const name of ['version', 'without-version']) options(form[name], told.versions.map((version) => [version, version]));
  options(form.order, told.measures.flatMap(({ name }) => [[`-${name}`, `${name}, falling`], [name, `${name}, rising`]]));
  for (const { name, about } of $('measures').querySelector('input') ? [] : told.measures) {
    const bound = (which) => element('input', { name: `${name}.${which}`, placeholder: which, inputMode: 'decimal', ariaLabel: `${which} ${name}` });
    $('measures').append(element('label', { title: about }, name, element('span', { className: 'range' }, bound('least'), bound('most'))));
  }
  // A page before this one may have left decisions behind.
  if (told.fresh || told.verdicts.undecided) later();
}

function counts(told) {
  const waiting = told.fresh ? `; ${told.fresh} decisions wait for new verdicts` : '';
  $('counts').textContent = `${number.format(told.heads)} heads, ${number.format(told.verdicts.accepted ?? 0)} accepted${waiting}`;
}

// What the address says, into the form.
function fill() {
  const form = $('filters').elements;
  const address = new URLSearchParams(location.search);
  for (const field of form) if (field.name) field.value = '';
  for (const [name, value] of address) {
    const field = form.namedItem(name);
    if (name === 'measure') {
      const [measure, bounds = ''] = value.split(':');
      const [least, most = ''] = bounds.split('..');
      const fields = ['least', 'most'].map((which) => form.namedItem(`${measure}.${which}`));
      if (fields[0]) [fields[0].value, fields[1].value] = [least, most];
    } else if (field) choose(field, value);
  }
  const says = (...names) => names.some((name) => address.has(name));
  $('layout').classList.toggle('pictures', ofPictures());
  if (says('measure')) $('measures').open = true;
  if (says('source', 'since', 'until', 'min-likes', 'min-views', 'tags', 'artist', 'character', 'rating')) $('posts').open = true;
  if (says('version', 'without-version')) $('versions').open = true;
}

// What the form says, as an address.
function address() {
  const asked = new URLSearchParams();
  const ranges = new Map();
  for (const field of $('filters').elements) {
    const value = field.value?.trim();
    if (!field.name || !value) continue;
    const [measure, which] = field.name.split('.');
    if (which) ranges.set(measure, { ...ranges.get(measure), [which]: value });
    else asked.append(field.name, value);
  }
  // Filters that have no field here stay, as those of other flags.
  for (const [name, value] of new URLSearchParams(location.search)) {
    if (!$('filters').elements.namedItem(name) && !OWN.includes(name)) asked.append(name, value);
  }
  for (const [measure, { least = '', most = '' }] of ranges) asked.append('measure', `${measure}:${least}..${most}`);
  return asked;
}

async function go(asked) {
  const text = asked.toString();
  history.pushState(null, '', text ? `/?${text}` : '/');
  fill();
  await load();
}

$('filters').addEventListener('submit', (event) => {
  event.preventDefault();
  run(() => go(address()));
});
addEventListener('popstate', guarded(async () => {
  fill();
  await load();
}));

// ---- the gallery

const ofPictures = () => new URLSearchParams(location.search).get('show') === 'pictures';

async function load() {
  if (ofPictures()) {
    const { total, from, pictures } = await listPictures(location.search);
    [page, focus, anchor, chosen] = [{ total, from, heads: [] }, 0, 0, new Set()];
    turning(from + pictures.length, pictures.length > 0);
    tiles()[0]?.focus({ preventScroll: true });
    return say('');
  }
  forgetPictures();
  page = await ask(`/api/heads${location.search}`);
  [focus, anchor, chosen] = [0, 0, new Set()];
  draw();
  tiles()[0]?.focus({ preventScroll: true });
  say('');
}

function draw() {
  $('tiles').replaceChildren(...page.heads.map(tile));
  const last = page.from + page.heads.length;
  $('place').textContent = page.heads.length ? `${number.format(page.from + 1)} to ${number.format(last)} of ${number.format(page.total)}` : '';
  turning(last, page.heads.length > 0);
  mark();
}

function turning(last, any) {
  $('empty').hidden = any;
  $('previous').disabled = page.from === 0;
  $('next').disabled = last >= page.total;
}

function tile(head, at) {
  const image = element('img', { src: `/heads/${head.head}`, loading: 'lazy', decoding: 'async', alt: `head ${head.head.slice(0, 10)}` });
  const what = head.score === null ? `${head.by_hand ? 'by hand  ' : ''}${head.side} px` : `${head.score.toFixed(2)}  ${head.side} px`;
  const item = element('li', { tabIndex: -1 }, image,
    element('span', { className: 'id', textContent: head.head.slice(0, 10) }),
    element('span', { className: 'what', textContent: head.verdict === 'accepted' ? what : head.verdict }));
  item.className = ['tile', state(head.verdict), head.decision ?? ''].join(' ').trim();
  item.dataset.at = at;
  item.setAttribute('role', 'option');
  return item;
}

const tiles = () => $('tiles').children;

function mark() {
  if (ofPictures()) return;
  for (const [at, item] of [...tiles()].entries()) {
    item.setAttribute('aria-selected', String(chosen.has(page.heads[at].head)));
    item.tabIndex = at === focus ? 0 : -1;
    item.toggleAttribute('data-current', at === focus);
  }
  $('chosen').textContent = chosen.size ? `${chosen.size} chosen` : '';
  for (const id of ['keep', 'reject', 'forget']) $(id).disabled = page.heads.length === 0;
}

function range(from, to) {
  const [first, last] = from < to ? [from, to] : [to, from];
  chosen = new Set(page.heads.slice(first, last + 1).map((head) => head.head));
}

function move(to, ranged) {
  if (!page.heads.length) return;
  focus = Math.min(Math.max(to, 0), page.heads.length - 1);
  if (ranged) range(anchor, focus);
  else [anchor, chosen] = [focus, new Set()];
  mark();
  tiles()[focus].focus();
}

function toggle(at) {
  const { head } = page.heads[at];
  if (!chosen.delete(head)) chosen.add(head);
  [focus, anchor] = [at, at];
  mark();
}

function across() {
  const items = [...tiles()];
  const below = items.findIndex((item) => item.offsetTop !== items[0].offsetTop);
  return below === -1 ? items.length : below;
}

$('tiles').addEventListener('click', guarded(async (event) => {
  const item = event.target.closest('.tile');
  if (!item || ofPictures()) return;
  const at = Number(item.dataset.at);
  if (event.ctrlKey || event.metaKey || $('choose').ariaPressed === 'true') return toggle(at);
  if (event.shiftKey) return move(at, true);
  move(at, false);
  await open(page.heads[at].head);
}));

async function turn(by) {
  const count = Number(new URLSearchParams(location.search).get('count')) || 200;
  const from = page.from + by * count;
  if (from < 0 || from >= page.total) return;
  const asked = new URLSearchParams(location.search);
  if (from) asked.set('from', from);
  else asked.delete('from');
  await go(asked);
  scrollTo(0, 0);
}
$('previous').addEventListener('click', guarded(() => turn(-1)));
$('next').addEventListener('click', guarded(() => turn(1)));

// ---- decisions

const targets = () => (chosen.size ? page.heads.filter((head) => chosen.has(head.head)) : page.heads.slice(focus, focus + 1));

async function decide(heads, choice) {
  const changed = heads.filter((head) => (head.decision ?? 'none') !== choice);
  if (!changed.length) return;
  const before = changed.map((head) => [head.head, head.decision ?? 'none']);
  const after = changed.map((head) => [head.head, choice]);
  const reasons = await record(after);
  remember({ undo: () => record(before, reasons), redo: () => record(after) });
  if (heads.length === 1 && heads[0] === page.heads[focus] && !$('view').open) move(focus + 1, false);
}

// What can be undone: each step knows the way back and forth.
export function remember(step) {
  done.push(step);
  undone = [];
  historyButtons();
}

// Records decisions, each with its reason; gives the reasons of those that they replace.
async function record(decisions, reasons = new Map()) {
  const had = new Map();
  for (const [because, some] of Map.groupBy(decisions, ([head]) => reasons.get(head) ?? '')) {
    const told = await ask('/api/decisions', { decisions: some, because });
    for (const [head, reason] of told.had) had.set(head, reason);
  }
  const now = new Map(decisions);
  const told = { keep: 'accepted', reject: 'by-hand', none: 'undecided' };
  for (const head of page.heads) {
    const choice = now.get(head.head);
    if (choice) [head.decision, head.verdict] = [choice === 'none' ? null : choice, told[choice]];
  }
  redraw((head) => now.has(head.head));
  say(`${decisions.length} ${decisions.length === 1 ? 'decision' : 'decisions'} recorded`);
  counts(await ask('/api/state'));
  later();
  return had;
}

export function later(after = IDLE) {
  clearTimeout(idle);
  idle = setTimeout(refresh, after);
}

// Verdicts by the decisions, while the page goes on; the heads shown stay where they are.
async function refresh() {
  let told;
  try {
    told = await ask('/api/verdicts', { shown: page.heads.map((head) => head.head) });
  } catch (error) {
    say(`verdicts wait: ${error.message}`, true);
    return later(AGAIN);
  }
  run(async () => {
    const now = new Map(told.heads.map((head) => [head.head, head]));
    // A head that is no more is one whose box went.
    for (const head of page.heads) Object.assign(head, now.get(head.head) ?? { verdict: 'deleted', decision: null });
    redraw(() => true);
    await renew();
    if (ofPictures()) await listPictures(location.search);
    await controls();
    if (bounds.length) await effect();
  });
}

// Draws some tiles anew, where they are.
function redraw(which) {
  const focused = $('tiles').contains(document.activeElement);
  for (const [at, head] of page.heads.entries()) if (which(head)) tiles()[at].replaceWith(tile(head, at));
  mark();
  if (focused) tiles()[focus]?.focus({ preventScroll: true });
}

function historyButtons() {
  [$('undo').disabled, $('redo').disabled] = [!done.length, !undone.length];
}

async function undo() {
  await settled();
  const last = done.at(-1);
  if (!last) return;
  await last.undo();
  undone.push(done.pop());
  historyButtons();
}

async function redo() {
  await settled();
  const next = undone.at(-1);
  if (!next) return;
  await next.redo();
  done.push(undone.pop());
  historyButtons();
}

$('undo').addEventListener('click', guarded(undo));
$('redo').addEventListener('click', guarded(redo));
$('keep').addEventListener('click', guarded(() => decide(targets(), 'keep')));
$('reject').addEventListener('click', guarded(() => decide(targets(), 'reject')));
$('forget').addEventListener('click', guarded(() => decide(targets(), 'none')));

// ---- one head

let viewed;

async function open(hash) {
  viewed = await ask(`/api/heads/${hash}`);
  const { head, picture } = viewed;
  const facts = (rows) => element('dl', {}, ...rows.map(([name, value]) => element('div', {}, element('dt', { textContent: name }), element('dd', {}, value))));
  const button = (text, action) => {
    const made = element('button', { type: 'button', textContent: text });
    made.addEventListener('click', guarded(action));
    return made;
  };
  const box = viewed.by_hand ? ', box made by hand' : '';
  const why = head.decision
    ? `${head.decision === 'keep' ? 'kept' : 'rejected'} by hand${viewed.because ? `: ${viewed.because}` : ''}`
    : head.verdict + (viewed.detail ? (head.verdict === 'duplicate' ? ` of ${viewed.detail.slice(0, 10)}` : `, ${viewed.detail}`) : '');
  const top = element('div', { className: 'top' },
    element('h2', { textContent: `${hash.slice(0, 10)}: ${why}${box}` }),
    button('Keep', () => settle('keep')), button('Reject', () => settle('reject')), button('Forget', () => settle('none')),
    ...(picture.imported ? [] : [button('Edit boxes', edit)]),
    Object.assign(button('Close', () => $('view').close()), { autofocus: true }));
  const left = element('div', {}, drawn(picture), ...viewed.posts.map(post));
  const filters = viewed.filters.map(({ reason, refused, asked }) => [reason, element('span', { className: refused ? 'no' : '', textContent: refused ?? (asked ? 'passes' : 'not asked: the box was made by hand') })]);
  const right = element('div', {},
    element('img', { className: 'large', src: `/heads/${hash}`, alt: 'the head' }),
    element('h3', { textContent: 'Filters' }), facts(filters),
    element('h3', { textContent: 'Measures' }), facts(viewed.measures.filter((measure) => measure.name !== 'date').map(({ name, value }) => [name, shown(value)])));
  const children = [top, element('p', { className: 'said', role: 'status', hidden: true }), element('div', { className: 'columns' }, left, right)];
  if (viewed.copies.length) {
    const copies = viewed.copies.map((copy) => {
      const choose = button(`${copy.head.slice(0, 10)} ${copy.verdict}`, () => open(copy.head));
      choose.prepend(element('img', { src: `/heads/${copy.head}`, alt: '', loading: 'lazy' }));
      choose.className = state(copy.verdict) === 'refused' ? 'tile bad' : 'tile';
      return element('li', {}, choose);
    });
    children.push(element('h3', { textContent: `Near-duplicates (${copies.length}): Keep on one makes it the one that stays` }), element('ul', { className: 'copies' }, ...copies));
  }
  $('view').replaceChildren(...children);
  if (!$('view').open) $('view').showModal();
  $('view').querySelector('[autofocus]').focus();
}
$('view').addEventListener('close', () => tiles()[focus]?.focus());

// Decides about the head in view.
async function settle(choice) {
  const { head } = viewed;
  await decide([page.heads.find((other) => other.head === head.head) ?? head], choice);
  await open(head.head);
}

// The boxes of its picture.
async function edit() {
  const { picture } = viewed;
  if (picture.imported) return;
  await openPicture(picture.image, picture.face);
  $('view').close();
}

async function leaf(by) {
  const to = focus + by;
  if (to < 0 || to >= page.heads.length) return;
  move(to, false);
  await open(page.heads[to].head);
}

function drawn(picture) {
  if (!picture.kept) return element('p', { textContent: 'The picture is not in the store: it was dropped after its heads were cut.' });
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `0 0 ${picture.width} ${picture.height}`);
  svg.setAttribute('preserveAspectRatio', 'xMinYMin meet');
  for (const face of picture.faces) {
    const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
    const [x0, y0, x1, y1] = face.box;
    for (const [name, value] of Object.entries({ x: x0, y: y0, width: x1 - x0, height: y1 - y0 })) rect.setAttribute(name, value);
    const isThis = picture.face && picture.face.every((edge, at) => Math.abs(edge - face.box[at]) < 0.5);
    rect.setAttribute('class', `${state(face.verdict)} ${face.by_hand ? 'hand' : ''} ${isThis ? 'this' : ''}`.trim());
    svg.append(rect);
  }
  const all = element('a', { href: `/?picture=${picture.image}`, textContent: 'all heads of this picture' });
  const framed = element('div', { className: 'picture' }, element('img', { src: `/pictures/${picture.image}`, alt: 'the picture that the head is of' }), svg);
  return element('div', {}, framed, picture.faces.length > 1 ? element('p', {}, all) : '');
}

export function post(of) {
  const link = /^https?:/.test(of.page_url ?? '')
    ? element('a', { href: of.page_url, target: '_blank', rel: 'noreferrer', textContent: `${of.source} ${of.post}` })
    : `${of.source} ${of.post}`;
  const day = of.created_at ? `, ${new Date(of.created_at * 1000).toISOString().slice(0, 10)}` : '';
  const likes = of.likes === null ? '' : `, ${number.format(of.likes)} likes`;
  return element('div', {},
    element('p', {}, link, `${of.artist ? ` by ${of.artist}` : ''}${day}, ${of.rating}${likes}`),
    element('p', { className: 'tags', textContent: of.tags.trim() }));
}

// A change that may take long, which says how far it is.
async function long(text, path, body) {
  say(text);
  let going = true;
  const look = setInterval(async () => {
    const { work, done, total } = await ask('/api/progress').catch(() => ({}));
    if (going && work) say(`${text} ${work}: ${number.format(done)} of ${number.format(total)} `, false, element('progress', { value: done, max: Math.max(1, total) }));
  }, LOOK);
  try {
    return await ask(path, body);
  } finally {
    going = false;
    clearInterval(look);
  }
}

// ---- thresholds

let bounds = [];
let settling;

const moved = () => bounds.filter(({ value, field }) => Number(field.value) !== value).map(({ name, field }) => `${name}=${field.value}`);

async function sliders() {
  ({ bounds } = await ask('/api/bounds'));
  $('sliders').replaceChildren(...bounds.map((bound) => {
    const shape = { min: bound.least, max: bound.most, step: bound.step, value: bound.value };
    const slider = element('input', { type: 'range', ariaLabel: `${bound.name}, slider`, ...shape });
    bound.field = element('input', { type: 'number', ariaLabel: bound.name, ...shape });
    const label = element('label', { title: bound.about }, element('span', { textContent: bound.name }), bound.field, histogram(bound.bins), slider);
    for (const [from, to] of [[slider, bound.field], [bound.field, slider]]) {
      from.addEventListener('input', () => {
        to.value = from.value;
        label.firstChild.classList.toggle('moved', Number(from.value) !== bound.value);
        clearTimeout(settling);
        settling = setTimeout(guarded(effect), 150);
      });
    }
    return label;
  }));
  await effect();
}

// Heads by their measure, the accepted ones below; the tallest column is full height.
function histogram(bins) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', `0 0 ${bins.length} 1`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.setAttribute('aria-hidden', 'true');
  const tallest = Math.max(1, ...bins.map(([accepted, refused]) => accepted + refused));
  for (const [at, [accepted, refused]] of bins.entries()) {
    let top = 1;
    for (const [heads, word] of [[accepted, 'accepted'], [refused, 'refused']]) {
      const height = heads / tallest;
      top -= height;
      const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
      for (const [name, value] of Object.entries({ x: at, y: top, width: 0.9, height, class: word })) rect.setAttribute(name, value);
      svg.append(rect);
    }
  }
  return svg;
}

const asBounds = (names) => new URLSearchParams(names.map((text) => ['bound', text]));

async function effect() {
  const names = moved();
  for (const id of ['save-bounds', 'reset-bounds']) $(id).disabled = !names.length;
  if (!names.length) return $('effect').replaceChildren('Nothing is moved.');
  const told = await ask(`/api/bounds?${asBounds(names)}`);
  const link = (change) => {
    const asked = asBounds(names);
    asked.set('change', change);
    const made = element('a', { href: `/?${asked}`, textContent: `${number.format(told[change])} ${change}` });
    made.addEventListener('click', (event) => {
      event.preventDefault();
      run(() => go(asked));
    });
    return made;
  };
  $('effect').replaceChildren(link('in'), ', ', link('out'));
}

$('bounds').addEventListener('toggle', guarded(async () => {
  if ($('bounds').open && !bounds.length) await sliders();
}));
$('reset-bounds').addEventListener('click', guarded(sliders));
$('save-bounds').addEventListener('click', guarded(async () => {
  const { saved } = await long('saving, and deciding all heads anew …', '/api/bounds', { bounds: moved() });
  await controls();
  await sliders();
  await go(new URLSearchParams());
  say(`${saved.join(', ')} saved`);
}));

// ---- versions

const ofPosts = () => [...new URLSearchParams(location.search)].filter(([name]) => !OWN.includes(name));

$('freeze').addEventListener('click', () => {
  const words = ofPosts().map(([name, value]) => `${name} ${value}`).join(', ') || 'all posts';
  $('name-about').textContent = `Freezes the accepted heads of the posts shown (${words}). Verdict, measures and versions do not narrow it.`;
  $('name').returnValue = '';
  $('name').showModal();
});
$('name').addEventListener('close', guarded(async () => {
  if ($('name').returnValue !== 'freeze') return;
  const made = await long('freezing …', '/api/versions', { name: $('version-name').value, filters: ofPosts() });
  await controls();
  say(`the version ${made.name} has ${number.format(made.heads)} heads`);
}));

$('reload').addEventListener('click', guarded(async () => {
  await ask('/api/reload', {});
  await controls();
  await load();
  if (bounds.length) await sliders();
}));

// ---- keys

$('filtering').addEventListener('click', () => $('layout').classList.toggle('filtering'));
$('help').addEventListener('click', () => $('keys').showModal());
$('keys-close').addEventListener('click', () => $('keys').close());

const KEYS = {
  ArrowRight: (event) => move(focus + 1, event.shiftKey),
  ArrowLeft: (event) => move(focus - 1, event.shiftKey),
  ArrowDown: (event) => move(focus + across(), event.shiftKey),
  ArrowUp: (event) => move(focus - across(), event.shiftKey),
  Home: (event) => move(0, event.shiftKey),
  End: (event) => move(page.heads.length - 1, event.shiftKey),
  ' ': () => page.heads.length && toggle(focus),
  Enter: () => page.heads.length && open(page.heads[focus].head),
  Escape: () => { chosen = new Set(); mark(); },
  a: () => { range(0, page.heads.length - 1); mark(); },
  k: () => decide(targets(), 'keep'),
  r: () => decide(targets(), 'reject'),
  f: () => decide(targets(), 'none'),
  z: undo,
  y: redo,
  n: () => turn(1),
  p: () => turn(-1),
  '?': () => $('keys').showModal(),
};

const IN_VIEW = {
  ArrowRight: () => leaf(1),
  ArrowLeft: () => leaf(-1),
  k: () => settle('keep'),
  r: () => settle('reject'),
  f: () => settle('none'),
  b: edit,
};

addEventListener('keydown', (event) => {
  const viewing = $('view').open || isOpen();
  const keys = isOpen() ? { ...IN_PICTURE, z: undo, y: redo } : viewing ? IN_VIEW : KEYS;
  const action = keys[event.key];
  if (!action || event.ctrlKey || event.metaKey || event.altKey) return;
  if (!viewing && document.querySelector('dialog[open]')) return;
  if (event.target.matches('input, select')) return;
  if (event.target.matches('button, summary, a') && [' ', 'Enter'].includes(event.key)) return;
  // A key held down decides once.
  if (event.repeat && 'krfzyacd'.includes(event.key)) return;
  event.preventDefault();
  run(() => action(event));
});

$('choose').addEventListener('click', () => {
  $('choose').ariaPressed = String($('choose').ariaPressed !== 'true');
});

run(async () => {
  await controls();
  fill();
  await load();
});
