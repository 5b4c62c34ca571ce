// Errors about models are shown in one line, and the page stays usable.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { INDEX, SLOW, canvas, denoiser, drawn, errorLine, labelled, launch, model, open, screenshot, serve } from "./harness.mjs";

const PNG = Buffer.from(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
    "base64",
);
// ModelProto { ir_version: 8, graph: {} }: a model without a card.
const NO_CARD = Buffer.from([0x08, 8, 0x3a, 0]);

/** The same with a card. */
function withCard(card) {
    const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >> 7)]);
    const field = (number, bytes) => Buffer.from([(number << 3) | 2, ...varint(bytes.length), ...bytes]);
    const entry = [field(1, Buffer.from("easel")), field(2, Buffer.from(JSON.stringify(card)))];
    return Buffer.concat([NO_CARD, field(14, Buffer.concat(entry))]);
}

const card = {
    schema: 1,
    title: "Test",
    kind: "stylizer",
    architecture: { name: "imfw", sizes: {} },
    picture: { channels: 3, size: { any: { multiple: 4, at_least: 8 } } },
    provenance: { weights_sha256: "", program: "" },
    licence: "unknown",
    verification: { engine: "", max_difference: 0, shapes: [] },
};

const CASES = {
    "truncated.onnx": [model.subarray(0, model.length - 5000), /the model file is truncated: .*; copy or export it again$/],
    "half.onnx": [model.subarray(0, model.length / 2), /the model file is truncated: /],
    "picture.onnx": [PNG, /not an ONNX model: /],
    "empty.onnx": [Buffer.alloc(0), /not an ONNX model: the file is empty; /],
    "other.onnx": [NO_CARD, /the model has no Easel card .*: it was not written by export-onnx, /],
    "newer.onnx": [withCard({ ...card, schema: 99 }), /the model's card has schema 99, .*: update the program$/],
    "stylizer.onnx": [withCard(card), /this model is a stylizer, not a generator$/],
    "tabular.onnx": [
        withCard({ ...card, kind: "tabular", column_count: 4, task: "regression", picture: undefined }),
        /this model is a tabular model, not a generator$/,
    ],
    // The card is valid, but the graph is empty, which the engine refuses.
    "hollow.onnx": [
        withCard({ ...card, kind: "generator", latent: { dim: 4, distribution: "normal" } }),
        /the engine cannot open the model: Missing opset in the model/,
    ],
    "missing.onnx": [null, /cannot be fetched: 404 Not Found$/],
};

let site, browser;

before(async () => {
    const like = (kind, rest) => (file) => ({ name: `${kind} ${file}`, file, title: `${kind} ${file}`, bytes: 0, kind, ...rest });
    const index = [
        ...INDEX,
        ...Object.keys(CASES).map(like("generator", { latent: "normal" })),
        ...Object.keys(CASES).map(like("denoiser", {})),
    ];
    const files = { "models/index.json": JSON.stringify(index) };
    for (const [file, [bytes]] of Object.entries(CASES)) files[`models/${file}`] = bytes;
    site = await serve({ files });
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await site?.close();
});

for (const [file, [, expected]] of Object.entries(CASES)) {
    test(`${file} as the page's model`, async () => {
        const { page } = await open(browser.context, `${site.origin}/?tab=walk&engine=wasm&model=generator+${file}`, {
            waitForPictures: false,
        });
        const line = await errorLine(page);
        assert.ok(line.startsWith(`${file}: `), line);
        assert.match(line, expected);
        assert.ok(await page.locator("#walk .loading").isHidden());
        assert.equal(await page.locator("#walk-figure").getAttribute("aria-busy"), "false");
        await screenshot(page, `error-${file}`);

        await page.locator("#walk-model").selectOption("scenes");
        await drawn(page);
        await page.close();
    });
}

test("a damaged graph in Easel's engine", async () => {
    const address = `${site.origin}/?tab=walk&engine=easel&model=generator+hollow.onnx`;
    const { page } = await open(browser.context, address, { waitForPictures: false });
    const message = "the engine cannot open the model: the model's graph is damaged: it has no outputs; export it again";
    assert.equal(await errorLine(page), `hollow.onnx: Easel: ${message}`);
    await page.close();
});

test("a file that is not a denoiser", async () => {
    const address = `${site.origin}/?tab=digits&engine=easel&steps=2&model=denoiser+hollow.onnx`;
    const { page } = await open(browser.context, address, { waitForPictures: false });
    assert.equal(await errorLine(page), "hollow.onnx: this model is a generator, not a denoiser");
    await page.locator("#digits-model").selectOption("denoiser");
    await drawn(page);
    await page.close();
});

test("files of the user's get the same message, and the model before stays", async () => {
    const { page } = await open(browser.context, `${site.origin}/?tab=walk&engine=wasm&seeds=1,2`);
    const before = await canvas(page, "walk-canvas");
    for (const [file, [bytes, expected]] of Object.entries(CASES)) {
        // A stylizer would open in another tab.
        if (bytes === null || file === "stylizer.onnx") continue;
        await page.locator("#file").setInputFiles({ name: `my ${file}`, mimeType: "", buffer: bytes });
        await page.waitForFunction((name) => document.getElementById("error").textContent.startsWith(name), `my ${file}: `);
        assert.match(await errorLine(page), expected);
        assert.deepEqual(await canvas(page, "walk-canvas"), before);
    }
    await page.getByRole("button", { name: "Close" }).click();
    assert.ok(await page.locator("#notice").isHidden());
    await page.getByRole("textbox", { name: "Seed 1" }).fill("3");
    await labelled(page, "walk-canvas", "Picture: At seed 3");
    await drawn(page);
    assert.notDeepEqual(await canvas(page, "walk-canvas"), before);
    await page.close();
});

test("a damaged denoiser is not reported as the wrong kind", async () => {
    const { page } = await open(browser.context, `${site.origin}/?tab=walk&engine=easel`);
    await page.locator("#file").setInputFiles({ name: "cut.onnx", mimeType: "", buffer: denoiser.subarray(0, 1e6) });
    assert.match(await errorLine(page), /^cut.onnx: the model file is truncated: /);
    assert.equal(await page.getByRole("tab", { selected: true }).textContent(), "Latent walk");
    await page.close();
});

test("a page without models, and an unknown one", async () => {
    const bare = await serve({ files: { "models/index.json": null } });
    try {
        const { page } = await open(browser.context, bare.origin, { waitForPictures: false });
        assert.equal(await errorLine(page), "This page has no model: open an .onnx file of your own.");
        await page.locator("#file").setInputFiles({ name: "mine.onnx", mimeType: "", buffer: denoiser });
        await page.locator("#digits-figure:not(.empty)").waitFor();
        await page.locator("#file").setInputFiles({ name: "gan.onnx", mimeType: "", buffer: model });
        await drawn(page);
        await page.close();
    } finally {
        await bare.close();
    }
    for (const tab of ["digits", "walk"]) {
        const address = `${site.origin}/?tab=${tab}&model=nobody`;
        const { page } = await open(browser.context, address, { waitForPictures: false });
        assert.match(await errorLine(page), /^This page has no model named nobody /);
        await page.locator("#file").setInputFiles({ name: "mine.onnx", mimeType: "", buffer: denoiser });
        await drawn(page);
        await page.close();
    }
});

test("a list of models that is damaged", async () => {
    const bare = await serve({ files: { "models/index.json": "{" } });
    try {
        const { page } = await open(browser.context, `${bare.origin}/?lang=zh`, { waitForPictures: false });
        assert.equal(await errorLine(page), "模型列表（models/index.json）已损坏。");
        await page.close();
    } finally {
        await bare.close();
    }
});

test("an engine that the server does not have", async () => {
    const bare = await serve({ files: { "ort/ort-wasm-simd-threaded.wasm": null } });
    try {
        const { page } = await open(browser.context, `${bare.origin}/?engine=wasm`, { waitForPictures: false });
        const expected = /^wave.onnx: the engine, ort-wasm-simd-threaded.wasm: cannot be fetched: 404 Not Found$/;
        assert.match(await errorLine(page), expected);
        await page.close();
        // It is not needed otherwise.
        await (await open(browser.context, bare.origin)).page.close();
    } finally {
        await bare.close();
    }
});

test("an engine that the browser does not have", async () => {
    const crippled = await browser.context.newPage();
    await crippled.addInitScript(SLOW);
    // A line before the Worker's script removes WebGPU.
    await crippled.route("**/js/worker.js", async (route) => {
        const response = await route.fetch();
        const body = `Object.defineProperty(navigator, "gpu", { value: { requestAdapter: async () => null } });${await response.text()}`;
        await route.fulfill({ response, body });
    });
    await crippled.goto(`${site.origin}/?tab=walk&engine=webgpu`);
    assert.equal(await errorLine(crippled), "progan-scenes.onnx: WebGPU: this browser found no usable GPU");
    await crippled.getByLabel("Engine", { exact: true }).selectOption("auto");
    await drawn(crippled);
    assert.match(await crippled.locator("#engine-name").textContent(), /^Easel/);
    assert.match(await crippled.locator("#badge").getAttribute("title"), /no usable GPU/);

    // The picture and the engine before stay.
    await crippled.getByLabel("Engine", { exact: true }).selectOption("webgpu");
    await errorLine(crippled);
    assert.equal(await crippled.getByLabel("Engine", { exact: true }).inputValue(), "auto");
    await crippled.getByLabel("Position").fill("1");
    await labelled(crippled, "walk-canvas", "Picture: At seed 8");
    await crippled.close();
});

test("a Worker that dies is replaced, and the page goes on", async () => {
    const { page } = await open(browser.context, `${site.origin}/?tab=walk&engine=easel`);
    const worker = page.workers().find((worker) => worker.url().endsWith("/js/worker.js"));
    await worker.evaluate(() => setTimeout(() => { throw new Error("the end"); }));
    await page.waitForTimeout(200);
    await page.getByLabel("Position").fill("1");
    await labelled(page, "walk-canvas", "Picture: At seed 8");
    await page.close();
});
