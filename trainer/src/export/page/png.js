// PNG files, chunk by chunk: one that says which heads it shows, as the studio's do, and an animation of several.

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

const crc = (bytes) => ~bytes.reduce((sum, byte) => CRC[(sum ^ byte) & 255] ^ (sum >>> 8), ~0) >>> 0;
const text = (words) => new TextEncoder().encode(words);

function chunk(kind, ...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  bytes.set(text(kind), 4);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  view.setUint32(at, crc(bytes.subarray(4, at)));
  return bytes;
}

// Kinds and contents of a file's chunks.
async function chunks(blob) {
  const buffer = await blob.arrayBuffer();
  const view = new DataView(buffer);
  const found = [];
  for (let at = 8; at < buffer.byteLength;) {
    const length = view.getUint32(at);
    found.push([new TextDecoder().decode(new Uint8Array(buffer, at + 4, 4)), new Uint8Array(buffer, at + 8, length)]);
    at += length + 12;
  }
  return found;
}

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);
const file = (parts) => new Blob([SIGNATURE, ...parts, chunk('IEND')], { type: 'image/png' });
// An iTXt chunk: the keyword, no compression, no language.
const label = (addresses) => chunk('iTXt', text('head\0\0\0\0\0'), text(addresses.join('\n')));
const kept = (found, kinds) => found.filter(([kind]) => kinds.includes(kind)).map(([kind, bytes]) => chunk(kind, bytes));

export async function labelled(blob, addresses) {
  const found = await chunks(blob);
  return file([...kept(found, ['IHDR']), label(addresses), ...kept(found, ['IDAT'])]);
}

// Equal pictures as frames of so many milliseconds, without end.
export async function animated(blobs, stands, addresses) {
  let order = 0;
  const numbers = (bytes, ...values) => {
    const view = new DataView(new ArrayBuffer(bytes));
    values.forEach((value, place) => view.setUint32(4 * place, value));
    return view;
  };
  const parts = [];
  for (const blob of blobs) {
    const found = await chunks(blob);
    const header = found.find(([kind]) => kind === 'IHDR')[1];
    if (!parts.length) parts.push(chunk('IHDR', header), label(addresses), chunk('acTL', new Uint8Array(numbers(8, blobs.length, 0).buffer)));
    const control = numbers(26, order);
    new Uint8Array(control.buffer).set(header.subarray(0, 8), 4);
    control.setUint16(20, stands);
    control.setUint16(22, 1000);
    const isFirst = order === 0;
    order += 1;
    parts.push(chunk('fcTL', new Uint8Array(control.buffer)));
    for (const [kind, bytes] of found) {
      if (kind !== 'IDAT') continue;
      if (isFirst) parts.push(chunk('IDAT', bytes));
      else {
        parts.push(chunk('fdAT', new Uint8Array(numbers(4, order).buffer), bytes));
        order += 1;
      }
    }
  }
  return file(parts);
}
