// What all tabs share: the engine, the address, the languages, the keyboard, the user's files.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { canvas, denoiser, drawn, dropFile, forget, labelled, launch, model, open, screenshot, serve } from "./harness.mjs";

let site, browser, proxy;
const leaving = [];
// Chromium's own hosts, for updates and reports.
const BROWSERS_OWN = /^(https?:\/\/)?([a-z0-9-]+\.)*(google|googleapis|gvt1)\.com[:\/]/;

/** A short sampling. */
const SHORT = "tab=digits&class=1&n=1&steps=3";

before(async () => {
    site = await serve();
    // The browser sends all requests to other machines to its proxy.
    proxy = createServer((request, response) => {
        leaving.push(request.url);
        response.writeHead(403).end();
    });
    proxy.on("connect", (request, socket) => {
        leaving.push(request.url);
        socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
    });
    await new Promise((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    browser = await launch({ proxy: `http://127.0.0.1:${proxy.address().port}` });
});

after(async () => {
    await browser?.close();
    await site?.close();
    proxy?.closeAllConnections();
    proxy?.close();
});

test("loads the models of the open tab, shows progress, and draws", async () => {
    const requested = [];
    const listen = (request) => requested.push(request.url());
    browser.context.on("request", listen);
    const { page, errors, progress } = await open(browser.context, `${site.origin}/?${SHORT}`);
    const texts = await progress();
    const parts = (name) => texts.filter((text) => new RegExp(`^${name}: [0-9.]+ [kM]B of [0-9.]+ [kM]B downloaded$`).test(text));
    assert.ok(new Set(parts("Model")).size >= 3, `the model's progress: ${texts}`);
    assert.equal(await page.locator("#engine-name").textContent(), "Easel, relaxed SIMD");
    const names = requested.map((url) => new URL(url).pathname);
    assert.deepEqual(names.filter((name) => name.includes("ort") || name.endsWith(".wasm")), ["/js/easel-relaxed.wasm"]);
    assert.match(await page.locator("#time").textContent(), /^[0-9.]+ ms per picture$/);
    assert.match(await page.getByRole("status").textContent(), /^1 picture of 1 drawn from seed 1 with Easel, relaxed SIMD$/);
    assert.ok(!requested.some((url) => url.endsWith("progan-scenes.onnx")), "the other tab's model is loaded later");
    await page.getByRole("tab", { name: "Latent walk" }).click();
    await drawn(page);
    assert.ok(requested.some((url) => url.endsWith("progan-scenes.onnx")));
    browser.context.off("request", listen);
    assert.deepEqual(errors, []);
    await page.close();
});

test("shows that it is loading", async () => {
    await forget(browser.context, site.origin);
    const { page } = await open(browser.context, `${site.origin}/?${SHORT}`, { waitForPictures: false });
    const stage = page.locator("#digits-figure");
    await stage.getByText(/^Model: .* of /).waitFor();
    assert.ok(await stage.getByRole("progressbar").isVisible());
    assert.equal(await page.getByRole("status").textContent(), "Loading denoiser.onnx");
    await screenshot(page, "loading");
    await drawn(page);
    assert.ok(await stage.getByRole("progressbar").isHidden());
    await page.close();
});

test("uses threads where the page is isolated", async () => {
    const { page, progress } = await open(browser.context, `${site.origin}/?tab=walk&engine=wasm`);
    const texts = await progress();
    assert.ok(texts.some((text) => /^Engine: [0-9.]+ MB of 14.2 MB downloaded$/.test(text)), `the engine's progress: ${texts}`);
    const cores = await page.evaluate(() => navigator.hardwareConcurrency);
    const expected = cores > 1 ? `WASM, ${Math.min(cores, 8)} threads` : "WASM";
    assert.equal(await page.locator("#engine-name").textContent(), expected);
    await page.close();
});

test("the engine can be switched, for all tabs", async () => {
    const { page, errors } = await open(browser.context, `${site.origin}/?tab=walk&engine=wasm`);
    const before = await canvas(page, "walk-canvas");
    await page.getByLabel("Engine", { exact: true }).selectOption("webgpu");
    await page.waitForFunction(() => document.getElementById("badge").dataset.engine === "webgpu");
    await drawn(page);
    assert.match(await page.locator("#engine-name").textContent(), /^WebGPU/);
    const after = await canvas(page, "walk-canvas");
    const largest = before.data.reduce((most, value, at) => Math.max(most, Math.abs(value - after.data[at])), 0);
    assert.ok(largest <= 1, `${largest} of 255 apart`);
    await page.waitForURL((url) => url.searchParams.get("engine") === "webgpu");
    await page.getByLabel("Engine", { exact: true }).selectOption("wasm");
    await page.waitForFunction(() => document.getElementById("badge").dataset.engine === "wasm");
    await page.getByLabel("Engine", { exact: true }).selectOption("easel");
    await page.waitForFunction(() => document.getElementById("badge").dataset.engine === "easel");
    await page.getByRole("tab", { name: "Digits" }).click();
    await drawn(page);
    assert.match(await page.locator("#engine-name").textContent(), /^Easel/);
    assert.deepEqual(errors, []);
    await page.close();
});

test("the last of several chosen engines counts", async () => {
    const { page } = await open(browser.context, `${site.origin}/?${SHORT}`);
    const engine = page.getByLabel("Engine", { exact: true });
    await engine.selectOption("webgpu");
    await page.waitForTimeout(100);
    await engine.selectOption("wasm");
    await page.waitForURL((url) => url.searchParams.get("engine") === "wasm");
    await drawn(page);
    assert.equal(await engine.inputValue(), "wasm");
    assert.equal(await page.locator("#badge").getAttribute("data-engine"), "wasm");
    await page.close();
});

test("if a model cannot be loaded, the one before stays", async () => {
    const { page } = await open(browser.context, `${site.origin}/?${SHORT}`);
    const other = Buffer.from(denoiser.toString("latin1").replace("Handwritten digits", "Hand-written tens."), "latin1");
    const broken = Buffer.from(denoiser.toString("latin1").replace('"golden":[', '"golden":{'), "latin1");
    // Both are being loaded at once.
    await dropFile(page, "other.onnx", other);
    await page.waitForFunction(() => document.getElementById("digits-figure").ariaBusy === "true");
    await dropFile(page, "broken.onnx", broken);
    await page.waitForFunction(() => document.getElementById("digits-title").textContent.startsWith("Hand-written tens."));
    await page.locator("#digits").getByText("sample -m other.onnx").waitFor();
    await page.close();
});

test("the link is copied", async () => {
    await browser.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const { page } = await open(browser.context, `${site.origin}/?tab=walk`);
    await page.getByLabel("Position").fill("0.5");
    await page.locator("#walk-link").click();
    await page.locator("#walk-link", { hasText: "Link copied" }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(copied, `${site.origin}/?tab=walk&seeds=20,8,27,37&at=0.5`);
    await browser.context.clearPermissions();
    await page.close();
});

test("tabs by keyboard, and in the address", async () => {
    const { page } = await open(browser.context, `${site.origin}/?tab=walk`);
    const [stylize, digits, walk] = ["Stylize", "Digits", "Latent walk"].map((name) => page.getByRole("tab", { name }));
    assert.equal(await walk.getAttribute("aria-selected"), "true");
    assert.equal(await page.title(), "Latent walk · Easel");
    await walk.focus();
    const selected = async (key, tab, name) => {
        await page.keyboard.press(key);
        assert.equal(await tab.getAttribute("aria-selected"), "true", key);
        assert.ok(await tab.evaluate((tab) => tab === document.activeElement), key);
        assert.ok(await page.locator(`#${name}`).isVisible(), key);
        await page.waitForURL((url) => url.searchParams.get("tab") === name);
    };
    await selected("ArrowLeft", digits, "digits");
    await selected("ArrowRight", walk, "walk");
    await selected("ArrowRight", stylize, "stylize");
    await selected("ArrowLeft", walk, "walk");
    await selected("Home", stylize, "stylize");
    await selected("End", walk, "walk");
    // The browser's Back returns to the tab before.
    await page.goBack();
    assert.equal(await stylize.getAttribute("aria-selected"), "true");
    await page.waitForURL((url) => url.searchParams.get("tab") === "stylize");
    await page.goForward();
    assert.equal(await walk.getAttribute("aria-selected"), "true");
    await walk.focus();
    // Only the open tab is in the tab order.
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "engine");
    await page.close();
});

test("everything can be reached by keyboard and has a name", async () => {
    const { page } = await open(browser.context, `${site.origin}/?${SHORT}`);
    await page.evaluate(() => document.activeElement?.blur());
    const names = [];
    for (let presses = 0; presses < 26; presses++) {
        await page.keyboard.press("Tab");
        names.push(
            await page.evaluate(() => {
                const focused = document.activeElement;
                return focused.ariaLabel ?? (focused.labels?.[0] ?? focused).textContent.trim();
            }),
        );
    }
    const fields = ["Seed", "New seed", "How many", "Sampler", "Steps", "Guidance"];
    const order = ["Digits", "Engine", "中文", ..."0123456789", "All", "Draw", ...fields, "Download PNG", "Copy link"];
    assert.deepEqual(names.slice(0, order.length), order);
    await page.close();
});

test("is in Chinese if the browser is, or if the user chooses it", async () => {
    const { page, errors } = await open(browser.context, `${site.origin}/?${SHORT}`);
    assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
    const title = await page.locator("#digits-title").textContent();
    await page.getByRole("button", { name: "中文" }).click();
    assert.equal(await page.evaluate(() => document.documentElement.lang), "zh-Hans");
    assert.equal(await page.locator("#digits-title").textContent(), title, "the model's own");
    assert.equal(await page.title(), "数字 · Easel");
    await page.waitForURL((url) => url.searchParams.get("lang") === "zh");
    // All of the page's text is in Chinese, except names.
    for (const name of ["潜空间漫步", "风格", "数字"]) {
        await page.getByRole("tab", { name }).click();
        await drawn(page);
        await page.waitForTimeout(100);
        const english = await page.evaluate(() =>
            [...document.querySelectorAll("[data-say], label, .label, button, .hint")]
                .filter((element) => element.checkVisibility() && element.lang !== "en")
                .map((element) => element.textContent)
                .filter((text) => /[a-z]{2}/i.test(text.replace(/\.onnx|GAN|PNG|DPM-Solver|DDIM|WebGPU|WASM|Easel/g, ""))),
        );
        assert.deepEqual(english, []);
    }
    await page.getByRole("button", { name: "English" }).click();
    assert.equal(await page.getByRole("tab", { selected: true }).textContent(), "Digits");
    assert.deepEqual(errors, []);

    await page.addInitScript(() => Object.defineProperty(navigator, "languages", { value: ["zh-TW", "en"] }));
    await page.goto(`${site.origin}/?${SHORT}`);
    assert.equal(await page.getByRole("tab", { selected: true }).textContent(), "数字");
    await page.close();
});

test("files open in the tab for their kind", async () => {
    const { page, errors } = await open(browser.context, `${site.origin}/?tab=walk`);
    await dropFile(page, "mine.onnx", denoiser);
    await page.locator("#digits").getByText("sample -m mine.onnx -n 1 --seed 1").waitFor();
    assert.equal(await page.getByRole("tab", { selected: true }).textContent(), "Digits");
    await drawn(page);
    assert.equal(await page.locator("#digits-model option:checked").textContent(), "mine.onnx (yours)");
    assert.equal(await page.locator("#digits-link").getAttribute("title"), "A link cannot include your file.");
    assert.ok(await page.locator("#digits-link").isDisabled());

    const before = await canvas(page, "gan-canvas");
    await page.locator("#file").setInputFiles({ name: "gan.onnx", mimeType: "", buffer: model });
    await page.waitForFunction(() => document.getElementById("gan-model").selectedOptions[0].text === "gan.onnx (yours)");
    await drawn(page);
    assert.deepEqual(await canvas(page, "gan-canvas"), before);

    const scenes = await (await fetch(`${site.origin}/models/progan-scenes.onnx`)).arrayBuffer();
    await page.locator("#file").setInputFiles({ name: "walk.onnx", mimeType: "", buffer: Buffer.from(scenes) });
    await page.locator("#walk").getByText("sample -m walk.onnx --seeds 20,8,27,37").waitFor();
    assert.equal(await page.getByRole("tab", { selected: true }).textContent(), "Latent walk");
    await labelled(page, "walk-canvas", "Picture: At seed 20");
    await drawn(page);
    assert.deepEqual(errors, []);
    await page.close();
});

test("a tab draws while another samples", async () => {
    const { page } = await open(browser.context, `${site.origin}/?engine=easel&${SHORT}`);
    await page.getByLabel("Sampler").selectOption("ancestral");
    await page.getByText(/^Step [0-9]+ of 1000$/).waitFor();
    await page.getByRole("tab", { name: "Latent walk" }).click();
    await drawn(page);
    assert.equal(await page.getByLabel("Position").getAttribute("aria-valuetext"), "At seed 20");
    await page.getByRole("tab", { name: "Digits" }).click();
    const done = () => page.locator("#digits-progress").evaluate((progress) => progress.value);
    const before = await done();
    await page.waitForFunction((before) => document.getElementById("digits-progress").value > before, before);
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.close();
});

test("fits a phone, light and dark", async () => {
    for (const tab of ["stylize", "digits", "walk"]) {
        const { page } = await open(browser.context, `${site.origin}/?tab=${tab}`);
        if (tab === "walk") await page.locator("#direction-6").waitFor();
        for (const colorScheme of ["light", "dark"]) {
            await page.emulateMedia({ colorScheme });
            await page.setViewportSize({ width: 1280, height: 800 });
            await screenshot(page, `${tab}-desktop-${colorScheme}`);
            await page.setViewportSize({ width: 390, height: 844 });
            await page.locator(`#${tab}-about summary`).click();
            const width = await page.evaluate(() => document.documentElement.scrollWidth);
            assert.ok(width <= 390, `the page is ${width} pixels wide`);
            await screenshot(page, `${tab}-phone-${colorScheme}`);
            await page.locator(`#${tab}-about summary`).click();
        }
        await page.close();
    }
});

test("no request leaves the origin", async () => {
    const requested = [];
    const listen = (request) => requested.push(request.url());
    browser.context.on("request", listen);
    await forget(browser.context, site.origin);
    for (const engine of ["wasm", "webgpu"]) {
        const { page } = await open(browser.context, `${site.origin}/?tab=walk&engine=${engine}`);
        await page.close();
    }
    browser.context.off("request", listen);
    const origins = new Set(requested.map((url) => new URL(url).origin));
    assert.deepEqual([...origins], [site.origin]);
    for (const part of ["ort-wasm-simd-threaded.wasm", "easel-relaxed.wasm", "progan-scenes.onnx"]) {
        assert.ok(requested.some((url) => url.endsWith(part)), `${part} was not seen among ${requested}`);
    }
    // From all pages of this file, their Workers and the Workers of those.
    assert.deepEqual(leaving.filter((address) => !BROWSERS_OWN.test(address)), []);
});
