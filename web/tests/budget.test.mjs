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

/** The builds of our module; a visitor downloads one of them, with its bindings. */
const MODULE = /^js\/easel-(.*)\.wasm$/;
const BINDINGS = /^js\/easel_wasm-.*\.js$/;

test("our engine and runtime have less than 350 kB in each build", async (t) => {
    const modules = paths.filter((path) => MODULE.test(path));
    const bindings = paths.filter((path) => BINDINGS.test(path));
    assert.deepEqual([modules.length, bindings.length], [3, 3], `${modules} ${bindings}`);
    for (const path of modules) {
        const bytes = (await weight([path])) + (await weight(bindings.slice(0, 1)));
        t.diagnostic(`${path}: ${bytes} bytes`);
        assert.ok(bytes < 350_000, `${path}: ${bytes} bytes`);
    }
});

test("our scripts have less than 60 kB", async (t) => {
    const scripts = paths.filter((path) => path.endsWith(".js") && path.startsWith("js/") && !ORT.test(path) && !BINDINGS.test(path));
    assert.ok(scripts.length > 4, `${scripts}`);
    for (const path of scripts) t.diagnostic(`${path}: ${await weight([path])} bytes`);
    const all = await weight([...scripts, "sw.js"]);
    t.diagnostic(`together: ${all} bytes`);
    assert.ok(all < 60_000, `${all} bytes`);
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
