// Offline use, threads without the server's headers, and new builds.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { COMMON_TYPES, dist, drawn, dropFile, launch, open, screenshot, serve } from "./harness.mjs";

/** A short sampling. */
const SHORT = "?tab=digits&class=1&n=1&steps=3&engine=easel";
/** The same in the engine that uses threads. */
const THREADED = SHORT.replace("engine=easel", "engine=wasm");
/** The page's notice. */
const READY = "This page now works offline, too.";

async function visit(options, work) {
    const site = await serve(options);
    const browser = await launch({ serviceWorkers: "allow" });
    try {
        await work(browser.context, site);
    } finally {
        await browser.close();
        await site.close();
    }
}

test("after the first visit everything works without the server", () =>
    visit({}, async (context, site) => {
        const { page, errors, progress } = await open(context, `${site.origin}/${SHORT}`);
        assert.ok((await progress()).every((text) => !text.includes("from the cache")), "the cache is not empty on a first visit");
        await page.getByText(READY).waitFor();
        await screenshot(page, "offline-ready");
        assert.deepEqual(errors, []);
        await site.close();

        await page.reload();
        await drawn(page);
        const texts = await page.evaluate(() => window.progressTexts);
        assert.ok(texts.includes("Model: 4.5 MB, from the cache"), `the model's progress: ${texts}`);
        assert.ok(texts.every((text) => !text.includes("downloaded")), `something was downloaded: ${texts}`);

        // A link in another tab, with a model that was never opened.
        const other = await open(context, `${site.origin}/?tab=walk&seeds=7,8&at=1&engine=easel&lang=zh`);
        assert.equal(await other.page.getByLabel("位置").getAttribute("aria-valuetext"), "在种子 8 处");
        const said = await other.progress();
        assert.ok(said.includes("模型：0.4 MB，来自缓存"), `its progress: ${said}`);
        assert.equal(await other.page.locator("#engine-name").textContent(), "Easel, relaxed SIMD");
    }));

test("onnxruntime-web works offline once it was used", () =>
    visit({}, async (context, site) => {
        const { page } = await open(context, `${site.origin}/${THREADED}`);
        await page.getByText(READY).waitFor();
        await site.close();
        await page.reload();
        await drawn(page);
        const texts = await page.evaluate(() => window.progressTexts);
        assert.ok(texts.includes("Engine: 14.2 MB, from the cache"), `the engine's progress: ${texts}`);
        assert.match(await page.locator("#engine-name").textContent(), /^WASM, [0-9]+ threads$/);
    }));

test("a browser that runs a quicker build since the last visit takes the one that is cached", () =>
    visit({}, async (context, site) => {
        await context.addInitScript(() => {
            if (localStorage.updated) return;
            const own = WebAssembly.validate;
            WebAssembly.validate = (bytes) => own(bytes) && !bytes.includes(0x85);
        });
        const { page } = await open(context, `${site.origin}/${SHORT}`);
        assert.equal(await page.locator("#engine-name").textContent(), "Easel, SIMD");
        await page.getByText(READY).waitFor();
        // The service worker runs in the browser as it is, so the build is put there as an older browser would have it.
        await page.evaluate(async () => {
            const name = (await caches.keys()).find((name) => !name.endsWith("large"));
            const cache = await caches.open(name);
            await cache.put("js/easel-simd.wasm", await fetch("js/easel-simd.wasm"));
            await cache.delete("js/easel-relaxed.wasm");
            localStorage.updated = "yes";
        });
        await site.close();
        await page.reload();
        await drawn(page);
        assert.equal(await page.locator("#engine-name").textContent(), "Easel, SIMD");
    }));

test("threads and the content security policy without the headers of the server", () =>
    visit({ isolated: false, policy: null }, async (context, site) => {
        const { page, errors } = await open(context, `${site.origin}/${THREADED}`);
        assert.ok(await page.evaluate(() => crossOriginIsolated));
        assert.match(await page.locator("#engine-name").textContent(), /^WASM, [0-9]+ threads$/);
        assert.equal(await page.evaluate(() => performance.getEntriesByType("navigation")[0].type), "reload");
        const policy = () => fetch("js/worker.js").then(({ headers }) => headers.get("content-security-policy"));
        assert.match(await page.evaluate(policy), /^default-src 'none'; script-src 'self'/);
        assert.deepEqual(errors, []);
        // Later visits do not reload.
        const again = await open(context, `${site.origin}/${THREADED}`);
        assert.equal(await again.page.evaluate(() => performance.getEntriesByType("navigation")[0].type), "navigate");
        assert.ok(await again.page.evaluate(() => crossOriginIsolated));
    }));

