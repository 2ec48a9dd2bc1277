// SPDX-License-Identifier: Apache-2.0

// node browser.mjs CHROMIUM PAGE OPEN SECURE CLOSED: opens the page in Chromium and has it call the shop at OPEN in HTTP/1.1 and
// at SECURE in HTTP/2, which let the page's origin in, and at CLOSED, which does not. Nobody vouches for SECURE's certificate.

import { chromium } from "playwright-core";

const [executablePath, page, open, secure, closed] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--ignore-certificate-errors"] });
try {
  const tab = await browser.newPage();
  tab.on("console", (message) => console.error(`page: ${message.text()}`));
  await tab.goto(page);
  const network = await tab.context().newCDPSession(tab);
  await network.send("Network.enable");
  let spoken = [];
  network.on("Network.responseReceived", ({ response }) => spoken.push([response.url, response.protocol]));
  for (const [baseUrl, protocol] of [[open, "http/1.1"], [secure, "h2"]]) {
    spoken = [];
    for (const line of await tab.evaluate((url) => globalThis.check(url), baseUrl)) {
      console.log(`ok ${protocol}: ${line}`);
    }
    const answers = spoken.filter(([url]) => url.startsWith(baseUrl));
    const others = answers.filter(([, other]) => other !== protocol);
    if (answers.length === 0 || others.length > 0) {
      throw new Error(`${answers.length} answers of ${baseUrl} are to be in ${protocol}, and not so are: ${others.join(" ")}`);
    }
    console.log(`ok ${protocol}: ${answers.length} answers`);
  }
  const outcome = await tab.evaluate((baseUrl) => globalThis.refused(baseUrl), closed);
  if (outcome !== "TypeError") {
    throw new Error(`a server that names no origin: ${outcome}`);
  }
  console.log("ok no origin, no call");
} finally {
  await browser.close();
}
