// Shared by the tests: a server for the page, a browser, and the reference.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { basename, extname, join, normalize, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

/** The media types that every server knows. */
export const COMMON_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
};

const TYPES = {
    ...COMMON_TYPES,
    ".html": "text/html; charset=utf-8",
    ".mjs": "text/javascript",
    ".json": "application/json",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
};

export const dist = process.env.EASEL_DIST ?? fileURLToPath(new URL("../dist", import.meta.url));

function required(variable) {
    const value = process.env[variable];
    assert.ok(value, `${variable} is not set; see web/tests/README.md`);
    return value;
}

/** The bytes of the model under test. */
export const model = await readFile(required("EASEL_MODEL"));

/** What the native runtime computed with it. */
export const reference = JSON.parse(await readFile(required("EASEL_REFERENCE"), "utf8"));

/** What it computed with `progan-scenes`, which ships. */
export const proganReference = JSON.parse(await readFile(required("EASEL_PROGAN_REFERENCE"), "utf8"));

/** A denoiser, and what the native runtime computed with it. */
export const denoiser = await readFile(required("EASEL_DENOISER"));
export const denoiserReference = JSON.parse(await readFile(required("EASEL_DENOISER_REFERENCE"), "utf8"));

/** What it computed with `wave`, which ships. */
export const stylizerReference = JSON.parse(await readFile(required("EASEL_STYLIZER_REFERENCE"), "utf8"));

/** The entries of `models/index.json`: a model for each slot. The stylizers are those that ship. */
export const INDEX = [
    ...[["wave", "The Great Wave"], ["scream", "The Scream"]].map(([name, title]) => {
        return { name, file: `${name}.onnx`, title, bytes: 0, kind: "stylizer", sample: `${name}.jpg` };
    }),
    { name: "denoiser", file: "denoiser.onnx", title: "Test denoiser", bytes: denoiser.length, kind: "denoiser" },
    { name: "test", file: "test.onnx", title: "Test model", bytes: model.length, kind: "generator", latent: "uniform" },
    { name: "scenes", file: "progan-scenes.onnx", title: "Scenes", bytes: 0, kind: "generator", latent: "normal" },
];

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

/** The manifest of the built page with some files replaced, and the service worker for it. */
async function manifestOf(own) {
    const list = JSON.parse(await readFile(join(dist, "files.json"), "utf8"));
    for (const [path, body] of Object.entries(own)) {
        if (body === null) delete list[path];
        else list[path] = { bytes: Buffer.from(body).length, sha256: sha256(body) };
    }
    const files = JSON.stringify(list);
    const worker = await readFile(join(dist, "sw.js"), "utf8");
    return { "files.json": files, "sw.js": worker.replace(/(?<=^const BUILD = ")[^"]+/, sha256(files)) };
}

/**
 * Serves the built page with the models under test. `files` replace the page's own, by path. `isolated` says whether to
 * send the headers that allow threads; `policy` replaces the page's content security policy, null for none. `types` are
 * media types by extension, and `folder` is the path of the page. Models are sent in pieces, as over a slow connection.
 */
export async function serve({ files = {}, isolated = true, policy, types = TYPES, folder = "/" } = {}) {
    const build = async (files) => {
        const own = {
            "models/index.json": JSON.stringify(INDEX),
            "models/test.onnx": model,
            "models/denoiser.onnx": denoiser,
            "blank.html": '<!doctype html><link rel="icon" href="icon.svg">',
            ...files,
        };
        return { ...own, ...(await manifestOf(own)) };
    };
    let own = await build(files);
    const requests = [];
    const broken = new Set();
    // As a header, the page's policy holds for its Workers too.
    const html = await readFile(join(dist, "index.html"), "utf8");
    if (policy === undefined) policy = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html)[1];
    const server = createServer(async (request, response) => {
        const { pathname } = new URL(request.url, "http://host");
        if (!pathname.startsWith(folder)) {
            response.writeHead(404).end();
            return;
        }
        const path = decodeURIComponent(pathname.slice(folder.length)) || "index.html";
        requests.push(path);
        const headers = {
            "content-type": types[extname(path)] ?? "application/octet-stream",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        };
        if (policy) headers["content-security-policy"] = policy;
        if (isolated) {
            headers["cross-origin-opener-policy"] = "same-origin";
            headers["cross-origin-embedder-policy"] = "require-corp";
        }
        let body = own[path];
        const file = normalize(join(dist, path));
        if (body === undefined && file.startsWith(dist + sep) && existsSync(file)) body = await readFile(file);
        if (body === undefined || body === null) {
            response.writeHead(404, headers).end();
            return;
        }
        body = Buffer.from(body);
        response.writeHead(200, { ...headers, "content-length": body.length });
        if (!path.endsWith(".onnx")) {
            response.end(body);
            return;
        }
        const piece = Math.ceil(body.length / 8) || 1;
        for (let at = 0; at < body.length; at += piece) {
            if (at > 0 && broken.has(path)) {
                response.destroy();
                return;
            }
            response.write(body.subarray(at, at + piece));
            await sleep(30);
        }
        response.end();
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
        /** The paths that were requested. */
        requests,
        /** The paths of models whose downloads break off. */
        broken,
        /** Serves another build from now on, in which these files replace the page's own. */
        async rebuild(files) {
            own = await build(files);
        },
        origin: `http://127.0.0.1:${server.address().port}`,
        close() {
            server.closeAllConnections();
            return new Promise((resolve) => server.close(resolve));
        },
    };
}

