// Opens a data set's page, looks for a class and hears clips from its lists, and prints as JSON, a
// list of sentences, what does not do as it should.
//
//   node check_exploration.js BROWSER PAGE
"use strict";
const { pathToFileURL } = require("node:url");
const { chromium } = require("playwright-core");

const FLAGS = ["--no-sandbox", "--enable-unsafe-swiftshader", "--use-angle=swiftshader"];

async function main(browserPath, file) {
  const browser = await chromium.launch({ executablePath: browserPath, args: FLAGS });
  const page = await browser.newPage();
  await page.goto(pathToFileURL(file).href);
  await page.evaluate(() => drawn);
  const wrong = [];
  const expect = (holds, what) => holds || wrong.push(what);

  const looked = (words, says) => page.fill("#find", words)
    .then(() => page.waitForFunction((text) => document.getElementById("found").value === text, says, { timeout: 5000 }))
    .catch(() => wrong.push(`looking for ${words} never says ${says}`));
  const listed = () => page.locator("#clip option:not([hidden])").count();
  const pale = () => page.evaluate(() => {
    const traces = map.data.filter((trace) => trace.customdata && trace.visible !== false);
    return traces.reduce((sum, trace) => sum + trace.customdata.length - (trace.selectedpoints ?? trace.customdata).length, 0);
  });
  await looked("PLAIN 2-", "2 of 39 clips");
  expect(await listed() === 3, `${await listed()} choices are left`); // two clips, and none
  expect(await pale() === 37, `${await pale()} points are pale`);
  await looked("", "");
  expect(await listed() === 40 && await pale() === 0, "what was looked for stays");

  const button = page.locator(".hearable .name-button").first();
  await button.focus();
  const playing = () => page.evaluate(() => new Promise((done) => setTimeout(() => done(!heard.paused), 200)));
  await page.evaluate(() => { heard.loop = true; heard.muted = true; });
  await page.keyboard.press("Enter");
  expect(await playing(), "a clip in the list of duplicates is not heard");
  const name = await button.textContent();
  expect((await page.textContent("#card")).includes(name), `the card does not say ${name}`);
  await page.keyboard.press("Enter");
  expect(!(await playing()), "a clip in the list of duplicates does not stop");

  // As where the page has been moved, away from the clips.
  await page.evaluate(() => {
    document.querySelectorAll("audio[data-clip]").forEach((example) => example.remove());
    clips.forEach((clip) => { clip[3] = "moved.wav"; });
  });
  await button.click();
  await page.waitForTimeout(500);
  const cell = await page.locator(".hearable tbody th").first().textContent();
  expect(cell.includes(`${name} (its sound is not at hand)`), `a clip that is gone is ${cell}`);
  await browser.close();
  console.log(JSON.stringify(wrong));
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
