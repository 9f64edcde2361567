// What the page cannot do without, said before the scripts that need it: browsers load those from a server alone.

const lacking = (() => {
  if (location.protocol === 'file:') return 'This page draws with files that browsers load from a web server alone. In its folder, start `python3 -m http.server` and open http://localhost:8000';
  if (typeof WebAssembly !== 'object') return 'This page draws with WebAssembly, which this browser lacks or has switched off.';
  if (typeof OffscreenCanvas !== 'function') return 'This page draws with OffscreenCanvas, which this browser lacks: a newer one has it.';
  return null;
})();

if (lacking) {
  const said = document.querySelector('.said');
  said.textContent = lacking;
  said.classList.add('bad');
  said.hidden = false;
  document.getElementById('source').textContent = '';
  document.getElementById('loading').hidden = true;
  document.body.dataset.lacking = '';
}
