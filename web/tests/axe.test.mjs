// Accessibility: axe on each tab, in each colour scheme, size and language, with and without an error.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { drawn, errorLine, forget, launch, open, serve } from "./harness.mjs";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const SIZES = { desktop: { width: 1280, height: 900 }, telephone: { width: 390, height: 844 } };

let site, browser;

before(async () => {
    site = await serve();
    // The page's policy would refuse axe's script.
    browser = await launch({ bypassCSP: true });
});

after(async () => {
    await browser?.close();
    await site?.close();
});

/** axe's violations on the page, a line each. */
async function faults(page) {
    // Colours are checked after transitions.
    await page.evaluate(() => Promise.allSettled(document.getAnimations().map(({ finished }) => finished)));
    const { violations, passes } = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
    assert.ok(passes.length > 10, "axe looked at hardly anything");
    return violations.flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target}: ${failureSummary}`),
    );
}

const TABS = { stylize: "size=256", digits: "class=1&n=1&steps=2", walk: "" };

for (const [tab, query] of Object.entries(TABS)) {
    for (const language of ["en", "zh"]) {
        test(`${tab} in ${language}`, async () => {
            const { page } = await open(browser.context, `${site.origin}/?tab=${tab}&${query}&engine=easel&lang=${language}`);
            if (tab === "walk") await page.locator("#direction-6").waitFor();
            await page.addScriptTag({ path: axe });
            const look = async (state) => {
                for (const colorScheme of ["light", "dark"]) {
                    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
                    for (const [size, viewport] of Object.entries(SIZES)) {
                        await page.setViewportSize(viewport);
                        assert.deepEqual(await faults(page), [], `${state}, ${colorScheme}, ${size}`);
                    }
                }
            };
            await look("drawn");
            await page.locator("#file").setInputFiles({ name: "none.onnx", mimeType: "", buffer: Buffer.from("none") });
            await errorLine(page);
            await look("with an error");
            await page.close();
        });
    }
}

test("an error that can be retried, and an open card", async () => {
    const address = `${site.origin}/?tab=walk&engine=easel`;
    await forget(browser.context, site.origin);
    site.broken.add("models/progan-scenes.onnx");
    const { page } = await open(browser.context, address, { waitForPictures: false });
    await errorLine(page);
    await page.addScriptTag({ path: axe });
    assert.deepEqual(await faults(page), []);
    site.broken.clear();
    await page.getByRole("button", { name: "Try again" }).click();
    await drawn(page);
    await page.locator("#walk-about summary").click();
    assert.deepEqual(await faults(page), []);
    await page.close();
});
