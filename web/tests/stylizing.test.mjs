// A stylizer in the browser: the native pixels, whole and in tiles, progress by tile, and aborting.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, open, serve, stylizerReference } from "./harness.mjs";

let site, browser;

before(async () => {
    site = await serve();
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await site?.close();
});

/** A blank page with the stylizer loaded. */
async function loaded(engine) {
    const { page, errors } = await open(browser.context, `${site.origin}/blank.html`, { waitForPictures: false });
    const used = await page.evaluate(async (engine) => {
        const { Easel } = await import("/js/easel.js");
        window.easel = new Easel();
        window.decode = (text) => Uint8ClampedArray.from(atob(text), (char) => char.charCodeAt(0));
        return (await window.easel.load("/models/wave.onnx", { kind: "stylizer", engine })).engine;
    }, engine);
    assert.equal(used.kind, engine);
    return { page, errors };
}

function stylize(page, { width, height, rgba, options }) {
    return page.evaluate(
        async ({ width, height, rgba, options }) => {
            const tiles = [];
            const onTile = ({ done, of }) => tiles.push(`${done}/${of}`);
            const request = { width, height, rgba: window.decode(rgba), ...options };
            const result = await window.easel.stylize(request, { onTile });
            return { width: result.width, height: result.height, rgba: Array.from(result.rgba), tiles };
        },
        { width, height, rgba, options },
    );
}

for (const engine of ["easel", "wasm", "webgpu"]) {
    test(`the native pixels, on ${engine}`, async (t) => {
        const { page, errors } = await loaded(engine);
        for (const wanted of stylizerReference.results) {
            // Larger pictures take minutes on a GPU in software.
            if (engine === "webgpu" && wanted.width > 200) continue;
            const found = await stylize(page, wanted);
            const expected = Buffer.from(wanted.stylized, "base64");
            assert.equal(found.rgba.length, expected.length);
            const worst = found.rgba.reduce((worst, value, at) => Math.max(worst, Math.abs(value - expected[at])), 0);
            assert.ok(worst <= 1, `${worst} of 255 apart at ${JSON.stringify(wanted.options)}`);
            t.diagnostic(`${worst} of 255 from ${stylizerReference.engine} in ${wanted.tiles} tiles`);
            assert.deepEqual(found.tiles, Array.from({ length: wanted.tiles + 1 }, (_, done) => `${done}/${wanted.tiles}`));
        }
        assert.deepEqual(errors, []);
        await page.close();
    });
}

/** Stylizes a picture, and aborts that in the callback that reports `tile`. */
function abortAt(page, picture, tile) {
    return page.evaluate(
        async ([{ width, height, rgba, options }, tile]) => {
            const controller = new AbortController();
            const tiles = [];
            const onTile = ({ done }) => {
                tiles.push(done);
                if (done === tile) controller.abort(new Error("enough"));
            };
            const request = { width, height, rgba: window.decode(rgba), ...options };
            const { signal } = controller;
            const message = await window.easel.stylize(request, { onTile, signal }).catch(({ message }) => message);
            return { message, tiles };
        },
        [picture, tile],
    );
}

test("no tile begins once the signal is aborted, and the next request works", async () => {
    const { page } = await loaded("wasm");
    const picture = stylizerReference.results.find(({ tiles }) => tiles > 2);
    const worker = page.workers().find((worker) => worker.url().endsWith("/js/worker.js"));
    // Records what the Worker itself reports.
    await worker.evaluate(() => {
        self.reported = [];
        const post = self.postMessage;
        self.postMessage = (message, ...rest) => {
            if (message.progress?.what === "tiles") self.reported.push(message.progress.done);
            post.call(self, message, ...rest);
        };
    });
    for (const tile of [0, 1, 2]) {
        const expected = Array.from({ length: tile + 1 }, (_, done) => done);
        assert.deepEqual(await abortAt(page, picture, tile), { message: "enough", tiles: expected });
        assert.deepEqual(await worker.evaluate(() => self.reported.splice(0)), expected);
    }
    assert.equal((await stylize(page, stylizerReference.results[0])).rgba.length, 101 * 67 * 4);
    await page.close();
});

test("wrong sizes, strengths and models are errors", async () => {
    const { page } = await loaded("wasm");
    const errors = await page.evaluate(async () => {
        const failure = (promise) => promise.then(() => undefined, ({ message }) => message);
        const pixels = new Uint8ClampedArray(4 * 6);
        const short = await failure(window.easel.stylize({ width: 3, height: 3, rgba: pixels }));
        const load = await failure(window.easel.load("/models/test.onnx", { kind: "stylizer", name: "test.onnx" }));
        await window.easel.load("/models/test.onnx", { kind: "generator" });
        const generator = await failure(window.easel.stylize({ width: 3, height: 2, rgba: pixels }));
        await window.easel.load("/models/wave.onnx", { kind: "stylizer", engine: "wasm" });
        const strength = await failure(window.easel.stylize({ width: 3, height: 2, rgba: pixels, strength: NaN }));
        const width = await failure(window.easel.stylize({ width: 2.5, height: 2, rgba: pixels }));
        return { short, load, generator, strength, width };
    });
    assert.match(errors.short, /24 bytes.* 3x3 pixels/);
    assert.match(errors.load, /^test\.onnx: .*generator/);
    assert.match(errors.generator, /generator/);
    assert.equal(errors.strength, "the strength is NaN; give a number from 0 to 1");
    assert.equal(errors.width, "the width is 2.5; give a whole number from 0 to 65536");
    await page.close();
});
