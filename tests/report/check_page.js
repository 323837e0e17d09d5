// Opens pages in Chromium, wide and narrow, light and dark, and prints what is wrong with them as
// JSON, a list of sentences: errors on the console, requests to elsewhere, a page wider than the
// screen, figures that are not drawn, players that do not play, commands that are not copied, tables
// that are not sorted, serious findings of axe-core; on paper, what is not on white, pictures that are not there yet, and tables that are cut off.
//
//   node check_page.js BROWSER PAGE...
//
// playwright-core and axe-core are looked for where NODE_PATH says and where npm installs.
"use strict";
const { pathToFileURL } = require("node:url");
const { chromium } = require("playwright-core");
const axe = require.resolve("axe-core/axe.min.js");

const FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--use-angle=swiftshader"];
const PLAYERS = 3; // tried out on each page

async function main(browserPath, files) {
  const browser = await chromium.launch({ executablePath: browserPath, args: FLAGS });
  const wrong = [];
  for (const file of files) {
    for (const [width, colorScheme] of [[1400, "light"], [1400, "dark"], [400, "light"], [400, "dark"]]) {
      const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
      const say = (what) => wrong.push(`${file} at ${width} pixels, ${colorScheme}: ${what}`);
      page.on("console", (line) => line.type() === "error" && say(`console: ${line.text()}`));
      page.on("pageerror", (error) => say(`error: ${error.message}`));
      page.on("request", (request) => /^(http|ws)/.test(request.url()) && say(`asks for ${request.url()}`));
      await page.goto(pathToFileURL(file).href);
      for (const what of await inspect(page)) say(what);
      if (width === 1400 && colorScheme === "light") for (const what of await play(page)) say(what);
      for (const what of await copy(page)) say(what);
      for (const what of await sort(page)) say(what);
      for (const what of await audit(page)) say(what);
      if (width === 1400 && colorScheme === "dark") for (const what of await print(page, file)) say(what);
      await page.close();
    }
  }
  await browser.close();
  console.log(JSON.stringify(wrong));
}

// Layout, figures, headings.
const inspect = (page) => page.evaluate(async () => {
  await drawn;
  const wrong = [];
  const wide = document.documentElement.scrollWidth;
  if (wide > window.innerWidth) wrong.push(`the page is ${wide} pixels wide`);
  for (const plot of document.querySelectorAll(".plot")) {
    if (!plot.querySelector("svg.main-svg")) wrong.push(`figure ${plot.dataset.key} is not drawn`);
    const ink = plot._fullLayout?.font.color;
    const own = plot.layout?.font?.color; // of a figure that is on white whatever the page is
    if (ink !== (own ?? look().layout.font.color)) wrong.push(`figure ${plot.dataset.key} has ink ${ink}`);
  }
  const words = [...document.querySelectorAll(".badge")].map((badge) => badge.textContent);
  for (const plot of document.querySelectorAll(".plot")) {
    const bare = words.filter((word) => !captionOf(plot).includes(word));
    if (bare.length) wrong.push(`figure ${plot.dataset.key} is saved without the word ${bare}`);
  }
  for (const button of document.querySelectorAll(".modebar-btn")) {
    const name = button.getAttribute("data-title");
    if (/share|cloud/i.test(name)) wrong.push(`the button ${name} sends a figure elsewhere`);
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("there is not one h1");
  return wrong;
});

// Players have a duration and get on.
const play = (page) => page.evaluate(async (most) => {
  const wrong = [];
  const players = [...document.querySelectorAll("audio[src]")].filter((player) => !player.hidden);
  for (const player of players.slice(0, most)) {
    player.muted = true;
    const name = player.getAttribute("aria-label");
    try {
      await player.play();
      await new Promise((done) => setTimeout(done, 300));
      if (!(player.duration > 0) || !(player.currentTime > 0)) wrong.push(`${name} does not get on`);
    } catch (error) {
      wrong.push(`${name} does not play: ${error.message}`);
    }
    player.pause();
  }
  return wrong;
}, PLAYERS);

// The button of each command answers to the keyboard and says so, with a clipboard and without; what
// it has copied is what is pasted.
async function copy(page) {
  const wrong = [];
  const pasted = await page.evaluateHandle(() => document.body.appendChild(document.createElement("textarea")));
  for (const command of await page.locator(".command").all()) {
    const text = await command.locator("code").textContent();
    for (const without of [false, true]) {
      if (without) await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true }));
      const how = without ? "without a clipboard" : "with one";
      await command.getByRole("button", { name: "Copy the command" }).press("Enter");
      await page.waitForTimeout(100);
      const said = await command.getByRole("status").textContent();
      if (said !== "copied") wrong.push(`a command's button says "${said}" ${how}`);
      await pasted.evaluate((area) => { area.value = ""; area.focus(); });
      await page.keyboard.press("Control+V");
      const got = await pasted.evaluate((area) => area.value);
      if (got !== text) wrong.push(`of the command ${text} comes ${got} ${how}`);
    }
  }
  await pasted.evaluate((area) => area.remove());
  return wrong;
}

