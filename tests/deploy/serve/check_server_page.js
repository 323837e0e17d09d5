// Uses the page of a running server as people do, wide and narrow, light and dark, and prints what is
// wrong as JSON, a list of sentences.
//
//   node check_server_page.js BROWSER URL SOUND NO_SOUND
"use strict";
const { readFileSync } = require("node:fs");
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const FLAGS = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"];

async function main(browserPath, url, sound, noSound) {
  const browser = await chromium.launch({ executablePath: browserPath, args: FLAGS });
  const wrong = [];
  for (const [width, colorScheme] of [[1400, "light"], [390, "dark"]]) {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const say = (what) => wrong.push(`at ${width} pixels, ${colorScheme}: ${what}`);
    page.on("pageerror", (error) => say(`error: ${error.message}`));
    page.on("console", (line) => /Content Security Policy/.test(line.text()) && say(line.text()));
    await page.goto(url);
    for (const step of [() => files(page, sound, noSound), () => unreadable(page), () => record(page), () => audit(page)]) {
      for (const what of await step()) say(what);
    }
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > width) say(`the page is ${wide} pixels wide`);
    await page.close();
  }
  await browser.close();
  console.log(JSON.stringify(wrong));
}

// The newest card's answer, once there is one.
async function answer(page, cards) {
  await page.waitForFunction((n) => {
    const said = [...document.querySelectorAll(".answer")].map((one) => one.textContent);
    return said.length === n && !said.some((text) => text.endsWith("..."));
  }, cards);
  return page.locator(".answer").first();
}

async function files(page, sound, noSound) {
  const wrong = [];
  await page.setInputFiles("#files", sound);
  const good = await (await answer(page, 1)).textContent();
  if (!/%, in \d/.test(good)) wrong.push(`the answer is ${good}`);
  await page.setInputFiles("#files", noSound);
  const bad = await answer(page, 2);
  if (!/is not audio/.test(await bad.textContent())) wrong.push(`no sound is ${await bad.textContent()}`);
  return wrong;
}

// As a folder that is dropped.
async function unreadable(page) {
  await page.evaluate(() => {
    const file = new File([], "folder");
    file.slice = () => ({ arrayBuffer: () => Promise.reject(new Error()) });
    window.dispatchEvent(Object.assign(new Event("drop"), { dataTransfer: { files: [file] } }));
  });
  const said = await (await answer(page, 3)).textContent();
  return said.startsWith("folder cannot be read") ? [] : [`a folder is ${said}`];
}

async function record(page) {
  await page.locator("#record").focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => parseFloat(document.getElementById("clock").textContent) > 0.5);
  await page.keyboard.press("Enter");
  const said = await (await answer(page, 4)).textContent();
  return /%, in \d/.test(said) ? [] : [`a recording is ${said}`];
}

async function audit(page) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes[0].html.slice(0, 200)}`);
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
