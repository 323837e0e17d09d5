"use strict";
// Draws the page's figures in the reader's colour scheme, and anew when that changes; on paper they
// are on white.
const looks = JSON.parse(document.getElementById("plotly-templates").textContent);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const look = () => looks[dark.matches ? "dark" : "light"];

// A figure's caption, with the words at the head of the page that must stand beside its numbers.
function captionOf(plot) {
  const caption = document.getElementById(`title-${plot.dataset.key}`).textContent;
  const words = [...document.querySelectorAll(".badge")].map((badge) => badge.textContent);
  const others = words.filter((word) => !caption.includes(word)).join(", ");
  return others ? `${caption} (${others})` : caption;
}

// For papers: on white whatever the screen is, four times as fine, and with the caption as a title,
// so that what must be said of the numbers goes with them.
function download(format) {
  return (plot) => {
    const text = captionOf(plot).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
    const title = { text, yref: "container", y: 0.97, yanchor: "top" };
    const margin = { ...plot.layout.margin, t: 96 };
    const layout = { ...plot.layout, template: looks.light, title, margin };
    const size = { width: plot.offsetWidth, height: plot.offsetHeight, scale: format === "png" ? 4 : 1 };
    Plotly.downloadImage({ data: plot.data, layout }, { format, filename: plot.dataset.key, ...size });
  };
}

const settings = () => ({
  responsive: true,
  displaylogo: false,
  showSendToCloud: false, // nothing leaves the reader's machine
  modeBarButtonsToRemove: ["toImage", "select2d", "lasso2d", "autoScale2d"],
  modeBarButtonsToAdd: ["png", "svg"].map((format) => ({
    name: `Download as ${format.toUpperCase()}`,
    icon: format === "png" ? Plotly.Icons.camera : Plotly.Icons.disk,
    click: download(format),
  })),
});

// The library that draws is packed in the page: unpacked it is more than all else of it together.
async function unpack() {
  const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const script = document.createElement("script");
  script.textContent = await new Response(stream).text();
  document.head.append(script);
}

async function draw(plot) {
  const { data, layout } = JSON.parse(document.getElementById(`data-${plot.dataset.key}`).textContent);
  await Plotly.newPlot(plot, data, { ...layout, template: look() }, settings());
  // Caption, summary and table say in words what the drawing shows.
  plot.querySelectorAll("svg.main-svg").forEach((svg) => svg.setAttribute("aria-hidden", "true"));
}

const plots = [...document.querySelectorAll(".plot")];
// One at a time, with a pause in which the page can be read and scrolled.
const pause = () => new Promise((done) => setTimeout(done));
const library = plots.length ? unpack() : Promise.resolve();
const drawn = plots.reduce((before, plot) => before.then(pause).then(() => draw(plot)), library);
library.catch(() => plots.forEach((plot) => {
  plot.style.height = "auto";
  plot.textContent = "This browser is too old to draw the figure.";
}));
const paint = (template) => plots.filter((plot) => plot.data).forEach((plot) => Plotly.relayout(plot, { template }));
dark.addEventListener("change", () => drawn.then(() => paint(look())));
window.addEventListener("beforeprint", () => paint(looks.light));
window.addEventListener("afterprint", () => paint(look()));

// The tab key stops at a table only where there is something to scroll.
const scrolls = new ResizeObserver((entries) => entries.forEach(({ target }) => {
  const fits = target.scrollWidth <= target.clientWidth && target.scrollHeight <= target.clientHeight;
  if (fits) target.removeAttribute("tabindex");
  else target.tabIndex = 0;
}));
document.querySelectorAll(".scroll").forEach((region) => scrolls.observe(region));

// One sound at a time.
document.addEventListener("play", ({ target }) => document.querySelectorAll("audio").forEach((other) => {
  if (other !== target) other.pause();
}), true);

// Tables that are sorted by a heading, and the other way by a second press; what has no number comes last.
const SECONDS = { s: 1, min: 60, h: 3600 }; // times are in the unit that people would use
const amount = (text) => parseFloat(text) * (SECONDS[text.split(" ")[1]] ?? 1);
function sortBy(table, heading) {
  const up = heading.getAttribute("aria-sort") !== "ascending";
  const body = table.tBodies[0];
  const cell = (row) => row.cells[heading.cellIndex].textContent.trim();
  const empty = (text) => text === "" || text === "-";
  const order = (a, b) => {
    const [one, other] = up ? [cell(a), cell(b)] : [cell(b), cell(a)];
    const last = empty(cell(a)) - empty(cell(b));
    const apart = amount(one) - amount(other);
    return last || apart || (apart === 0 ? 0 : one.localeCompare(other, undefined, { numeric: true }));
  };
  body.append(...[...body.rows].sort(order));
  for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", up ? "ascending" : "descending");
}
for (const table of document.querySelectorAll("table.sortable")) {
  for (const heading of table.tHead.rows[0].cells) {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "sorter" });
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sortBy(table, heading));
    heading.append(button);
  }
}
