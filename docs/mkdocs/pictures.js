// Takes the pictures of docs/images/ from pages as they are now:
//
//   python train.py +experiment=first_run
//   python scripts/explore.py data=esc10
//   NODE_PATH=$(npm root --global) node docs/mkdocs/pictures.js chromium \
//       outputs/first_run-*/seed42/fold1/report.html outputs/explore/esc10/index.html
//
// It needs playwright-core: npm install --global playwright-core.
"use strict";
const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { execFileSync } = require("node:child_process");
const { chromium } = require("playwright-core");

const IMAGES = path.join(__dirname, "..", "images");
const [WIDTH, HEIGHT] = [780, 860]; // of the report's two halves

async function open(browser, file, width) {
  const page = await browser.newPage({ viewport: { width, height: HEIGHT } });
  await page.goto(pathToFileURL(path.resolve(file)).href);
  await page.evaluate(() => drawn);
  return page;
}

// Side by side: what a report begins with, and its mistakes.
async function report(browser, file) {
  const page = await open(browser, file, WIDTH);
  await page.locator("audio").first().scrollIntoViewIfNeeded();
  const shots = [];
  for (const place of ["h1", "#mistakes"]) {
    const top = await page.evaluate((what) => document.querySelector(what).getBoundingClientRect().top + scrollY, place);
    const clip = { x: 0, y: Math.max(0, top - 16), width: WIDTH, height: HEIGHT };
    shots.push(await page.screenshot({ fullPage: true, clip }));
  }
  const images = shots.map((shot) => `<img src="data:image/png;base64,${shot.toString("base64")}">`);
  await page.setViewportSize({ width: 2 * WIDTH, height: HEIGHT });
  await page.setContent(`<body style="margin: 0; display: flex">${images.join("")}`);
  await page.screenshot({ path: path.join(IMAGES, "report.png") });
}

// Examples of the first six classes.
async function exploration(browser, file) {
  const page = await open(browser, file, 1260);
  const [top, bottom] = await page.evaluate(() => {
    const edge = (what, side) => document.querySelector(what).getBoundingClientRect()[side] + scrollY;
    return [edge("#examples", "top"), edge(".groups > :nth-child(6)", "bottom")];
  });
  const clip = { x: 0, y: top - 8, width: 1260, height: bottom - top + 20 };
  await page.screenshot({ path: path.join(IMAGES, "explore.png"), fullPage: true, clip });
}

async function main(name, run, data) {
  const executablePath = execFileSync("which", [name], { encoding: "utf8" }).trim();
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  await report(browser, run);
  await exploration(browser, data);
  await browser.close();
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
