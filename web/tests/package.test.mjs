// The npm package as users install it, alone or beside onnxruntime-web, with its README's examples.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { denoiser, denoiserReference, launch, open, serve, stylizerReference } from "./harness.mjs";
import { int8 } from "./onnx.mjs";

const run = promisify(execFile);
const installed = fileURLToPath(new URL("../node_modules", import.meta.url));
const packed = process.env.EASEL_PACKAGE ?? fileURLToPath(new URL("../../target/npm", import.meta.url));

const BUILDS = ["plain", "relaxed", "simd"];

let folder, examples;

/** Sets up a project as `npm install` does, with the package unpacked and links to the other packages. */
before(async () => {
    folder = await mkdtemp(join(tmpdir(), "easel-package-"));
    const modules = join(folder, "node_modules");
    await mkdir(modules);
    // As strict package managers do: only what the project itself depends on can be imported.
    await symlink(join(installed, "typescript"), join(modules, "typescript"));
    const archive = (await readdir(packed)).find((name) => name.endsWith(".tgz"));
    await run("tar", ["-xzf", join(packed, archive), "-C", folder]);
    await rename(join(folder, "package"), join(modules, "easel-wasm"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    const readme = await readFile(join(modules, "easel-wasm/README.md"), "utf8");
    examples = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);
});

after(() => rm(folder, { recursive: true, force: true }));

test("the package holds what it needs and nothing else", async () => {
    const entries = await readdir(join(folder, "node_modules/easel-wasm"), { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile()).map(({ parentPath, path, name }) => join(parentPath ?? path, name));
    const found = files.map((file) => file.split("/easel-wasm/").pop());
    const modules = BUILDS.flatMap((build) => ["easel_wasm.js", "easel_wasm_bg.wasm"].map((file) => `${build}/${file}`));
    const scripts = ["builds.js", "index.js", "node.js", "onnxruntime.js"];
    const types = ["builds.d.ts", "easel_wasm.d.ts", "index.d.ts"];
    const rest = ["README.md", "package.json", "LICENSE-APACHE", "LICENSE-MIT"];
    assert.deepEqual(found.sort(), [...modules, ...scripts, ...types, ...rest].sort());
});

test("its types need no other package, and fit onnxruntime-web's", async () => {
    const code = `
        import { Blend, Model, type ModelCard, normals, type Pictures, readCard, type Rgba } from "easel-wasm";

        const card: ModelCard = readCard(new Uint8Array(), "stylizer");
        const model = await Model.load(new Uint8Array());
        const { y } = await model.run({ x: { type: "float32", dims: [1], data: Float32Array.of(1) } });
        const off: number | undefined = await model.check();
        const stylized: Rgba = await model.stylize(new Uint8ClampedArray(4), 1, 1, { onTile: (done, of) => console.log(done / of) });
        const data: ImageData = new ImageData(stylized.data, stylized.width);
        const signal = AbortSignal.timeout(1000);
        const drawn: Pictures = await model.sample(Uint32Array.of(7), 1n, 0, 2, { sampler: "ddim", eta: 0, signal });
        const noise: Float32Array = normals(1n, 0n, card.picture?.channels ?? 1);
        const frame: Pictures = await model.render(model.latentBetween(1n, 2n, 0.5));
        const blend = new Blend(stylized.data.length);
        blend.add(stylized.data, 1);
        const blended: Uint8ClampedArray = blend.finish();
        // @ts-expect-error: there is no such sampler.
        await model.sample(Uint32Array.of(7), 1n, 0, 2, { sampler: "euler" });
        export { blended, data, drawn, frame, noise, off, y };
    `;
    const beside = `
        import * as ort from "onnxruntime-web";
        import { Model, onnxruntime } from "easel-wasm";

        const model = await Model.load(new Uint8Array(), onnxruntime(ort, ["wasm", { name: "webgpu" }]), { range: "0..1" });
        export { model };
    `;
    await compiles(code);
    await installOnnxRuntime();
    await compiles(beside);
});

/** Compiles a script with the strictest options. */
async function compiles(code) {
    await writeFile(join(folder, "consumer.ts"), code);
    const compiler = join(folder, "node_modules/typescript/bin/tsc");
    const strict = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022", "--lib", "es2022,dom", "--types", ""];
    for (const modules of [["esnext", "bundler"], ["nodenext", "nodenext"]]) {
        const options = [...strict, "--module", modules[0], "--moduleResolution", modules[1]];
        const { stdout } = await run("node", [compiler, ...options, "consumer.ts"], { cwd: folder }).catch((failed) => failed);
        assert.equal(stdout, "", `--moduleResolution ${modules[1]}`);
    }
}

async function installOnnxRuntime() {
    await symlink(join(installed, "onnxruntime-web"), join(folder, "node_modules/onnxruntime-web")).catch(() => {});
}

test("the README's photo is stylized in a browser, without a bundler", async () => {
    const { width, height, rgba, stylized, options } = stylizerReference.results[0];
    assert.equal(options.strength, 1);
    const code = examples[0].replace("{ strength: 0.8 }", "{ strength: 1 }");
    assert.notEqual(code, examples[0]);
    const imports = { "easel-wasm": "/easel-wasm/index.js" };
    const html = `<!doctype html><link rel="icon" href="data:,"><canvas width="${width}" height="${height}"></canvas>
        <script type="importmap">${JSON.stringify({ imports })}</script>`;
    const module = (name) => readFile(join(folder, "node_modules", name));
    const own = ["index.js", "builds.js", "onnxruntime.js", "relaxed/easel_wasm.js", "relaxed/easel_wasm_bg.wasm"];
    const served = { "page.html": html, "wave.onnx": await readFile(new URL("../../models/wave.onnx", import.meta.url)) };
    for (const name of own) served[`easel-wasm/${name}`] = await module(`easel-wasm/${name}`);
    const site = await serve({ files: { ...served, "example.js": code }, policy: null });
    const browser = await launch();
    try {
        const { page, errors } = await open(browser.context, `${site.origin}/page.html`, { waitForPictures: false });
        const found = await page.evaluate(async (rgba) => {
            const context = document.querySelector("canvas").getContext("2d");
            const { width, height } = context.canvas;
            const pixels = Uint8ClampedArray.from(atob(rgba), (char) => char.charCodeAt(0));
            context.putImageData(new ImageData(pixels, width, height), 0, 0);
            await import("/example.js");
            return Array.from(context.getImageData(0, 0, width, height).data);
        }, rgba);
        assert.deepEqual(errors, []);
        const expected = Buffer.from(stylized, "base64");
        const worst = found.reduce((worst, value, at) => Math.max(worst, Math.abs(value - expected[at])), 0);
        assert.ok(found.length === expected.length && worst <= 1, `${worst} of 255 apart`);
    } finally {
        await browser.close();
        await site.close();
    }
});

test("the README's digits are sampled in Node.js, and aborted", async () => {
    const { options, labels, seed, rgba } = denoiserReference.samples.find(({ labels }) => labels.length === 2);
    const { sampler, steps, guidance } = options;
    const more = `
        console.log(JSON.stringify({ width, height, bytes: data.length }));
        const again = await model.sample(${JSON.stringify(labels)}, ${seed}n, 0, 1, ${JSON.stringify({ sampler, steps, guidance })});
        console.log(JSON.stringify(${JSON.stringify(labels)}.map((_, at) => Buffer.from(again.at(at).data).toString("base64"))));
        controller.abort(new Error("enough"));
        const print = (promise) => promise.catch(({ message }) => console.log(message));
        await print(model.sample([7], 1n, 0, 1, { signal: controller.signal }));
        await print(model.sample([7], -1n, 0, 1));
        await print(model.sample([7], 1n, 0, 1.5));
    `;
    const code = examples[1].replace("await model.release();", `${more}$&await print(model.sample([7], 1n, 0, 1));`);
    await writeFile(join(folder, "ddpm-mnist.onnx"), denoiser);
    await writeFile(join(folder, "digits.js"), code);
    const { stdout } = await run("node", ["digits.js"], { cwd: folder });
    const lines = stdout.trim().split("\n");
    assert.deepEqual(lines.slice(0, 21), Array.from({ length: 21 }, (_, done) => `${done} of 20`));
    assert.deepEqual(JSON.parse(lines[21]), { width: 32, height: 32, bytes: 4096 });
    const found = Buffer.concat(JSON.parse(lines[22]).map((picture) => Buffer.from(picture, "base64")));
    const expected = Buffer.from(rgba, "base64");
    const worst = found.reduce((worst, value, at) => Math.max(worst, Math.abs(value - expected[at])), 0);
    assert.ok(found.length === expected.length && worst <= 2, `${worst} of 255 apart`);
    assert.deepEqual(lines.slice(23), [
        "enough",
        "the seed is -1; give one from 0 to 18446744073709551615",
        "the number of pictures is 1.5; give a whole number from 0 to 4294967295",
        "the model was released; load it again",
    ]);
});

test("every build gives the same pictures in Node.js, and onnxruntime-web too", async () => {
    await writeFile(join(folder, "wave.onnx"), await readFile(new URL("../../models/wave.onnx", import.meta.url)));
    const { width, height, rgba } = stylizerReference.results[0];
    await installOnnxRuntime();
    const code = `
        import { readFile } from "node:fs/promises";
        import * as ort from "onnxruntime-web";
        import { Model, onnxruntime } from "easel-wasm";

        const file = await readFile("wave.onnx");
        const model = await Model.load(file, process.argv[2] === "theirs" ? onnxruntime(ort) : undefined);
        const dims = [1, 3, 40, 52];
        const data = Float32Array.from({ length: 3 * 40 * 52 }, (_, at) => ((at * 7919) % 256) / 255);
        const { stylized } = await model.run({ image: { type: "float32", dims, data } });
        const wrong = (inputs) => model.run(inputs).catch(({ message }) => message);
        const image = { type: "float32", dims, data };
        const errors = [await wrong({ image: 1 }), await wrong({ image: {} }), await wrong({ image: { ...image, dims: [1] } }), await wrong({})];
        const { data: pixels } = await model.stylize(Buffer.from("${rgba}", "base64"), ${width}, ${height});
        const result = { engine: model.engine, dims: stylized.dims, values: Array.from(stylized.data), errors };
        console.log(JSON.stringify({ ...result, pixels: Buffer.from(pixels).toString("base64") }));
        process.exit();
    `;
    await writeFile(join(folder, "builds.js"), code);
    const [, major] = /^v(\d+)/.exec(process.version);
    const runs = [
        // Later versions have relaxed SIMD without a flag.
        ["Easel, relaxed SIMD", Number(major) < 21 ? ["--experimental-wasm-relaxed-simd"] : []],
        ["Easel, SIMD", ["--no-experimental-wasm-relaxed-simd"]],
        ["Easel, no SIMD", ["--no-enable-sse4-1"]],
        ["onnxruntime-web on wasm", []],
    ];
    const results = [];
    for (const [engine, flags] of runs) {
        // Other processors have no SSE, and always SIMD.
        if (flags.includes("--no-enable-sse4-1") && process.arch !== "x64") continue;
        const which = engine.startsWith("Easel") ? "ours" : "theirs";
        const { stdout } = await run("node", [...flags, "builds.js", which], { cwd: folder, maxBuffer: 2 ** 26 });
        const result = JSON.parse(stdout.trim().split("\n").pop());
        assert.equal(result.engine, engine);
        results.push(result);
    }
    const [first] = results;
    assert.deepEqual(first.dims, [1, 3, 40, 52]);
    assert.match(first.errors[0], /^image: not a tensor$/);
    assert.match(first.errors[1], /^image: a tensor without a shape$/);
    assert.match(first.errors[2], /^image: .*shape/);
    assert.match(first.errors[3], /an input named `image`/);
    const pixels = results.map((result) => Buffer.from(result.pixels, "base64"));
    const expected = Buffer.from(stylizerReference.results[0].stylized, "base64");
    results.forEach(({ engine, values }, index) => {
        const worst = values.reduce((worst, value, at) => Math.max(worst, Math.abs(value - first.values[at])), 0);
        assert.ok(values.length === first.values.length && worst <= 1e-4, `${engine}: ${worst}`);
        const levels = pixels[index].reduce((worst, value, at) => Math.max(worst, Math.abs(value - expected[at])), 0);
        assert.ok(levels <= 1, `${engine}: ${levels} of 255 apart`);
    });
});

test("a file that the package cannot run is run by onnxruntime-web", async () => {
    await installOnnxRuntime();
    await writeFile(join(folder, "fallback.js"), `${examples[2]}\nconsole.log(model.engine);\nprocess.exit();`);
    for (const [file, engine] of [[denoiser, "Easel, "], [int8, "onnxruntime-web on wasm"]]) {
        await writeFile(join(folder, "ddpm-mnist.onnx"), file);
        const { stdout } = await run("node", ["fallback.js"], { cwd: folder });
        assert.ok(stdout.startsWith(engine), stdout);
    }
});
