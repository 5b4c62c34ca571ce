// Sampling digits on the page.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import {
    canvas,
    denoiserReference,
    difference,
    drawn,
    labelled,
    launch,
    open,
    reference,
    referenceGrid,
    serve,
} from "./harness.mjs";

const GAP = 2;

let site, browser;

before(async () => {
    site = await serve();
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await site?.close();
});

const url = (query) => `${site.origin}/?tab=digits&engine=easel&${query}`;

/** The pixels of one picture of the grid on a canvas; a picture is `side` pixels wide and high. */
function cell({ width, data }, side, column, row) {
    const [left, top] = [column, row].map((index) => GAP + index * (side + GAP));
    const lines = Array.from({ length: side }, (_, y) => ((top + y) * width + left) * 4);
    return { width: side, height: side, data: Buffer.concat(lines.map((at) => data.subarray(at, at + side * 4))) };
}

test("all digits, the native ones", async (t) => {
    const wanted = denoiserReference.samples.find(({ options, labels }) => options.eta === null && labels.length === 10);
    const { sampler, steps, guidance } = wanted.options;
    const settings = `class=all&n=${wanted.count}&seed=${wanted.seed}&sampler=${sampler}&steps=${steps}&guidance=${guidance}`;
    const { page, errors } = await open(browser.context, url(settings));
    const found = await canvas(page);
    const expected = Buffer.from(wanted.rgba, "base64");
    const count = wanted.labels.length * wanted.count;
    const side = Math.sqrt(expected.length / 4 / count);
    const columns = (found.width - GAP) / (side + GAP);
    let worst = 0;
    for (let index = 0; index < count; index++) {
        const data = expected.subarray(index * side * side * 4, (index + 1) * side * side * 4);
        const picture = cell(found, side, index % columns, Math.floor(index / columns));
        worst = Math.max(worst, difference(picture, { width: side, height: side, data }).largest);
    }
    assert.ok(worst <= 2, `${worst} of 255 apart`);
    t.diagnostic(`${worst} of 255 from ${denoiserReference.engine}`);
    const label = await page.locator("#digits-canvas").getAttribute("aria-label");
    assert.equal(label, `${count} pictures of all 10 classes drawn from seed ${wanted.seed}`);
    assert.deepEqual(errors, []);
    await page.close();
});

test("the GAN beside it draws the native pixels of the same seed", async () => {
    const { page } = await open(browser.context, url(`class=1&n=1&steps=2&seed=${reference.grid.seed}`));
    const { largest, differing } = difference(await canvas(page, "gan-canvas"), referenceGrid());
    assert.ok(largest <= 1, `${differing} bytes differ, by ${largest} at most`);
    await page.getByRole("button", { name: "New seed" }).click();
    const seed = await page.getByLabel("Seed", { exact: true }).inputValue();
    await labelled(page, "gan-canvas", `16 pictures drawn from seed ${seed}`);
    await page.close();
});

test("classes by button and by key; the address restores the sample", async () => {
    const { page, errors } = await open(browser.context, url("class=1&n=1&steps=4&seed=5"));
    const one = await canvas(page);
    await page.getByRole("button", { name: "7", exact: true }).click();
    await labelled(page, "digits-canvas", "1 picture of 7 drawn from seed 5");
    const seven = await canvas(page);
    assert.ok(difference(one, seven).differing > 100);
    assert.equal(await page.getByRole("button", { name: "7", exact: true }).getAttribute("aria-pressed"), "true");

    // Keys count only inside the panel.
    await page.getByRole("tab", { name: "Digits" }).focus();
    await page.keyboard.press("4");
    assert.equal(await page.getByRole("button", { name: "4", exact: true }).getAttribute("aria-pressed"), "false");
    await page.getByRole("button", { name: "7", exact: true }).focus();
    await page.keyboard.press("3");
    await labelled(page, "digits-canvas", "1 picture of 3 drawn from seed 5");
    // In a field, a digit is text.
    await page.getByLabel("How many").press("End");
    await page.keyboard.type("2");
    await labelled(page, "digits-canvas", "12 pictures of 3 drawn from seed 5");
    await page.getByLabel("How many").fill("2");
    await page.getByLabel("Sampler").selectOption("ddim");
    await page.getByLabel("Steps").fill("3");
    await page.getByLabel("Guidance").fill("2.5");
    await labelled(page, "digits-canvas", "2 pictures of 3 drawn from seed 5");
    await drawn(page);
    const settings = "class=3&n=2&seed=5&sampler=ddim&steps=3&guidance=2.5";
    await page.waitForURL(`${site.origin}/?tab=digits&${settings}&engine=easel`);
    const command = await page.locator("#digits-command-text").textContent();
    const flags = "--class 3 -n 2 --seed 5 --sampler ddim --steps 3 --guidance 2.5";
    assert.equal(command, `sample -m denoiser ${flags} -o digits.png`);
    assert.equal(await page.locator("#digits-command-heading").textContent(), "The same on the command line");
    const expected = await canvas(page);
    await page.reload();
    await drawn(page);
    assert.deepEqual(await canvas(page), expected);
    assert.deepEqual(errors, []);
    await page.close();
});

