// The page's size, and that it loads nothing from other origins.

import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { dist } from "./harness.mjs";

/** onnxruntime-web's scripts among ours, a file for each of its builds. */
const ORT = /^js\/ort\./;

const paths = Object.keys(JSON.parse(await readFile(join(dist, "files.json"), "utf8")));

/** The total size of files as a server sends them. */
async function weight(paths) {
    const sent = async (path) => gzipSync(await readFile(join(dist, path)), { level: 9 }).length;
    const sizes = await Promise.all(paths.map(sent));
    return sizes.reduce((sum, size) => sum + size, 0);
}

test("our scripts and our WebAssembly have less than 230 kB", async (t) => {
    const own = [...paths.filter((path) => path.startsWith("js/") && !ORT.test(path)), "sw.js"];
    assert.ok(own.some((path) => path.endsWith(".wasm")) && own.length > 4, `${own}`);
    for (const path of own) t.diagnostic(`${path}: ${await weight([path])} bytes`);
    const all = await weight(own);
    t.diagnostic(`together: ${all} bytes`);
    assert.ok(all < 230_000, `${all} bytes`);
});

test("the page and its style sheet have less than 12 kB", async (t) => {
    const all = await weight(["index.html", "style.css"]);
    t.diagnostic(`${all} bytes`);
    assert.ok(all < 12_000, `${all} bytes`);
});

test("onnxruntime-web's scripts have less than 25 kB for each engine", async (t) => {
    const scripts = paths.filter((path) => ORT.test(path));
    assert.equal(scripts.length, 3, `${scripts}`);
    for (const path of scripts) {
        const bytes = await weight([path]);
        t.diagnostic(`${path}: ${bytes} bytes`);
        assert.ok(bytes < 25_000, `${path}: ${bytes} bytes`);
    }
});

test("all files are listed, and no others", async () => {
    const entries = await readdir(dist, { recursive: true, withFileTypes: true });
    const found = entries.filter((entry) => entry.isFile()).map(({ parentPath, path, name }) => join(parentPath ?? path, name));
    const shown = found.map((path) => path.slice(dist.length).replaceAll("\\", "/").replace(/^\//, ""));
    const unlisted = ["files.json", "sw.js"];
    assert.deepEqual(shown.filter((path) => !path.startsWith(".") && !unlisted.includes(path)).sort(), paths.sort());
});

test("no file of ours names another origin", async () => {
    for (const path of [...paths.filter((path) => /\.(html|css|js|webmanifest)$/.test(path) && !ORT.test(path)), "sw.js"]) {
        const text = await readFile(join(dist, path), "utf8");
        // XML namespaces are not fetched.
        const named = text.match(/(?:https?:)?\/\/[a-z0-9-]+\.[a-z0-9.-]+/gi) ?? [];
        assert.deepEqual(named.filter((address) => !address.endsWith("//www.w3.org")), [], path);
    }
});
