// The choice of the engine, and engines that fail, compute wrongly, hang or are lost.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { build } from "esbuild";

import { SLOW, dist, drawn, errorLine, labelled, launch, open, screenshot, serve } from "./harness.mjs";

let site, browser, probe, memory;

/** One of the page's modules, loaded into Node.js. */
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

/** Engines that take so many milliseconds, or fail with a message; what is opened and closed is noted. */
function engines(times) {
    const notes = [];
    return {
        notes,
        async open(kind) {
            notes.push(`try ${kind}`);
            if (typeof times[kind] === "string") throw new Error(times[kind]);
            return { opened: kind, milliseconds: times[kind] };
        },
        async close(kind) {
            notes.push(`close ${kind}`);
        },
    };
}

const ALL = ["easel", "webgpu", "wasm"];

test("the faster engine is used, and the time of the other reported", async () => {
    const slowGpu = engines({ easel: 5.04, webgpu: 12.4 });
    assert.deepEqual(await probe.chooseEngine(ALL, slowGpu), {
        kind: "easel",
        opened: "easel",
        rejections: ["WebGPU: 12 ms a run here, Easel 5.0 ms"],
    });
    assert.deepEqual(slowGpu.notes, ["try easel", "try webgpu", "close webgpu"]);

    const slowProcessor = engines({ easel: 50, webgpu: 12.4 });
    const { kind, rejections } = await probe.chooseEngine(ALL, slowProcessor);
    assert.deepEqual([kind, rejections], ["webgpu", ["Easel: 50 ms a run here, WebGPU 12 ms"]]);
    assert.deepEqual(slowProcessor.notes, ["try easel", "try webgpu", "close easel"]);
});

test("no other engine is tried if one is fast, or known to be the best", async () => {
    const fast = engines({ easel: 1, webgpu: 0.5 });
    assert.deepEqual(await probe.chooseEngine(ALL, fast), { kind: "easel", opened: "easel", rejections: [] });
    assert.deepEqual(fast.notes, ["try easel"]);
    const known = engines({ webgpu: 100, easel: 50 });
    assert.equal((await probe.chooseEngine(["webgpu", "easel", "wasm"], known, Infinity)).kind, "webgpu");
    assert.deepEqual(known.notes, ["try webgpu"]);
});

test("engines that fail are skipped", async () => {
    const broken = await probe.chooseEngine(ALL, engines({ easel: 50, webgpu: "WebGPU: no GPU\nstack" }));
    assert.deepEqual([broken.kind, broken.rejections], ["easel", ["WebGPU: no GPU"]]);
    const alone = await probe.chooseEngine(ALL, engines({ easel: "Easel: no such operator", webgpu: 50 }));
    assert.deepEqual([alone.kind, alone.rejections], ["webgpu", ["Easel: no such operator"]]);
    // onnxruntime-web's WASM is for what no other engine runs.
    const rest = await probe.chooseEngine(ALL, engines({ easel: "one", webgpu: "two", wasm: 50 }));
    assert.deepEqual([rest.kind, rest.rejections], ["wasm", ["one", "two"]]);
    const none = engines({ easel: "one", webgpu: "two", wasm: "three" });
    await assert.rejects(probe.chooseEngine(ALL, none), { message: "three" });
    await assert.rejects(probe.chooseEngine(["webgpu"], engines({ webgpu: "one" })), { message: "one" });
});

test("requests that do not fit into a tab's memory are refused", () => {
    const { budget, bytesOfPicture, limit, tilePixels } = memory;
    assert.deepEqual([budget(), budget(1), budget(32)], [2 ** 30, 2 ** 28, 2 ** 31]);
    limit("pictures", 4096, bytesOfPicture(1, 28, 28), budget());
    assert.throws(() => limit("pictures", 4096, bytesOfPicture(3, 256, 256), budget()), {
        message:
            "4,096 pictures would take 11.8 GB of memory, and a request may take 1.1 GB here; ask for at most 372 pictures",
    });
    assert.deepEqual([tilePixels(32), tilePixels(8), tilePixels(), tilePixels(1)], [2 ** 21, 2 ** 21, 2 ** 20, 2 ** 18]);
});

/** Opens the walk with a line put before the Worker's script, and another before the page's. */
async function crippled(line, query = "", origin = site.origin, pageLine = "") {
    const page = await browser.context.newPage();
    await page.addInitScript(pageLine);
    await page.route("**/js/worker.js", async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: `${line};${await response.text()}` });
    });
    await page.goto(`${origin}/?tab=walk${query}`);
    return page;
}

/** Makes the software adapter look like a GPU. */
const HARDWARE = `
    Object.defineProperty(GPUAdapterInfo.prototype, "isFallbackAdapter", { value: false });
    Object.defineProperty(GPUAdapterInfo.prototype, "architecture", { value: "test" })`;

test("a GPU is measured against Easel", async () => {
    const page = await crippled(HARDWARE, "", site.origin, SLOW);
    await drawn(page);
    const title = await page.locator("#badge").getAttribute("title");
    assert.match(title, /^(WebGPU|Easel): [0-9.]+ ms a run here, (Easel|WebGPU) [0-9.]+ ms$/);
    const [, slower, slow, faster, fast] = /^(\w+): ([0-9.]+) .*, (\w+) ([0-9.]+) ms$/.exec(title);
    assert.ok(Number(slow) >= Number(fast), title);
    assert.notEqual(slower, faster);
    assert.equal(await page.locator("#badge").getAttribute("data-engine"), faster.toLowerCase());
    await page.close();
});