test("the sampling is shown step by step, unless the user prefers reduced motion", async () => {
    const { page } = await open(browser.context, url("class=1&n=1&steps=2"));
    const before = await canvas(page);
    for (const reducedMotion of ["no-preference", "reduce"]) {
        await page.emulateMedia({ reducedMotion });
        await page.getByLabel("Sampler").selectOption("ancestral");
        await page.waitForFunction(() => document.getElementById("digits-progress").value > 3);
        assert.equal(difference(before, await canvas(page)).differing > 500, reducedMotion === "no-preference");
        await page.getByRole("button", { name: "Cancel" }).click();
        await page.getByLabel("Sampler").selectOption("dpm-solver");
        await page.getByLabel("Steps").fill("2");
        await drawn(page);
        assert.deepEqual(await canvas(page), before);
    }
    await page.close();
});

test("a sampling is cancelled at once, and another can follow", async () => {
    const { page, errors } = await open(browser.context, url("class=1&n=1&steps=2"));
    await page.getByLabel("Sampler").selectOption("ancestral");
    assert.equal(await page.getByLabel("Steps").inputValue(), "1000");
    await page.getByText(/^Step [0-9]+ of 1000$/).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("button", { name: "Draw" }).waitFor();
    assert.match(await page.getByRole("status").textContent(), /^Cancelled after step [0-9]+ of 1000$/);
    assert.ok(await page.locator("#notice").isHidden());
    await page.getByLabel("Sampler").selectOption("dpm-solver");
    assert.equal(await page.getByLabel("Steps").inputValue(), "20");
    await drawn(page);
    assert.deepEqual(errors, []);
    await page.close();
});

test("invalid settings get a hint and change nothing", async () => {
    const { page, errors } = await open(browser.context, url("class=1&n=1&seed=3&steps=2"));
    const before = await canvas(page);
    const address = page.url();
    const cases = {
        Seed: [["", "-1", "1.5", "seven", "18446744073709551616"], "Enter a whole number from 0 to 18446744073709551615."],
        "How many": [["", "0", "101", "-4", "2.5"], "Enter a whole number from 1 to 100."],
        Steps: [["", "0", "1001", "2.5"], "Enter a whole number from 1 to 1000."],
        Guidance: [["", "-1", "11"], "Enter a number from 0 to 10."],
    };
    for (const [name, [texts, hint]] of Object.entries(cases)) {
        const input = page.getByLabel(name, { exact: true });
        for (const text of texts) {
            await input.fill(text);
            assert.equal(await input.getAttribute("aria-invalid"), "true", `${name} ${text}`);
            assert.equal(await page.locator(`#${await input.getAttribute("aria-describedby")}`).textContent(), hint);
        }
    }
    await drawn(page);
    assert.deepEqual(await canvas(page), before);
    assert.equal(page.url(), address);
    await page.goto(url("class=99&n=-1&seed=x&sampler=euler&steps=2000&guidance=no"));
    await drawn(page);
    await page.waitForURL(/class=all&n=1&seed=1&sampler=dpm-solver&steps=20&guidance=1.5/);
    assert.deepEqual(errors, []);
    await page.close();
});

test("the largest seed, in the name of the saved file", async () => {
    const { page } = await open(browser.context, url("class=4&n=4&steps=2&seed=18446744073709551615"));
    const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Download PNG" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "4-seed-18446744073709551615.png");
    const png = await readFile(await download.path());
    assert.equal(png.subarray(1, 4).toString(), "PNG");
    const { width, height } = await canvas(page);
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [width, height]);
    await page.close();
});

test("on WebGPU", async () => {
    const settings = "class=1&n=1&steps=2&guidance=1";
    const { page, errors } = await open(browser.context, url(settings));
    const expected = await canvas(page);
    await page.goto(url(settings).replace("engine=easel", "engine=webgpu"));
    await drawn(page);
    assert.match(await page.locator("#engine-name").textContent(), /^WebGPU/);
    assert.ok(difference(await canvas(page), expected).largest <= 2);
    assert.deepEqual(errors, []);
    await page.close();
});

test("a page without a denoiser shows the generator alone", async () => {
    const index = [{ name: "test", file: "test.onnx", title: "Test model", bytes: 0, kind: "generator", latent: "uniform" }];
    const bare = await serve({ files: { "models/index.json": JSON.stringify(index) } });
    try {
        const { page } = await open(browser.context, `${bare.origin}/?tab=digits&seed=2`);
        assert.ok(await page.locator("#digits-figure").isHidden());
        assert.equal(await page.locator("#digits-command-text").textContent(), "sample -m test -n 64 --seed 2 -o digits.png");
        await page.close();
    } finally {
        await bare.close();
    }
});

test("the card is shown", async () => {
    const { page } = await open(browser.context, url("class=1&n=1&steps=2"));
    await page.locator("#digits").getByText("About this model").click();
    const terms = await page.locator("#digits-card dt").allTextContents();
    for (const term of ["Title", "Network", "Pictures", "Verified", "Licence"]) assert.ok(terms.includes(term), term);
    await page.close();
});
