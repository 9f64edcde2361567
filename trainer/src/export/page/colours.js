// Hair and eyes in the colours asked for, as `trainer sample --hair` finds them: the head is drawn, measured, its
// noise moved on, some rounds long. The face is taken to be where it is in most heads; no detector looks for it.

// Regions in shares of the face's box, and bounds in CIE Lab, are those of trainer/src/steer/looks.rs and
// trainer/src/eval/faces.rs.
const ABOVE = [0.2, 0, 0.8, 0.22];
const SKIN = [0.35, 0.62, 0.65, 0.78];
const EYES = [0.26, 0.74].map((x) => [x - 0.13, 0.36, x + 0.13, 0.64]);
const BESIDE = [[0, 0.6, 0.14, 1.2], [0.86, 0.6, 1, 1.2]];
const [UNLIKE_SKIN, LIKE_HAIR, DARK, LIGHT, FEWEST] = [14, 25, 15, 88, 4];

const linear = (byte) => (byte / 255 <= 0.04045 ? byte / 255 / 12.92 : ((byte / 255 + 0.055) / 1.055) ** 2.4);
const curve = (value) => (value > 0.008856 ? Math.cbrt(value) : 7.787 * value + 16 / 116);

function lab(red, green, blue) {
  const [r, g, b] = [linear(red), linear(green), linear(blue)];
  const x = curve((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
  const y = curve(0.2126 * r + 0.7152 * g + 0.0722 * b);
  const z = curve((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const distance = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
const chroma = ([, a, b]) => Math.hypot(a, b);
const UNKNOWN = [NaN, NaN, NaN];

function median(pixels) {
  if (!pixels.length) return null;
  return [0, 1, 2].map((channel) => pixels.map((pixel) => pixel[channel]).sort((a, b) => a - b)[pixels.length >> 1]);
}

function region({ width, pixels }, [left, top, right, bottom], [x0, y0, x1, y1]) {
  const within = (share, start, end) => Math.min(width, Math.max(0, Math.round(start + share * (end - start))));
  const found = [];
  for (let y = within(y0, top, bottom); y < within(y1, top, bottom); y += 1) {
    for (let x = within(x0, left, right); x < within(x1, left, right); x += 1) found.push(pixels[y * width + x]);
  }
  return found;
}

// The numbers of a head: hair, left eye, right eye, lightness, length of the hair; NaN where one cannot be told.
function measured({ data, width }, face) {
  const pixels = Array.from({ length: width * width }, (_, at) => lab(data[4 * at], data[4 * at + 1], data[4 * at + 2]));
  const picture = { width, pixels };
  const skin = median(region(picture, face, SKIN));
  const isSkin = (pixel) => skin && distance(pixel, skin) <= UNLIKE_SKIN;
  const above = region(picture, face, ABOVE);
  const unlike = above.filter((pixel) => !isSkin(pixel));
  const hair = 4 * unlike.length > above.length ? median(unlike) : null;
  const eyes = EYES.map((place) => {
    const iris = region(picture, face, place).filter((pixel) => pixel[0] >= DARK && pixel[0] < LIGHT && (!skin || !isSkin(pixel)));
    if (!skin || iris.length < FEWEST) return null;
    // Lashes and shades are among them: the most colourful third counts.
    return median(iris.sort((a, b) => chroma(b) - chroma(a)).slice(0, Math.ceil(iris.length / 3)));
  });
  const beside = BESIDE.flatMap((place) => region(picture, face, place));
  const length = hair && beside.length ? beside.filter((pixel) => distance(pixel, hair) < LIKE_HAIR).length / beside.length : NaN;
  const lightness = pixels.reduce((sum, [l]) => sum + l, 0) / pixels.length;
  return [hair, ...eyes].flatMap((colour) => colour ?? UNKNOWN).concat(lightness, length);
}

// Rows of noise moved until the head that `draw` makes of them (ImageData) has the colours.
export async function recoloured(rows, asked, settings, draw) {
  const { face, deviations, moved, rounds, share, farthest } = settings;
  const { weights, inverse } = settings.asked[`${asked.h ? 'h' : ''}${asked.e ? 'e' : ''}`];
  const wanted = [asked.h, asked.e, asked.e].flatMap((rgb) => (rgb ? lab(...rgb) : UNKNOWN)).concat(NaN, NaN);
  const start = measured(await draw(rows), face);
  // What nobody asked for is to stay; what cannot be told asks for nothing.
  const errors = (looks) => looks.map((value, column) => {
    const error = Number.isNaN(wanted[column]) ? (start[column] - value) || 0 : wanted[column] - value;
    return error / deviations[column];
  });
  const fault = (all) => {
    const length = Math.hypot(...all.map((error, column) => error * weights[column]));
    return Number.isNaN(length) ? Infinity : length;
  };
  let error = errors(start);
  let best = { rows, fault: fault(error) };
  const change = new Float64Array(rows[0].length);
  for (let round = 0; round < rounds; round += 1) {
    for (let at = 0; at < change.length; at += 1) {
      for (let column = 0; column < error.length; column += 1) {
        change[at] += share * (error[column] || 0) * inverse[column * change.length + at];
      }
    }
    const length = Math.hypot(...change);
    if (length > farthest) change.forEach((value, at) => { change[at] = (value * farthest) / length; });
    const tried = rows.map((row, place) => row.map((value, at) => value + change[at] * moved[place]));
    error = errors(measured(await draw(tried), face));
    if (fault(error) < best.fault) best = { rows: tried, fault: fault(error) };
  }
  return best.rows;
}