/**
 * A browser with a new profile. Requests to other hosts go to `proxy`, if given; `args` are added to Chromium's, and
 * `options` to Playwright's.
 */
export async function launch({ proxy, args = [], ...options } = {}) {
    const executablePath = process.env.CHROME ?? "/usr/bin/chromium";
    assert.ok(existsSync(executablePath), `${executablePath}: no browser; apt-get install chromium, or set CHROME`);
    const profile = await mkdtemp(join(tmpdir(), "easel-browser-"));
    const context = await chromium.launchPersistentContext(profile, {
        executablePath,
        headless: true,
        acceptDownloads: true,
        viewport: { width: 1280, height: 900 },
        // Most tests change what is served, or check what is requested.
        serviceWorkers: "block",
        ...options,
        args: [
            "--no-sandbox",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--enable-unsafe-webgpu",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ...(proxy ? [`--proxy-server=${proxy}`] : []),
            ...args,
        ],
    });
    context.setDefaultTimeout(60_000);
    return {
        context,
        async close() {
            await context.close();
            await rm(profile, { recursive: true, force: true, maxRetries: 5 });
        },
    };
}

/** Empties the page's caches, so that models are downloaded again. */
export async function forget(context, origin) {
    const page = await context.newPage();
    await page.goto(`${origin}/blank.html`);
    await page.evaluate(async () => {
        for (const name of await caches.keys()) await caches.delete(name);
    });
    await page.close();
}

/** Takes the slowest build of our module, so that a GPU is looked for. */
export const SLOW = "WebAssembly.validate = (bytes) => bytes.length === 8";

/** Opens a page, in which `script` runs first. `errors` collects the errors that it logs; `progress()` returns the texts of its downloads. */
export async function open(context, address, { waitForPictures = true, script = "" } = {}) {
    const page = await context.newPage();
    await page.addInitScript(script);
    const errors = [];
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    page.on("pageerror", (error) => errors.push(error.message));
    await page.addInitScript(() => {
        window.progressTexts = [];
        new MutationObserver((changes) => {
            for (const { target } of changes) {
                if (target.classList?.contains("loading-text")) window.progressTexts.push(target.textContent);
            }
        }).observe(document, { childList: true, subtree: true });
    });
    await page.goto(address);
    if (waitForPictures) await drawn(page);
    return { page, errors, progress: () => page.evaluate(() => window.progressTexts) };
}

/** Waits until the open tab has drawn its pictures. */
export async function drawn(page) {
    await page.waitForFunction(() => {
        const figures = [...document.querySelectorAll("[role=tabpanel]:not([hidden]) figure")];
        const seen = figures.filter((figure) => figure.checkVisibility());
        return seen.length > 0 && seen.every((figure) => figure.ariaBusy === "false" && !figure.matches(".empty"));
    });
    assert.ok(await page.locator("#notice").isHidden(), await page.locator("#error").textContent());
}

/** Waits for an error and returns its line. */
export async function errorLine(page) {
    await page.locator("#error").waitFor({ state: "visible" });
    const line = await page.locator("#error").textContent();
    assert.ok(line.length < 400 && !line.includes("\n"), line);
    return line;
}

/** Waits until a canvas has this label, which describes its picture. */
export async function labelled(page, id, label) {
    await page.waitForFunction(([id, label]) => document.getElementById(id).ariaLabel === label, [id, label]);
}

/** The size and the pixels of a canvas, four bytes each. */
export async function canvas(page, id = "digits-canvas") {
    const { width, height, data } = await page.evaluate((id) => {
        const canvas = document.getElementById(id);
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return { width: canvas.width, height: canvas.height, data: Array.from(data) };
    }, id);
    return { width, height, data: Buffer.from(data) };
}

/** The grid of a reference, four bytes a pixel. */
export function referenceGrid({ grid } = reference) {
    const { width, height, channels, pixels } = grid;
    const bytes = Buffer.from(pixels, "base64");
    assert.equal(bytes.length, width * height * channels);
    const data = Buffer.alloc(width * height * 4, 255);
    for (let at = 0; at < width * height; at++) {
        for (let channel = 0; channel < 3; channel++) {
            data[at * 4 + channel] = bytes[at * channels + (channels === 3 ? channel : 0)];
        }
    }
    return { width, height, data };
}

/** The largest difference of any two bytes, and how many differ. */
export function difference(a, b) {
    assert.deepEqual([a.width, a.height], [b.width, b.height]);
    let [largest, differing] = [0, 0];
    for (let at = 0; at < a.data.length; at++) {
        const difference = Math.abs(a.data[at] - b.data[at]);
        largest = Math.max(largest, difference);
        differing += difference > 0 ? 1 : 0;
    }
    return { largest, differing };
}

/** Drops a file on the page. */
export async function dropFile(page, name, bytes) {
    await page.evaluate(
        ([name, bytes]) => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0))], name));
            for (const type of ["dragover", "drop"]) {
                document.body.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
            }
        },
        [name, bytes.toString("base64")],
    );
}

/** Takes a screenshot of the whole page if `EASEL_SCREENSHOTS` is set. */
export async function screenshot(page, name) {
    const folder = process.env.EASEL_SCREENSHOTS;
    if (!folder) return;
    await mkdir(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${basename(name)}.png`), fullPage: true });
}