// A heading that is pressed puts its column in order, and a second time in the other one.
const sort = (page) => page.evaluate(() => {
  const wrong = [];
  for (const table of document.querySelectorAll("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((heading, place) => {
      const column = () => [...table.tBodies[0].rows].map((row) => row.cells[place].textContent);
      const numbers = () => column().map(amount).filter((number) => !Number.isNaN(number));
      heading.querySelector("button").click();
      const up = numbers();
      if (heading.getAttribute("aria-sort") !== "ascending") wrong.push(`${heading.textContent} does not say that it sorts`);
      if (up.some((number, at) => number < up[at - 1])) wrong.push(`${heading.textContent} is not in order`);
      heading.querySelector("button").click();
      const down = numbers();
      if (down.some((number, at) => number > down[at - 1])) wrong.push(`${heading.textContent} is not in reverse order`);
      const filled = column().map((text) => text !== "");
      if (filled.includes(false) && filled.lastIndexOf(true) > filled.indexOf(false)) wrong.push(`in ${heading.textContent} empty cells are not last`);
    });
  }
  return wrong;
});

// A page that nobody has scrolled yet, on paper.
async function print(page, file) {
  await page.goto(pathToFileURL(file).href);
  await page.evaluate(() => drawn);
  await page.emulateMedia({ media: "print" });
  return page.evaluate(async () => {
    window.dispatchEvent(new Event("beforeprint"));
    const wrong = [];
    const paper = getComputedStyle(document.body).backgroundColor;
    if (paper !== "rgb(255, 255, 255)") wrong.push(`on paper the page is ${paper}`);
    for (const plot of document.querySelectorAll(".plot")) {
      const ink = plot._fullLayout.font.color;
      if (ink !== (plot.layout.font?.color ?? looks.light.layout.font.color)) wrong.push(`on paper figure ${plot.dataset.key} has ink ${ink}`);
    }
    const images = [...document.images];
    await Promise.race([Promise.all(images.map((image) => image.complete || image.decode())), new Promise((done) => setTimeout(done, 5000))]);
    const gone = images.filter((image) => !image.naturalWidth);
    if (gone.length) wrong.push(`on paper ${gone.length} pictures are missing`);
    for (const part of document.querySelectorAll(".scroll.long")) {
      if (part.scrollHeight > part.clientHeight + 1) wrong.push("on paper a long table is cut off");
    }
    return wrong;
  });
}

async function audit(page) {
  await page.addScriptTag({ path: axe });
  const found = await page.evaluate(() => {
    document.querySelectorAll("details").forEach((details) => { details.open = true; });
    return window.axe.run();
  });
  return found.violations
    .filter((violation) => ["serious", "critical"].includes(violation.impact))
    .map((violation) => `${violation.id}: ${violation.help}: ${violation.nodes[0].html.slice(0, 200)}`);
}

main(process.argv[2], process.argv.slice(3)).catch((error) => {
  console.error(error);
  process.exit(1);
});
