// Latent walks on the page.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

import { canvas, difference, drawn, labelled, launch, open, proganReference, referenceGrid, serve } from "./harness.mjs";

const SIDE = 32;

let site, browser;

before(async () => {
    site = await serve();
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await site?.close();
});

async function walk(query, { directions = true } = {}) {
    const opened = await open(browser.context, `${site.origin}/?tab=walk&engine=easel&${query}`);
    if (directions) await settled(opened.page);
    return opened;
}

/** Waits until the directions are computed and drawn. */
async function settled(page) {
    await page.waitForFunction(() => document.querySelector("#directions li:last-child canvas:last-child")?.width === 32);
}

const picture = (page) => canvas(page, "walk-canvas");
const position = (page) => page.getByLabel("Position");

/** Waits until the picture differs from this one, and returns it. */
async function changed(page, before) {
    for (;;) {
        const now = await picture(page);
        if (difference(now, before).differing > 0) return now;
        await page.waitForTimeout(20);
    }
}

test("a seed's picture is the native one", async () => {
    const { page, errors } = await walk(`seeds=${proganReference.grid.seed},2`, { directions: false });
    const { width, data } = referenceGrid(proganReference);
    const lines = Array.from({ length: SIDE }, (_, y) => ((2 + y) * width + 2) * 4);
    const expected = Buffer.concat(lines.map((at) => data.subarray(at, at + SIDE * 4)));
    const { largest } = difference(await picture(page), { width: SIDE, height: SIDE, data: expected });
    assert.ok(largest <= 1, `${largest} of 255 apart`);
    assert.deepEqual(errors, []);
    await page.close();
});

test("the picture at a position is the frame of sample --walk", async () => {
    const { seeds, steps, frames } = proganReference.walk;
    for (const step of [1, steps - 1]) {
        const { page } = await walk(`seeds=${seeds}&at=${step / steps}`, { directions: false });
        const data = Buffer.from(frames[step], "base64");
        const { largest } = difference(await picture(page), { width: SIDE, height: SIDE, data });
        assert.ok(largest <= 1, `frame ${step}: ${largest} of 255 apart`);
        await page.close();
    }
});

test("positions in hundredths are those of a hundred frames, bit by bit", async () => {
    const options = { entryPoints: ["src/page/walk-settings.ts"], bundle: true, format: "esm", write: false };
    const { outputFiles } = await build({ ...options, absWorkingDir: fileURLToPath(new URL("..", import.meta.url)) });
    const { fromQuery, positionOf } = await import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
    for (let hundredth = 0; hundredth < 1200; hundredth++) {
        const seeds = Array.from({ length: 12 }, (_, index) => index);
        const query = new URLSearchParams({ seeds: seeds.join(","), at: (hundredth / 100).toFixed(2) });
        const from = Math.floor(hundredth / 100);
        const expected = { from, to: (from + 1) % 12, t: (hundredth % 100) / 100 };
        assert.deepEqual(positionOf(seeds, fromQuery(query).at), expected);
    }
});

test("plays, pauses and is scrubbed; the address restores the picture", async () => {
    const { page, errors } = await walk("seeds=1,2,3");
    const first = await picture(page);
    await page.getByRole("button", { name: "Play" }).click();
    await page.waitForFunction(() => document.getElementById("walk-position").value > 0.3);
    await page.getByRole("button", { name: "Pause" }).click();
    assert.ok(difference(await picture(page), first).differing > 100);
    const at = await position(page).inputValue();
    await page.waitForTimeout(200);
    assert.equal(await position(page).inputValue(), at);

    await position(page).fill("1.5");
    await labelled(page, "walk-canvas", "Picture: From seed 2 to 3, 50%");
    assert.equal(await position(page).getAttribute("aria-valuetext"), "From seed 2 to 3, 50%");
    await page.waitForURL(`${site.origin}/?tab=walk&seeds=1,2,3&at=1.5&engine=easel`);
    const middle = await picture(page);
    await page.reload();
    await drawn(page);
    assert.deepEqual(await picture(page), middle);

    // The walk returns to the first seed.
    await position(page).fill("3");
    await labelled(page, "walk-canvas", "Picture: At seed 1");
    assert.deepEqual(await picture(page), first);
    assert.deepEqual(errors, []);
    await page.close();
});

