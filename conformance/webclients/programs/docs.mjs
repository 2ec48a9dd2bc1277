// SPDX-License-Identifier: Apache-2.0

// node docs.mjs CHROMIUM ADDRESS PICTURES: opens the page /docs of the shop at ADDRESS on a desktop and on a phone, light and dark, and
// opens each operation on it. It holds what the page shows against /openapi.json. PICTURES is a folder for how it looked, "" for none.

import { chromium } from "playwright-core";

const [executablePath, address, pictures] = process.argv.slice(2);
const base = `http://${address}`;
const assert = (truth, what) => {
  if (!truth) {
    throw new Error(what);
  }
};

const description = await (await fetch(`${base}/openapi.json`)).json();
const wanted = Object.entries(description.paths).flatMap(([path, item]) => Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`));

// look opens the page in one way.
async function look(browser, name, viewport, colorScheme) {
  const context = await browser.newContext({ viewport, colorScheme });
  const tab = await context.newPage();
  const complaints = [], loaded = [];
  tab.on("console", (message) => complaints.push(message.text()));
  tab.on("pageerror", (error) => complaints.push(String(error)));
  tab.on("request", (request) => loaded.push(request.url().slice(base.length)));
  await tab.goto(`${base}/docs`);
  await tab.locator("details").first().waitFor();
  const shown = await tab.evaluate(() =>
    [...document.querySelectorAll("summary")].map((s) => [...s.querySelectorAll("code")].map((code) => code.textContent).join(" ")));
  assert(JSON.stringify(shown.toSorted()) === JSON.stringify(wanted.toSorted()), `${name}: the page shows ${shown}, the document has ${wanted}`);
  for (const summary of await tab.locator("summary").all()) {
    await summary.click();
  }
  const text = await tab.evaluate(() => document.body.innerText);
  for (const part of ["Orders takes orders and has them paid.", "Parameters", "Request body", '"customer": string', "Answer 200", "Any failure", "application/x-ndjson"]) {
    assert(text.includes(part), `${name}: the page does not have ${part}:\n${text}`);
  }
  const [wide, room, contrast] = await tab.evaluate(() => {
    const shade = (color) => color.match(/[\d.]+/g).slice(0, 3).map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    const light = (color) => shade(color).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0.05); // WCAG 2.2
    const behind = (element) => {
      const color = getComputedStyle(element).backgroundColor;
      return /, 0\)$/.test(color) && element.parentElement ? behind(element.parentElement) : color;
    };
    const ratios = [...document.querySelectorAll("h1, h2, h3, p, span, code, pre, dt, dd, a")].filter((e) => e.textContent && e.offsetParent).map((e) => {
      const [a, b] = [light(getComputedStyle(e).color), light(behind(e))];
      return Math.max(a, b) / Math.min(a, b);
    });
    return [document.documentElement.scrollWidth, innerWidth, Math.min(...ratios)];
  });
  assert(wide <= room, `${name}: the page is ${wide} wide where there are ${room}`);
  assert(contrast >= 4.5, `${name}: some text has a contrast of ${contrast.toFixed(2)}`);
  assert(complaints.length === 0, `${name}: ${complaints}`);
  assert(loaded.every((url) => url === "/docs" || url === "/openapi.json"), `${name}: the page loads ${loaded}`);
  if (pictures) {
    await tab.screenshot({ path: `${pictures}/docs-${name}.png`, fullPage: true });
  }
  await context.close();
  console.log(`ok ${name}`);
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  for (const [device, viewport] of [["desktop", { width: 1280, height: 900 }], ["phone", { width: 360, height: 780 }]]) {
    for (const colorScheme of ["light", "dark"]) {
      await look(browser, `${device} ${colorScheme}`, viewport, colorScheme);
    }
  }
} finally {
  await browser.close();
}
