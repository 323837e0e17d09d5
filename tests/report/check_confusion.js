// Opens a run's report, chooses cells of its confusion matrix by mouse and by keyboard, and prints
// as JSON, a list of sentences, what does not do as it should.
//
//   node check_confusion.js BROWSER PAGE
"use strict";
const { pathToFileURL } = require("node:url");
const { chromium } = require("playwright-core");

const FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--use-angle=swiftshader"];

async function main(browserPath, file) {
  const browser = await chromium.launch({ executablePath: browserPath, args: FLAGS });
  const page = await browser.newPage();
  await page.goto(pathToFileURL(file).href);
  const wrong = [];
  const listed = async (button) => {
    const items = await page.locator("#tests li").count();
    const count = Number(await button.textContent());
    if (items !== count) wrong.push(`a cell of ${count} tests lists ${items}`);
    const heading = await page.locator("#tests h3").textContent();
    if (heading !== await button.getAttribute("aria-label")) wrong.push(`the heading is ${heading}`);
    const names = await page.locator("#tests li").allTextContents();
    if (!names.every((name) => name.includes("confidence"))) wrong.push(`tests are ${names}`);
  };
  const buttons = page.locator("#confusion-matrix button");
  const last = buttons.last();
  await last.click();
  await listed(last);

  // By keyboard: the matrix is one stop, arrows lead on, Enter chooses.
  const stops = await page.locator("#confusion-matrix button[tabindex='0']").count();
  if (stops !== 1) wrong.push(`the matrix has ${stops} stops of the tab key`);
  await page.locator("#confusion-matrix button[tabindex='0']").focus();
  const before = await page.evaluate(() => document.activeElement.dataset.cell);
  await page.keyboard.press("ArrowDown");
  const after = await page.evaluate(() => document.activeElement.dataset.cell);
  if (Number(after.split("-")[0]) <= Number(before.split("-")[0])) wrong.push(`down leads from ${before} to ${after}`);
  await page.keyboard.press("Enter");
  await listed(page.locator(`[data-cell="${after}"]`));

  const playing = await page.evaluate(async () => {
    const player = document.querySelector("#tests audio");
    if (!player) return "a cell has no player";
    player.muted = true;
    await player.play();
    await new Promise((done) => setTimeout(done, 300));
    return player.currentTime > 0 ? "" : "a cell's player does not get on";
  });
  if (playing) wrong.push(playing);
  await browser.close();
  console.log(JSON.stringify(wrong));
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
