// Which engine is chosen, and what becomes of one that fails, computes wrongly, hangs or is lost.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { build } from "esbuild";

import { drawn, errorLine, launch, model, open, screenshot, serve } from "./harness.mjs";

let site, browser, probe, memory;

/** A module of the page's, for Node.js. */
async function module(name) {
    const options = { entryPoints: [`src/${name}.ts`], bundle: true, format: "esm", write: false };
    const { outputFiles } = await build({ ...options, absWorkingDir: new URL("..", import.meta.url).pathname });
    return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}

before(async () => {
    [probe, memory] = [await module("probe"), await module("memory")];
    site = await serve();
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await site?.close();
});

/** Engines that take so many milliseconds, or fail with a sentence; what is tried and dropped is noted. */
function engines(times) {
    const notes = [];
    return {
        notes,
        async open(kind) {
            notes.push(`try ${kind}`);
            if (typeof times[kind] === "string") throw new Error(times[kind]);
            return { opened: kind, milliseconds: times[kind] };
        },
        async drop(kind) {
            notes.push(`drop ${kind}`);
        },
    };
}

const BOTH = ["webgpu", "wasm"];

test("the faster engine is kept, and the other's time told", async () => {
    const slowGpu = engines({ webgpu: 12.4, wasm: 5.04 });
    assert.deepEqual(await probe.choose(BOTH, slowGpu), {
        kind: "wasm",
        opened: "wasm",
        passedOver: ["WebGPU: 12 ms a run here, WASM 5.0 ms"],
    });
    assert.deepEqual(slowGpu.notes, ["try webgpu", "try wasm", "drop webgpu"]);

    const slowProcessor = engines({ webgpu: 12.4, wasm: 50 });
    const { kind, passedOver } = await probe.choose(BOTH, slowProcessor);
    assert.deepEqual([kind, passedOver], ["webgpu", ["WASM: 50 ms a run here, WebGPU 12 ms"]]);
    assert.deepEqual(slowProcessor.notes, ["try webgpu", "try wasm", "drop wasm"]);
});

test("nothing else is tried beside a fast engine, or one that was found best before", async () => {
    const fast = engines({ webgpu: 1, wasm: 0.5 });
    assert.deepEqual(await probe.choose(BOTH, fast), { kind: "webgpu", opened: "webgpu", passedOver: [] });
    assert.deepEqual(fast.notes, ["try webgpu"]);
    const known = engines({ webgpu: 100, wasm: 50 });
    assert.equal((await probe.choose(BOTH, known, Infinity)).kind, "webgpu");
    assert.deepEqual(known.notes, ["try webgpu"]);
});

test("engines that fail are passed over", async () => {
    const broken = await probe.choose(BOTH, engines({ webgpu: "WebGPU: no GPU\nstack", wasm: 50 }));
    assert.deepEqual([broken.kind, broken.passedOver], ["wasm", ["WebGPU: no GPU"]]);
    const alone = await probe.choose(BOTH, engines({ webgpu: 50, wasm: "no connection" }));
    assert.deepEqual([alone.kind, alone.passedOver], ["webgpu", ["no connection"]]);
    await assert.rejects(probe.choose(BOTH, engines({ webgpu: "one", wasm: "two" })), { message: "two" });
});

test("requests that a tab has no memory for are refused", () => {
    const { budget, bytesOfPicture, limit, tilePixels } = memory;
    assert.deepEqual([budget(), budget(1), budget(32)], [2 ** 30, 2 ** 28, 2 ** 31]);
    limit("pictures", 4096, bytesOfPicture(1, 28, 28), budget());
    assert.throws(() => limit("pictures", 4096, bytesOfPicture(3, 256, 256), budget()), {
        message:
            "4,096 pictures would take 11.8 GB of memory, and a request may take 1.1 GB here: at most 372 pictures",
    });
    // Tiles are seen in the tone of the result: more memory makes no other picture.
    assert.deepEqual([tilePixels(8), tilePixels(4), tilePixels(), tilePixels(1)], [327680, 327680, 327680, 81920]);
});

