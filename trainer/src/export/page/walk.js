// A walk through the chosen heads, on a canvas: its frames are shown as they are drawn, then again and again.

import { $, guarded } from './base.js';
import { words } from './words.js';
import * as source from './source.js';

const STANDS = 60; // ms of a frame

let walks = 0; // begun so far: an earlier one ends
let walked = null;

export async function walk(addresses, steps) {
  walks += 1;
  const mine = walks;
  const frames = [];
  walked = { addresses, frames };
  $('walk-save').disabled = true;
  play(mine, frames);
  const stations = source.stations(addresses, steps);
  for (const station of stations) {
    const bitmap = await source.frame(station, $('walking'));
    if (mine !== walks) return;
    frames.push(bitmap);
    $('walk-about').textContent = words.frames(frames.length, stations.length);
  }
  $('walk-save').disabled = false;
}

function play(mine, frames) {
  const context = $('walking').getContext('2d');
  const begun = performance.now();
  const show = (now) => {
    if (mine !== walks) return;
    const { width, height } = context.canvas;
    if (frames.length) context.drawImage(frames[Math.floor(Math.max(0, now - begun) / STANDS) % frames.length], 0, 0, width, height);
    requestAnimationFrame(show);
  };
  requestAnimationFrame(show);
}

export const still = () => { walks += 1; };

$('walk-save').addEventListener('click', guarded(async () => {
  const { addresses, frames } = walked;
  $('walk-about').textContent = words.saving;
  const link = Object.assign(document.createElement('a'), { href: await source.animation(addresses, frames, STANDS), download: 'walk.png' });
  link.click();
  $('walk-about').textContent = words.frames(frames.length, frames.length);
}));
