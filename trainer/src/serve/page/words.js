// What the scripts say; all other words stand in studio.html.

const number = new Intl.NumberFormat('en');
export const count = (value) => number.format(value);

const minutes = (seconds) => `${count(Math.round(seconds / 60))} min`;
const ago = (seconds) => (seconds < 90 ? `${seconds} s` : seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`);

export const words = {
  source: ({ run, step, side }) => `${run}, step ${count(step)}, ${side} px`,
  newer: (step) => `Go on with the newer checkpoint (step ${count(step)})`,
  replaced: (step) => `Heads are drawn from step ${count(step)} now; addresses of the one before are not.`,
  off: 'off',
  drawing: 'drawing …',
  drawn: (heads) => `${count(heads)} heads; more are drawn as you scroll`,
  head: (address) => `head ${address.split('/').pop()}`,
  scored: ({ d, face }) => `D ${d.toFixed(2)}${face === null ? '' : `, face ${face.toFixed(2)}`}`,
  keep: 'Keep',
  letGo: 'Let go',
  choose: 'Choose',
  chosen: 'Chosen',
  copied: 'The address is in the clipboard.',
  kept: (heads, folder) => (heads ? `${count(heads)} kept in ${folder}` : `Nothing is kept yet: press f on a head. Favourites lie in ${folder}.`),
  elsewhere: 'of another checkpoint: its picture stays',
  mixAbout: (by) => (by === 'side' ? 'The first one, with what the second says to maps from that size on: the smaller the size, the more of the second.' : 'This generator takes its noise at the front alone: these lie on the way from the first to the second.'),
  mixed: (by, value) => (by === 'side' ? `from ${value} px on` : `${Math.round(100 * value)} % of the way`),
  tooFew: 'Choose two heads or more: Space, or Shift + click.',
  frames: (done, all) => (done < all ? `frame ${done} of ${all}` : `${all} frames`),
  saving: 'saving …',
  here: ({ run, side }) => `drawn in your browser by “${run}” (${side} px); nothing is sent anywhere`,
  thisBrowser: 'this browser',
  loading: (share) => `loading the generator: ${Math.floor(100 * share)} %`,
  noWorker: 'the page cannot start its worker: is every file of its folder on the server?',
  incomplete: (status) => `about.json cannot be had (${status}): copy the whole folder to the server`,
  tooLong: (longest) => `this head was edited too often: its address has more than ${longest} characters`,
  otherSource: (theirs, ours) => `this head is of ${theirs}, and this page draws from ${ours}`,
  cut: (by) => (by === 'face' ? 'Cut round the face that was found.' : 'No face was found: the middle of the picture is taken.'),
  waiting: (before) => `waiting: ${before} before it`,
  running: ({ done, steps, difference }) => `step ${done} of ${steps}${difference ? `; differs by ${difference[1].toFixed(1)} of 255 (at the start ${difference[0].toFixed(1)})` : ''}`,
  done: ({ difference }) => `done: differs by ${difference[1].toFixed(1)} of 255 (at the start ${difference[0].toFixed(1)})`,
  cancelled: 'cancelled',
  failed: 'failed: the terminal of the program says why',
  now: (run) => [
    `${run.run}: ${run.preset}, ${run.side} px, ${count(run.heads)} heads of ${run.manifest}`,
    run.images === null ? 'no step measured yet' : `${count(run.images)} images (epoch ${count(run.epoch)}) in ${minutes(run.seconds)}`,
    run.speed && `${run.speed.toFixed(1)} images a second`,
    run.age !== null && `last line ${ago(run.age)} ago`,
  ].filter(Boolean).join('; '),
  note: (images, text) => `at ${count(images)} images: ${text}`,
  epoch: (epoch) => count(epoch),
  grid: (run, epoch) => `${run}, epoch ${count(epoch)}`,
  images: 'images seen',
  charts: [
    ['Loss', [['loss_d', 'D'], ['loss_g', 'G']]],
    ['Discriminator: 1 is real', [['d_real', 'real'], ['d_fake', 'drawn']]],
    ['Spread of a batch', [['spread', 'drawn'], ['spread_real', 'real']]],
    ['Learning rate', [['rate_d', 'D'], ['rate_g', 'G']]],
  ],
  scores: [['KID × 1000: lower is better', 'kid'], ['Faces found', 'faces']],
};
