'use strict';
const at = id => document.getElementById(id);
const data = JSON.parse(at('data').textContent);
const HEIGHT = 150;

// The charts of one source, one year, or all.
function redraw() {
  const source = at('source').value, year = at('year').value;
  for (const svg of document.querySelectorAll('svg[data-chart]')) {
    const chart = data[svg.dataset.chart];
    const sum = chart.ranges.map(() => [0, 0]);
    for (const [origin, bins] of Object.entries(chart.bins)) {
      const cut = origin.lastIndexOf('|');
      if ((source && origin.slice(0, cut) !== source) || (year && origin.slice(cut + 1) !== year)) continue;
      bins.forEach((bin, index) => { sum[index][0] += bin[0]; sum[index][1] += bin[1]; });
    }
    const most = Math.max(1, ...sum.map(bin => bin[0] + bin[1]));
    svg.querySelectorAll('g').forEach((group, index) => {
      const [accepted, refused] = sum[index];
      const low = HEIGHT * accepted / most, high = HEIGHT * refused / most;
      const set = (kind, y, height) => {
        const bar = group.querySelector('rect.' + kind);
        bar.setAttribute('y', y); bar.setAttribute('height', height);
      };
      set('accepted', HEIGHT - low, low);
      set('refused', HEIGHT - low - high, high);
      group.querySelector('title').textContent = `${chart.ranges[index]}: ${accepted} accepted, ${refused} refused`;
    });
  }
}
at('source').addEventListener('change', redraw);
at('year').addEventListener('change', redraw);

// A head: where it is from, and the command that decides about it by hand.
let current = null;
const picked = new Map();
const verb = tile => tile.classList.contains('good') ? 'reject' : 'keep';

function copy(text, button) {
  const said = button.textContent;
  const done = word => { button.textContent = word; setTimeout(() => { button.textContent = said; }, 1200); };
  const old = () => {
    const field = document.createElement('textarea');
    field.value = text;
    (at('about').open ? at('about') : document.body).append(field);
    field.select();
    done(document.execCommand('copy') ? 'copied' : 'select and copy it yourself');
    field.remove();
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).then(() => done('copied'), old); else old();
}

function fact(list, name, value, link) {
  if (!value) return;
  const row = document.createElement('div'), term = document.createElement('dt'), what = document.createElement('dd');
  term.textContent = name;
  if (link) {
    const anchor = document.createElement('a');
    anchor.href = link; anchor.rel = 'noreferrer noopener'; anchor.target = '_blank'; anchor.textContent = value;
    what.append(anchor);
  } else what.textContent = value;
  row.append(term, what);
  list.append(row);
}

function show(tile) {
  current = tile;
  const about = tile.dataset, facts = at('about-facts');
  at('about-picture').src = tile.querySelector('img').src;
  at('about-id').textContent = about.id;
  facts.replaceChildren();
  fact(facts, 'verdict', about.verdict);
  fact(facts, 'because', about.detail);
  fact(facts, 'score', about.score);
  fact(facts, 'side', about.side + ' px');
  fact(facts, 'artist', about.artist);
  fact(facts, 'source', `${about.source} ${about.post}`.trim(), about.page);
  at('pick').textContent = picked.has(about.id) ? 'take off the list' : `put on the list to ${verb(tile)}`;
  at('about').showModal();
}

function list() {
  const of = word => [...picked].filter(entry => entry[1] === word).map(entry => entry[0]);
  const lines = ['reject', 'keep'].filter(word => of(word).length).map(word => `pipeline ${word} ${of(word).join(' ')}`);
  at('picked').hidden = !picked.size;
  at('count').textContent = `${picked.size} on the list:`;
  at('command').textContent = lines.join('; ');
  for (const tile of document.querySelectorAll('.tile')) tile.setAttribute('aria-pressed', picked.has(tile.dataset.id));
}

document.querySelector('main').addEventListener('click', event => {
  const tile = event.target.closest('.tile');
  if (tile) show(tile);
});
at('pick').addEventListener('click', () => {
  const id = current.dataset.id;
  if (!picked.delete(id)) picked.set(id, verb(current));
  list();
  at('about').close();
});
at('copy-id').addEventListener('click', () => copy(current.dataset.id, at('copy-id')));
at('close').addEventListener('click', () => at('about').close());
at('about').addEventListener('click', event => { if (event.target === at('about')) at('about').close(); });
at('copy').addEventListener('click', () => copy(at('command').textContent, at('copy')));
at('clear').addEventListener('click', () => { picked.clear(); list(); });