test("a GPU that does not answer is not used", async () => {
    // The Worker's clock runs fast.
    const hurried = "const later = setTimeout; self.setTimeout = (work, ms, ...rest) => later(work, ms / 100, ...rest)";
    const page = await crippled(`navigator.gpu.requestAdapter = () => new Promise(() => {}); ${hurried}`, "", site.origin, SLOW);
    await drawn(page);
    assert.match(await page.locator("#engine-name").textContent(), /^Easel/);
    assert.match(await page.locator("#badge").getAttribute("title"), /^WebGPU: the GPU did not answer for 20 s;/);
    await page.close();
});

test("an engine that computes wrongly is reported", async () => {
    // Changes one digit of the expected output in the card, and no other byte.
    const scenes = await readFile(join(dist, "models/progan-scenes.onnx"), "latin1");
    const wrong = scenes.replace('"golden":[0.', '"golden":[9.');
    assert.notEqual(wrong, scenes);
    const liar = await serve({ files: { "models/progan-scenes.onnx": Buffer.from(wrong, "latin1") } });
    try {
        for (const [engine, name] of [["easel", "Easel, relaxed SIMD"], ["auto", "onnxruntime-web on WASM.*"]]) {
            const address = `${liar.origin}/?tab=walk&engine=${engine}`;
            const { page } = await open(browser.context, address, { waitForPictures: false });
            const computes = new RegExp(`^progan-scenes.onnx: ${name} computes this model wrongly: .*9\\.000`);
            assert.match(await errorLine(page), computes);
            // Other models work.
            await page.getByRole("tab", { name: "Digits" }).click();
            await page.getByLabel("Steps").fill("2");
            await drawn(page);
            await page.close();
        }
    } finally {
        await liar.close();
    }
});

test("after the loss of the GPU the page goes on", async () => {
    const devtools = await browser.context.browser().newBrowserCDPSession();
    // After the first picture the directions are still being computed; that fails.
    const { page } = await open(browser.context, `${site.origin}/?tab=walk&engine=webgpu`, { script: SLOW });
    await devtools.send("Browser.crashGpuProcess");
    assert.match(await errorLine(page), /^The GPU was lost, and the picture with it\. /);
    await screenshot(page, "gpu-lost");
    await page.getByLabel("Position").fill("1");
    await labelled(page, "walk-canvas", "Picture: At seed 8");
    assert.match(await page.locator("#engine-name").textContent(), /^WebGPU/);
    assert.ok(await page.locator("#notice").isHidden());

    // A GPU that is lost twice is disabled.
    const gone = page.workers().find((worker) => worker.url().endsWith("/js/worker.js")).waitForEvent("close");
    await devtools.send("Browser.crashGpuProcess");
    await gone;
    await page.getByLabel("Engine", { exact: true }).selectOption("auto");
    await page.waitForFunction(() => document.getElementById("badge").dataset.engine === "easel");
    assert.equal(await page.locator("#badge").getAttribute("title"), "WebGPU: the GPU was lost 2 times");
    await page.getByLabel("Position").fill("2");
    await labelled(page, "walk-canvas", "Picture: At seed 27");
    await page.close();
});

test("a broken or damaged download is reported, and not cached", async () => {
    const scenes = await readFile(join(dist, "models/progan-scenes.onnx"));
    const other = await serve();
    try {
        const page = await browser.context.newPage();
        const answers = [scenes.subarray(0, 100_000), Buffer.alloc(scenes.length)];
        await page.route("**/models/progan-scenes.onnx", (route) => {
            const body = answers.shift();
            return body ? route.fulfill({ body, contentType: "application/octet-stream" }) : route.continue();
        });
        other.broken.add("models/progan-scenes.onnx");
        await page.goto(`${other.origin}/?tab=walk&engine=easel`);
        const retry = page.getByRole("button", { name: "Try again" });
        for (let times = 0; times < 2; times++) {
            const line = "progan-scenes.onnx: the download is damaged, or newer than this page; reload the page and try again";
            assert.equal(await errorLine(page), line);
            await retry.click();
        }
        assert.match(await errorLine(page), /^progan-scenes.onnx: the download broke off after [0-9,]+ bytes; try again$/);
        await screenshot(page, "broken-off");
        other.broken.clear();
        await retry.click();
        await drawn(page);
        await page.close();
    } finally {
        await other.close();
    }
});

for (const [state, line] of Object.entries({
    full: 'Cache.prototype.put = async () => { throw new DOMException("", "QuotaExceededError"); }',
    none: "Object.defineProperty(self, 'caches', { value: undefined })",
})) {
    test(`if the browser's storage is ${state}, everything is downloaded`, async () => {
        const other = await serve();
        try {
            for (let visits = 0; visits < 2; visits++) {
                const page = await crippled(line, "&engine=easel", other.origin);
                await drawn(page);
                await page.close();
            }
            assert.equal(other.requests.filter((path) => path === "models/progan-scenes.onnx").length, 2);
        } finally {
            await other.close();
        }
    });
}

test("a file that is too large is not read", async () => {
    const { page } = await open(browser.context, `${site.origin}/?tab=walk&engine=easel`);
    await page.evaluate(() => {
        const transfer = new DataTransfer();
        // A blob of blobs takes no memory.
        let blob = new Blob([new Uint8Array(2 ** 20)]);
        for (let doublings = 0; doublings < 10; doublings++) blob = new Blob([blob, blob]);
        transfer.items.add(new File([blob], "huge.onnx"));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
    });
    assert.equal(await errorLine(page), "huge.onnx: the file has 1.1 GB; this page opens files of at most 537 MB");
    await page.getByLabel("Position").fill("1");
    await labelled(page, "walk-canvas", "Picture: At seed 8");
    await page.close();
});
