// What the scripts of both pages use: saying what happened, asking the program, making elements.

// The page's key, which changes are asked with, under the page's name.
const key = document.querySelector('meta[name$="-key"]');

export const $ = (id) => document.getElementById(id);

export function say(text, bad = false, ...more) {
  for (const place of document.querySelectorAll('.said')) {
    place.hidden = !text;
    place.replaceChildren(text, ...more.map((node) => node.cloneNode(true)));
    place.classList.toggle('bad', bad);
  }
}

// Bytes go as they are, everything else as JSON; without a body nothing is changed.
export async function ask(path, body) {
  const raw = body instanceof Blob || body instanceof Uint8Array;
  const options = body !== undefined && {
    method: 'POST',
    headers: { 'content-type': raw ? 'application/octet-stream' : 'application/json', [`x-${key.name}`]: key.content },
    body: raw ? body : JSON.stringify(body),
  };
  let answer;
  try {
    answer = await fetch(path, options || {});
  } catch {
    throw new Error('the program does not answer: is it still running?');
  }
  const told = await answer.json().catch(() => ({ error: `the program answered ${answer.status}` }));
  if (!answer.ok) throw new Error(told.error);
  return told;
}

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
