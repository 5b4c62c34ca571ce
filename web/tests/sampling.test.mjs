// A denoiser in the browser: the native pictures, progress by step, and aborting.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { denoiser, denoiserReference, launch, open, serve } from "./harness.mjs";

/** Of 255. */
const LARGEST_DIFFERENCE = 2;

let site, browser;

before(async () => {
    site = await serve({ files: { "models/denoiser.onnx": denoiser } });
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await site?.close();
});

/** A blank page with the denoiser loaded. */
async function loaded(engine) {
    const { page, errors } = await open(browser.context, `${site.origin}/blank.html`, { waitForPictures: false });
    const used = await page.evaluate(async (engine) => {
        const { Easel } = await import("/js/easel.js");
        window.easel = new Easel();
        const { card, engine: used } = await window.easel.load("/models/denoiser.onnx", { kind: "denoiser", engine });
        return { ...used, card };
    }, engine);
    assert.equal(used.kind, engine);
    assert.equal(used.card.kind, "denoiser");
    return { page, errors, used };
}

function sample(page, { options, labels, seed, count }) {
    return page.evaluate(
        async ({ options, labels, seed, count }) => {
            const steps = [];
            const onStep = ({ done, of, first, width, height, rgba }) =>
                steps.push({ done, of, first, pixels: rgba.length / 4 / width / height });
            const eta = options.eta ?? undefined;
            const request = { ...options, eta, labels, seed: BigInt(seed), count };
            const { width, height, rgba } = await window.easel.sample(request, { onStep });
            return { width, height, rgba: Array.from(rgba), steps };
        },
        { options, labels, seed, count },
    );
}

for (const engine of ["easel", "wasm", "webgpu"]) {
    test(`the native pictures, on ${engine}`, async (t) => {
        const { page, errors, used } = await loaded(engine);
        // More steps take minutes on a GPU in software.
        const most = engine === "webgpu" ? 5 : Infinity;
        for (const wanted of denoiserReference.samples.filter(({ options }) => options.steps <= most)) {
            const { rgba, steps } = await sample(page, wanted);
            const expected = Buffer.from(wanted.rgba, "base64");
            assert.equal(rgba.length, expected.length);
            const worst = rgba.reduce((worst, value, index) => Math.max(worst, Math.abs(value - expected[index])), 0);
            const { sampler, steps: of } = wanted.options;
            assert.ok(worst <= LARGEST_DIFFERENCE, `${sampler}: ${worst} of 255 apart`);
            const pixels = wanted.labels.length * wanted.count;
            assert.deepEqual(steps.at(-1), { done: of, of, first: 0, pixels });
            assert.ok(steps.every(({ done }, index) => index === 0 || done > steps[index - 1].done));
            t.diagnostic(`${used.name}, ${sampler} in ${of} steps: ${worst} of 255 from ${denoiserReference.engine}`);
        }
        assert.deepEqual(errors, []);
        await page.close();
    });
}

test("a sampling is aborted by its signal", async () => {
    const { page } = await loaded("wasm");
    const { reason, done, again } = await page.evaluate(async () => {
        const controller = new AbortController();
        let done = 0;
        const onStep = (step) => {
            done = step.done;
            if (done > 3) controller.abort(new Error("enough"));
        };
        const request = { labels: [1], seed: 1n, count: 1 };
        const long = window.easel.sample({ ...request, sampler: "ancestral" }, { onStep, signal: controller.signal });
        const reason = await long.then(() => "it went on", (error) => error.message);
        const start = performance.now();
        const { rgba } = await window.easel.sample({ ...request, steps: 1 });
        return { reason, done, again: { length: rgba.length, milliseconds: performance.now() - start } };
    });
    assert.equal(reason, "enough");
    assert.ok(done < 500, `${done} steps were done`);
    // The Worker is free at once: it does not compute the rest of a thousand steps.
    assert.ok(again.length > 0 && again.milliseconds < 2000, `${again.milliseconds} ms`);
    await page.close();
});

test("invalid requests are refused in one line", async () => {
    const { page } = await loaded("wasm");
    const refusal = (request) =>
        page.evaluate(
            (request) => window.easel.sample({ seed: 1n, count: 1, labels: [0], ...request }).then(() => "", (error) => error.message),
            request,
        );
    const { class_count: classes, schedule } = await page.evaluate(async () => {
        const { card } = await window.easel.load("/models/denoiser.onnx", { kind: "denoiser", engine: "wasm" });
        return card;
    });
    assert.match(await refusal({ labels: [classes] }), new RegExp(`no class ${classes}; give one from 0 to ${classes - 1}$`));
    assert.match(await refusal({ labels: [1.5] }), /1.5 is not a label/);
    assert.match(await refusal({ count: 5000 }), /5000 pictures in one call.* 4096/);
    assert.match(await refusal({ count: 1e8 }), /^100,000,000 pictures would take [0-9.]+ GB of memory/);
    assert.match(await refusal({ labels: [] }), /no pictures to sample/);
    assert.match(await refusal({ steps: schedule.steps + 1 }), new RegExp(`from 1 to ${schedule.steps}`));
    assert.match(await refusal({ steps: 2.5 }), new RegExp(`from 1 to ${schedule.steps}`));
    assert.match(await refusal({ guidance: NaN }), /guidance.* NaN/);
    assert.match(await refusal({ sampler: "euler" }), /sampler `euler`/);
    assert.match(await refusal({ eta: 0.5 }), /eta is an option of ddim/);
    const wrong = await page.evaluate(() => window.easel.load("/models/denoiser.onnx").then(() => "", (error) => error.message));
    assert.match(wrong, /denoiser/);
    await page.close();
});