/** Opens the walk with a first line in the Worker's script. */
async function crippled(line, query = "") {
    const page = await browser.context.newPage();
    await page.route("**/js/worker.js", async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: `${line};${await response.text()}` });
    });
    await page.goto(`${site.origin}/?tab=walk${query}`);
    return page;
}

/** The software adapter as if it were a GPU, with a delay before each work. */
const HARDWARE = `
    Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { value: false });
    Object.defineProperty(GPUAdapterInfo.prototype, "architecture", { value: "test" })`;

test("a GPU is measured against WASM", async () => {
    const page = await crippled(HARDWARE);
    await drawn(page);
    const title = await page.locator("#badge").getAttribute("title");
    assert.match(title, /^(WebGPU|WASM): [0-9.]+ ms a run here, (WASM|WebGPU) [0-9.]+ ms$/);
    const [, slower, slow, faster, fast] = /^(\w+): ([0-9.]+) .*, (\w+) ([0-9.]+) ms$/.exec(title);
    assert.ok(Number(slow) >= Number(fast), title);
    assert.notEqual(slower, faster);
    assert.equal(await page.locator("#badge").getAttribute("data-engine"), faster.toLowerCase());
    await page.close();
});

test("a GPU that gives no answer is given up for WASM", async () => {
    // The Worker's clock runs fast.
    const hurried = "const later = setTimeout; self.setTimeout = (work, ms, ...rest) => later(work, ms / 100, ...rest)";
    const page = await crippled(`navigator.gpu.requestAdapter = () => new Promise(() => {}); ${hurried}`);
    await drawn(page);
    assert.match(await page.locator("#engine-name").textContent(), /^WASM/);
    assert.match(await page.locator("#badge").getAttribute("title"), /^WebGPU: the GPU gave no answer for 20 s;/);
    await page.close();
});

/** The model with other weights than its card's golden output is of: a byte in their midst is changed. */
function wrong() {
    const text = model.toString("latin1");
    const [golden] = /"golden":\[[^\]]+/.exec(text);
    return Buffer.from(text.replace(golden, golden.replace(/[0-9](?=[,\]]|$)/g, "9").replace(/0\./g, "9.")), "latin1");
}

test("an engine that computes wrongly is told", async () => {
    const liar = await serve({ files: { "models/test.onnx": wrong() } });
    try {
        const address = `${liar.origin}/?tab=digits&engine=wasm&class=1&n=1&steps=2`;
        const { page } = await open(browser.context, address, { waitForPictures: false });
        assert.match(await errorLine(page), /^test.onnx: .*WASM.* computes this model wrongly: its output is [0-9.]+ off/);
        assert.ok(await page.locator("#digits-figure canvas").isVisible());
        await page.close();
    } finally {
        await liar.close();
    }
});

test("a GPU that is lost takes one picture along, not the page", async () => {
    const { page } = await open(browser.context, `${site.origin}/?tab=walk&engine=webgpu`);
    assert.match(await page.locator("#engine-name").textContent(), /^WebGPU/);
    const crash = await browser.context.newPage();
    // What is drawn meanwhile is lost; without a next picture, nobody has to be told.
    const work = page.evaluate(async () => {
        const position = document.getElementById("walk-position");
        for (let at = 0; document.getElementById("notice").hidden; at = (at + 0.1) % 3) {
            position.value = String(at);
            position.dispatchEvent(new Event("input", { bubbles: true }));
            await new Promise((resolve) => setTimeout(resolve, 20));
        }
    });
    await crash.goto("chrome://gpucrash").catch(() => {});
    await work;
    assert.match(await errorLine(page), /^The GPU stopped and took the picture with it\./);
    await screenshot(page, "gpu-lost");
    await page.getByLabel("Engine", { exact: true }).selectOption("auto");
    await drawn(page);
    assert.match(await page.locator("#engine-name").textContent(), /^WASM/);
    await page.getByLabel("Position").fill("1");
    await page.waitForFunction(() => document.getElementById("walk-sheet").ariaLabel === "Picture: At seed 2");
    await crash.close();
    await page.close();
});
