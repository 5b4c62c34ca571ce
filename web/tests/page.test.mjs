// The page as a person uses it.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import {
    difference,
    drawn,
    drawnFrom,
    launch,
    model,
    open,
    reference,
    referenceSheet,
    screenshot,
    serve,
    sheet,
} from "./harness.mjs";

let site, browser, proxy;
const leaving = [];
// Where Chromium itself reports to and updates from, whatever page is open.
const BROWSERS_OWN = /^(https?:\/\/)?([a-z0-9-]+\.)*(google|googleapis|gvt1)\.com[:\/]/;

before(async () => {
    site = await serve();
    // The browser asks its proxy for everything that is not on this machine.
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

test("loads the model with progress and draws", async () => {
    const { page, errors, progress } = await open(browser.context, site.origin);
    const texts = await progress();
    const parts = (name) => texts.filter((text) => new RegExp(`^${name}: [0-9.]+ [kM]B of [0-9.]+ [kM]B$`).test(text));
    assert.ok(new Set(parts("Model")).size >= 3, `the model's progress: ${texts}`);
    assert.ok(parts("Engine").length >= 1, `the engine's progress: ${texts}`);

    const { data } = await sheet(page);
    assert.ok(new Set(data).size > 20, "the sheet has shades");
    assert.match(await page.locator("#badge").textContent(), /^(WebGPU|WASM)(, [0-9]+ threads)?$/);
    assert.match(await page.locator("#time").textContent(), /^[0-9.]+ ms per picture$/);
    assert.match(await page.getByRole("status").textContent(), /^64 pictures drawn from seed 1 with W/);
    assert.deepEqual(errors, []);
    await page.close();
});

test("shows that it is loading", async () => {
    const { page } = await open(browser.context, site.origin, { waitForPictures: false });
    await page.getByText(/^Model: .* of /).waitFor();
    assert.ok(await page.getByRole("progressbar").isVisible());
    assert.equal(await page.getByRole("status").textContent(), "Loading test.onnx");
    await screenshot(page, "loading");
    await drawn(page);
    assert.ok(await page.getByRole("progressbar").isHidden());
    await page.close();
});

test("uses threads where the page is isolated", async () => {
    const { page } = await open(browser.context, `${site.origin}/?engine=wasm`);
    const cores = await page.evaluate(() => navigator.hardwareConcurrency);
    const expected = cores > 1 ? `WASM, ${Math.min(cores, 8)} threads` : "WASM";
    assert.equal(await page.locator("#badge").textContent(), expected);
    await page.close();
});

test("a new seed draws others, the old seed the same", async () => {
    const { page } = await open(browser.context, `${site.origin}/?seed=5&n=9`);
    const first = await sheet(page);
    await page.getByRole("button", { name: "New seed" }).click();
    const seed = await page.getByLabel("Seed", { exact: true }).inputValue();
    assert.notEqual(seed, "5");
    await drawnFrom(page, seed);
    assert.ok(difference(first, await sheet(page)).differing > 100);
    assert.equal(new URL(page.url()).search, `?seed=${seed}&n=9`);

    await page.getByLabel("Seed", { exact: true }).fill("5");
    await drawnFrom(page, 5);
    assert.deepEqual(await sheet(page), first);
    await page.close();
});

test("the count and the largest seed", async () => {
    const { page } = await open(browser.context, `${site.origin}/?seed=18446744073709551615&n=1`);
    const one = await sheet(page);
    await page.getByLabel("Pictures", { exact: true }).fill("7");
    await page.waitForFunction(() => document.getElementById("sheet").getAttribute("aria-label").startsWith("7 pictures"));
    await drawn(page);
    const seven = await sheet(page);
    assert.deepEqual([seven.width, seven.height].map((size) => (size - 2) / 3 + 2), [one.width, one.height]);
    const row = (picture, y) => picture.data.subarray((y * picture.width + 2) * 4, (y * picture.width + one.width - 2) * 4);
    for (let y = 2; y < one.height - 2; y++) assert.deepEqual(row(seven, y), row(one, y), "the first picture stays");
    await page.close();
});

test("what makes no sense is explained and changes nothing", async () => {
    const { page, errors } = await open(browser.context, `${site.origin}/?seed=3&n=4`);
    const before = await sheet(page);
    for (const text of ["", "-1", "1.5", "seven", "18446744073709551616"]) {
        await page.getByLabel("Seed", { exact: true }).fill(text);
        assert.equal(await page.getByLabel("Seed", { exact: true }).getAttribute("aria-invalid"), "true", text);
        assert.equal(await page.locator("#seed-hint").textContent(), "A whole number from 0 to 18446744073709551615.");
    }
    for (const text of ["", "0", "257", "-4", "2.5"]) {
        await page.getByLabel("Pictures", { exact: true }).fill(text);
        assert.equal(await page.getByLabel("Pictures", { exact: true }).getAttribute("aria-invalid"), "true", text);
        assert.equal(await page.locator("#count-hint").textContent(), "From 1 to 256.");
    }
    assert.deepEqual(await sheet(page), before);
    assert.equal(new URL(page.url()).search, "?seed=3&n=4");
    assert.deepEqual(errors, []);
    await page.close();
});

test("the same seed draws the pixels that the native runtime draws", async () => {
    const { seed, count } = reference.grid;
    const { page } = await open(browser.context, `${site.origin}/?seed=${seed}&n=${count}&engine=wasm`);
    const { largest, differing } = difference(await sheet(page), referenceSheet());
    assert.ok(largest <= 1, `${differing} bytes differ, by ${largest} at most`);
    await page.close();
});

test("the engine can be switched", async () => {
    const { seed, count } = reference.grid;
    const { page, errors } = await open(browser.context, `${site.origin}/?seed=${seed}&n=${count}&engine=wasm`);
    await page.getByLabel("Engine", { exact: true }).selectOption("webgpu");
    await page.waitForFunction(() => document.getElementById("badge").dataset.engine === "webgpu");
    await drawn(page);
    assert.match(await page.locator("#badge").textContent(), /^WebGPU/);
    assert.ok(difference(await sheet(page), referenceSheet()).largest <= 1);
    assert.equal(new URL(page.url()).searchParams.get("engine"), "webgpu");
    assert.deepEqual(errors, []);
    await page.close();
});

test("the sheet is saved as it is", async () => {
    const { page } = await open(browser.context, `${site.origin}/?seed=12&n=16`);
    const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.getByRole("button", { name: "Download PNG" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "seed-12.png");
    const png = await readFile(await download.path());
    assert.equal(png.subarray(1, 4).toString(), "PNG");
    const { width, height } = await sheet(page);
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [width, height]);
    await page.close();
});

test("a model can be opened and dropped", async () => {
    const { page, errors } = await open(browser.context, `${site.origin}/?seed=2&n=4`);
    const expected = await sheet(page);
    await page.locator("#file").setInputFiles({ name: "mine.onnx", mimeType: "", buffer: model });
    await page.getByText("sample -m mine.onnx -n 4 --seed 2 -o grid.png").waitFor();
    await drawn(page);
    assert.deepEqual(await sheet(page), expected);

    await page.evaluate((bytes) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], "dropped.onnx"));
        for (const type of ["dragover", "drop"]) {
            document.body.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }
    }, model.toString("base64"));
    await page.getByText("sample -m dropped.onnx -n 4 --seed 2 -o grid.png").waitFor();
    await drawn(page);
    assert.deepEqual(await sheet(page), expected);
    assert.deepEqual(errors, []);
    await page.close();
});

