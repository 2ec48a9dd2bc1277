// SPDX-License-Identifier: Apache-2.0

// node browser.mjs CHROMIUM PAGE ADDRESS CLOSED: opens the page in Chromium and has it call the shop at ADDRESS, which lets the
// page's origin in, and at CLOSED, which does not.

import { chromium } from "playwright-core";

const [executablePath, page, address, closed] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const tab = await browser.newPage();
  tab.on("console", (message) => console.error(`page: ${message.text()}`));
  await tab.goto(page);
  for (const line of await tab.evaluate((baseUrl) => globalThis.check(baseUrl), `http://${address}`)) {
    console.log(`ok ${line}`);
  }
  const outcome = await tab.evaluate((baseUrl) => globalThis.refused(baseUrl), `http://${closed}`);
  if (outcome !== "TypeError") {
    throw new Error(`a server that names no origin: ${outcome}`);
  }
  console.log("ok no origin, no call");
} finally {
  await browser.close();
}