test("seeds are changed, added, removed and gone to", async () => {
    const { page, errors } = await walk("seeds=1,2");
    const seeds = () => page.locator("#walk-seeds input").evaluateAll((inputs) => inputs.map((input) => input.value));
    assert.equal(await page.getByRole("button", { name: /^Remove seed/ }).count(), 0);
    await page.getByRole("button", { name: "Add a seed" }).click();
    assert.equal((await seeds()).length, 3);
    await page.getByRole("textbox", { name: "Seed 3" }).fill("77");
    await page.waitForURL(/seeds=1,2,77/);
    const named = (name) => page.getByRole("button", { name, exact: true });
    await named("Go to seed 77").click();
    await labelled(page, "walk-canvas", "Picture: At seed 77");
    assert.ok((await page.locator("#walk-seeds .current input").inputValue()) === "77");

    await page.getByRole("textbox", { name: "Seed 3" }).fill("x");
    assert.equal(await page.locator("#walk-seeds-hint").textContent(), "Enter a whole number from 0 to 18446744073709551615.");
    await page.getByRole("textbox", { name: "Seed 3" }).fill("78");
    assert.ok(await page.locator("#walk-seeds-hint").isHidden());
    assert.equal(await named("Remove seed 78").count(), 1);
    await named("Remove seed 2").click();
    assert.deepEqual(await seeds(), ["1", "78"]);
    await page.waitForURL(/seeds=1,78/);
    await page.locator("#walk").getByRole("button", { name: "New seeds" }).click();
    assert.notDeepEqual(await seeds(), ["1", "78"]);
    assert.deepEqual(errors, []);
    await page.close();
});

test("sliders push the picture, the first one the most", async () => {
    const { page, errors } = await walk("seeds=1,2&at=0.5");
    const before = await picture(page);
    const moved = [];
    for (const name of ["Direction 1", "Direction 6"]) {
        await page.getByLabel(name).fill("3");
        const after = await changed(page, before);
        moved.push(after.data.reduce((sum, value, at) => sum + (value - before.data[at]) ** 2, 0));
        if (name === "Direction 1") {
            const brightness = ({ data }) => data.reduce((sum, value) => sum + value, 0);
            assert.ok(brightness(after) > brightness(before), "towards brighter pictures");
        }
        await page.getByRole("button", { name: "Reset" }).click();
        await changed(page, after);
        assert.deepEqual(await picture(page), before);
    }
    assert.ok(moved[0] > 2 * moved[1], String(moved));
    const shares = await page.locator(".share").allTextContents();
    const percents = shares.map((share) => Number.parseFloat(share));
    assert.deepEqual(percents, [...percents].sort((a, b) => b - a));

    await page.getByLabel("Direction 2").fill("-1.5");
    const pushed = await changed(page, before);
    await page.waitForURL(/push=0,-1.5,0,0,0,0/);
    assert.ok(await page.locator("#walk-command").isHidden(), "the command line knows no directions");
    // Until the directions are computed again, no picture is shown or saved.
    await page.addInitScript(() => {
        window.painted = [];
        const put = CanvasRenderingContext2D.prototype.putImageData;
        CanvasRenderingContext2D.prototype.putImageData = function (data, ...at) {
            if (this.canvas.id === "walk-canvas") window.painted.push(document.querySelectorAll("#directions li").length);
            return put.call(this, data, ...at);
        };
    });
    await page.reload();
    await drawn(page);
    assert.ok(!(await page.evaluate(() => window.painted)).includes(0));
    await settled(page);
    const again = await picture(page);
    assert.ok(difference(again, pushed).largest <= 1);
    assert.deepEqual(errors, []);
    await page.close();
});

test("the picture at a slider's end is the one that it leads to", async () => {
    const { page } = await walk("seeds=1,2&at=0.25");
    const end = await page.evaluate(() => {
        const canvas = document.querySelector("#directions li canvas:last-child");
        return Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
    });
    const before = await picture(page);
    await page.getByLabel("Direction 1").fill("4");
    const after = await changed(page, before);
    assert.ok(difference(after, { ...after, data: Buffer.from(end) }).largest <= 1);
    await page.close();
});

test("a frame is saved pixel by pixel", async () => {
    const { page } = await walk("seeds=1,2&at=0.25", { directions: false });
    const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.locator("#walk").getByRole("button", { name: "Download PNG" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "walk-1-2-0.25.png");
    const png = await readFile(await download.path());
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [SIDE, SIDE]);
    await page.close();
});

test("invalid settings in the address have their defaults", async () => {
    for (const query of ["seeds=1&at=9", "seeds=1,x&push=99", "seeds=&at=-1"]) {
        const { page } = await walk(query, { directions: false });
        await page.waitForURL(`${site.origin}/?tab=walk&seeds=20,8,27,37&engine=easel`);
        await page.close();
    }
});