test("the card is shown", async () => {
    const { page } = await open(browser.context, site.origin);
    await page.getByText("About this model").click();
    const terms = await page.locator("#card dt").allTextContents();
    for (const term of ["Title", "Network", "Pictures", "Verified", "Licence"]) assert.ok(terms.includes(term), term);
    await page.close();
});

test("everything can be reached by keyboard and has a name", async () => {
    const { page } = await open(browser.context, site.origin);
    const names = [];
    await page.evaluate(() => document.activeElement?.blur());
    for (let presses = 0; presses < 9; presses++) {
        await page.keyboard.press("Tab");
        names.push(
            await page.evaluate(() => {
                const focused = document.activeElement;
                return (focused.labels?.[0] ?? focused).textContent.trim();
            }),
        );
    }
    const order = ["Seed", "New seed", "Pictures", "Engine", "Download PNG", "Open a model…", "About this model"];
    assert.deepEqual(names.slice(0, order.length), order);
    await page.close();
});

test("fits a telephone, light and dark", async () => {
    const { page } = await open(browser.context, `${site.origin}/?seed=1&n=64`);
    for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width: 1280, height: 900 });
        await screenshot(page, `desktop-${colorScheme}`);
        await page.getByText("About this model").click();
        await page.setViewportSize({ width: 390, height: 844 });
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(width <= 390, `the page is ${width} pixels wide`);
        await screenshot(page, `phone-${colorScheme}`);
        await page.getByText("About this model").click();
    }
    await page.close();
});

test("no request leaves the origin", async () => {
    const requested = [];
    const listen = (request) => requested.push(request.url());
    browser.context.on("request", listen);
    for (const engine of ["wasm", "webgpu"]) {
        const { page } = await open(browser.context, `${site.origin}/?engine=${engine}&n=4`);
        await page.close();
    }
    browser.context.off("request", listen);
    const origins = new Set(requested.map((url) => new URL(url).origin));
    assert.deepEqual([...origins], [site.origin]);
    for (const part of ["ort-wasm-simd-threaded.wasm", "easel_wasm_bg.wasm", "test.onnx"]) {
        assert.ok(requested.some((url) => url.endsWith(part)), `${part} was not seen among ${requested}`);
    }
    // From all pages of this file, their Workers and the Workers of those.
    assert.deepEqual(leaving.filter((address) => !BROWSERS_OWN.test(address)), []);
});
