"use strict";
// The map: coloured by a choice, searched, and a chosen clip is named, marked and heard.
const { classes, clips, sounds } = JSON.parse(document.getElementById("cards").textContent);
const map = document.querySelector('.plot[data-key="map"]');
const card = document.getElementById("card");
const heard = document.getElementById("heard");
const chooser = document.getElementById("clip");
const colouring = document.getElementById("colouring");

function line(kind, text) {
  const element = document.createElement(kind);
  element.textContent = text;
  return element;
}

// In the page itself, with an example, or where the clip lies on this disk.
function source(clip) {
  const example = document.querySelector(`audio[data-clip="${clip}"]`);
  return example ? example.src : sounds[clip] || clips[clip][3];
}

function choose(clip, play) {
  const [name, target, words] = clips[clip];
  card.replaceChildren(line("strong", `${classes[target]}: ${name}`), line("span", words));
  chooser.value = String(clip);
  heard.hidden = false;
  heard.src = source(clip);
  heard.dataset.clip = clip;
  if (play) heard.play().catch(() => {}); // a browser may want a click first; the player is there
  drawn.then(() => mark(clip));
}

// An open ring around the chosen point, in a trace of its own at the end.
function mark(clip) {
  for (const trace of map.data.filter((trace) => trace.customdata && trace.visible !== false)) {
    const at = trace.customdata.indexOf(clip);
    if (at >= 0) Plotly.restyle(map, { x: [[trace.x[at]]], y: [[trace.y[at]]] }, [map.data.length - 1]);
  }
}

heard.addEventListener("error", () => {
  heard.hidden = true;
  card.append(line("em", "Its sound is not in this page, and not where the page looks for it."));
  const [name] = clips[heard.dataset.clip];
  const named = [...document.querySelectorAll(".name-button")].filter((button) => button.textContent === name);
  named.forEach((button) => button.replaceWith(`${name} (its sound is not at hand)`));
});
chooser.addEventListener("change", () => chooser.value && choose(Number(chooser.value), true));

// What is looked for stays in the list and on the map, the rest of it pales.
const find = document.getElementById("find");
const searched = clips.map(([name, target]) => `${name} ${classes[target]}`.toLowerCase());
function narrow() {
  const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (clip) => words.every((word) => searched[clip].includes(word));
  for (const option of chooser.querySelectorAll("option")) option.hidden = option.value !== "" && !fits(option.value);
  for (const group of chooser.children) group.hidden = group.matches("optgroup") && !group.querySelector("option:not([hidden])");
  const count = searched.filter((_, clip) => fits(clip)).length;
  document.getElementById("found").value = words.length ? `${count} of ${clips.length} clips` : "";
  const traces = map.data.flatMap((trace, number) => trace.customdata ? [number] : []);
  const points = traces.map((number) => words.length ? map.data[number].customdata.flatMap((clip, at) => fits(clip) ? [at] : []) : null);
  Plotly.restyle(map, { selectedpoints: points }, traces);
}
let waiting;
find.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => drawn.then(narrow), 200); // not at each letter
});

// The names of clips in lists are buttons: a click plays one, another stops it.
const byName = new Map(clips.map(([name], clip) => [name, clip]));
function nameButton(name) {
  const clip = byName.get(name);
  if (clip === undefined) return name;
  const button = Object.assign(line("button", name), { type: "button", className: "name-button", title: "Hear it" });
  button.addEventListener("click", () => {
    if (heard.dataset.clip === String(clip) && !heard.paused) heard.pause();
    else choose(clip, true);
  });
  return button;
}
for (const cell of document.querySelectorAll(".heard, .hearable tbody th")) {
  const names = byName.has(cell.textContent) ? [cell.textContent] : cell.textContent.split(", ");
  cell.replaceChildren(...names.flatMap((name, at) => at ? [", ", nameButton(name)] : [nameButton(name)]));
}

// A legend of fifty classes would leave no room for the map on a phone.
function colour() {
  const shown = map.data.map((trace) => !trace.customdata || trace.meta === colouring.value);
  const groups = map.data.filter((trace) => trace.meta === colouring.value).length;
  Plotly.update(map, { visible: shown }, { showlegend: groups <= (window.innerWidth < 700 ? 12 : 60) });
}

colouring.addEventListener("change", () => drawn.then(colour));
drawn.then(() => {
  Plotly.addTraces(map, {
    x: [], y: [], mode: "markers", hoverinfo: "skip", showlegend: false,
    marker: { size: 18, symbol: "circle-open", line: { width: 3 }, color: "#d9601a" },
  });
  colour();
  map.on("plotly_click", (event) => {
    const clip = event.points[0].customdata;
    if (clip !== undefined) choose(Number(clip), true);
  });
});