test("any file server will do: few media types, no headers, any folder", () =>
    visit({ isolated: false, policy: null, types: COMMON_TYPES, folder: "/shared/easel/" }, async (context, site) => {
        const address = `${site.origin}/shared/easel/${THREADED}`;
        // Without a service worker, as on a first visit that may not install one.
        await context.addInitScript(() => localStorage.first ?? delete Navigator.prototype.serviceWorker);
        const first = await open(context, address);
        assert.equal(await first.page.locator("#engine-name").textContent(), "WASM");
        assert.deepEqual(first.errors, []);
        await first.page.evaluate(() => (localStorage.first = "done"));
        const second = await open(context, address);
        await second.page.getByText(READY).waitFor();
        assert.deepEqual(second.errors, []);
        await second.page.goto("about:blank");
        // From the service worker's cache, with its headers.
        const third = await open(context, address);
        assert.match(await third.page.locator("#engine-name").textContent(), /^WASM, [0-9]+ threads$/);
        assert.deepEqual(third.errors, []);
        const own = await open(context, `${site.origin}/shared/easel/${SHORT}`);
        assert.equal(await own.page.locator("#engine-name").textContent(), "Easel, relaxed SIMD");
        assert.deepEqual(own.errors, []);
        assert.ok(!site.requests.some((path) => path.endsWith(".mjs")));
    }));

test("a page that cannot get the headers reloads at most once", () =>
    visit({ isolated: false }, async (context, site) => {
        const page = await context.newPage();
        let loads = 0;
        page.on("load", () => loads++);
        await page.addInitScript(() => Object.defineProperty(window, "crossOriginIsolated", { value: false }));
        await page.goto(`${site.origin}/${SHORT}`);
        await page.waitForFunction(() => sessionStorage.length === 1);
        await drawn(page);
        assert.equal(loads, 2);
    }));

test("the page does not wait long for headers, and a reload loses nothing", () =>
    visit({ isolated: false }, async (context, site) => {
        // The service worker's script never arrives.
        await context.addInitScript(() => (ServiceWorkerContainer.prototype.register = () => new Promise(() => {})));
        const page = await context.newPage();
        await page.goto(`${site.origin}/${SHORT}&lang=zh`, { waitUntil: "commit" });
        await page.locator("#digits").waitFor();
        assert.equal(await page.title(), "数字 · Easel");
        await drawn(page);
        await page.close();

        const hasty = await context.newPage();
        await hasty.goto(`${site.origin}/${SHORT}`);
        const scenes = await readFile(join(dist, "models/progan-scenes.onnx"));
        await dropFile(hasty, "mine.onnx", scenes);
        await hasty.locator("#walk").getByText("sample -m mine.onnx").waitFor();
        assert.equal(await hasty.evaluate(() => sessionStorage.length), 0);
        await hasty.close();
    }));

test("a new build replaces the old one as a whole", () =>
    visit({}, async (context, site) => {
        const { page } = await open(context, `${site.origin}/${SHORT}`);
        await page.getByText(READY).waitFor();
        const cached = () =>
            page.evaluate(async () => {
                const large = (await caches.keys()).find((name) => name.endsWith("large"));
                return (await (await caches.open(large)).keys()).length;
            });
        const before = await cached();

        const html = await readFile(join(dist, "index.html"), "utf8");
        const files = { "index.html": html.replace("<h1>Easel</h1>", "<h1>Easel 2</h1>"), "models/wave.onnx": null };
        await site.rebuild(files);
        const waiting = () => page.evaluate(async () => Boolean((await navigator.serviceWorker.getRegistration()).waiting));
        await page.evaluate(async () => (await navigator.serviceWorker.getRegistration()).update());
        while (!(await waiting())) await page.waitForTimeout(50);
        assert.equal(await page.locator("h1").textContent(), "Easel");

        // It waits while another page of the old build is open; new pages are of the old build, too.
        const other = await open(context, `${site.origin}/${SHORT}`);
        assert.equal(await other.page.locator("h1").textContent(), "Easel");
        assert.ok(await waiting());
        await other.page.goto("about:blank");

        // A browser still busy with the old build switches on a later visit.
        const heading = () => page.locator("h1").textContent();
        for (let reloads = 0; reloads < 5 && (await heading()) === "Easel"; reloads++) {
            await page.reload();
            await drawn(page);
        }
        assert.equal(await heading(), "Easel 2");
        assert.ok(!(await waiting()));
        const names = await page.evaluate(() => caches.keys());
        assert.equal(names.length, 2, `caches: ${names}`);
        assert.equal(await cached(), before - 1, "a model that is no longer listed is removed");
    }));

test("can be installed", () =>
    visit({}, async (context, site) => {
        const { page } = await open(context, `${site.origin}/${SHORT}`);
        await page.getByText(READY).waitFor();
        const devtools = await context.newCDPSession(page);
        const { errors, url } = await devtools.send("Page.getAppManifest");
        assert.deepEqual([errors, url], [[], `${site.origin}/manifest.webmanifest`]);
        const { installabilityErrors } = await devtools.send("Page.getInstallabilityErrors");
        assert.deepEqual(installabilityErrors, []);
    }));
