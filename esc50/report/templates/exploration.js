"use strict";
// The map: coloured by a choice, and a chosen clip is named, marked and heard.
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
  if (play) heard.play().catch(() => {}); // a browser may want a click first; the player is there
  mark(clip);
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
});
chooser.addEventListener("change", () => chooser.value && choose(Number(chooser.value), true));
// A legend of fifty classes would leave no room for the map on a phone.
function colour() {
  const shown = map.data.map((trace) => !trace.customdata || trace.meta === colouring.value);
  const groups = map.data.filter((trace) => trace.meta === colouring.value).length;
  Plotly.update(map, { visible: shown }, { showlegend: groups <= (window.innerWidth < 700 ? 12 : 60) });
}

colouring.addEventListener("change", colour);
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
