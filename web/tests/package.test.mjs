// The npm package as users install it, beside onnxruntime-web, with its README's examples.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { denoiser, denoiserReference, launch, open, serve, stylizerReference } from "./harness.mjs";

const run = promisify(execFile);
const installed = fileURLToPath(new URL("../node_modules", import.meta.url));
const packed = process.env.EASEL_PACKAGE ?? fileURLToPath(new URL("../../target/npm", import.meta.url));

let folder, examples;

/** Sets up a project as `npm install` does, with the package unpacked and links to the other packages. */
before(async () => {
    folder = await mkdtemp(join(tmpdir(), "easel-package-"));
    const modules = join(folder, "node_modules");
    await mkdir(modules);
    // As strict package managers do: only what the project itself depends on can be imported.
    for (const name of ["onnxruntime-web", "typescript"]) await symlink(join(installed, name), join(modules, name));
    const archive = (await readdir(packed)).find((name) => name.endsWith(".tgz"));
    await run("tar", ["-xzf", join(packed, archive), "-C", folder]);
    await rename(join(folder, "package"), join(modules, "easel-wasm"));
    await writeFile(join(folder, "package.json"), '{ "type": "module" }');
    const readme = await readFile(join(modules, "easel-wasm/README.md"), "utf8");
    examples = [...readme.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code);
});

after(() => rm(folder, { recursive: true, force: true }));

test("the package holds what it needs and nothing else", async () => {
    const found = await readdir(join(folder, "node_modules/easel-wasm"));
    const module = ["easel_wasm.d.ts", "easel_wasm.js", "easel_wasm_bg.wasm"];
    const own = ["README.md", "index.d.ts", "index.js", "node.js", "onnxruntime.js", "package.json"];
    const licences = ["LICENSE-APACHE", "LICENSE-MIT"];
    assert.deepEqual(found.sort(), [...module, ...own, ...licences].sort());
});

test("its types fit onnxruntime-web's", async () => {
    const code = `
        import * as ort from "onnxruntime-web";
        import { Blend, Model, type ModelCard, normals, onnxruntime, type Pictures, readCard, type Rgba } from "easel-wasm";

        const card: ModelCard = readCard(new Uint8Array(), "stylizer");
        const model = await Model.load(new Uint8Array(), onnxruntime(ort, ["wasm", { name: "webgpu" }]));
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
        export { blended, data, drawn, frame, noise, off };
    `;
    await writeFile(join(folder, "consumer.ts"), code);
    const compiler = join(folder, "node_modules/typescript/bin/tsc");
    const strict = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022", "--lib", "es2022,dom", "--types", ""];
    for (const modules of [["esnext", "bundler"], ["nodenext", "nodenext"]]) {
        const options = [...strict, "--module", modules[0], "--moduleResolution", modules[1]];
        const { stdout } = await run("node", [compiler, ...options, "consumer.ts"], { cwd: folder }).catch((failed) => failed);
        assert.equal(stdout, "", `--moduleResolution ${modules[1]}`);
    }
});

test("the README's photo is stylized in a browser, without a bundler", async () => {
    const { width, height, rgba, stylized, options } = stylizerReference.results[0];
    assert.equal(options.strength, 1);
    const code = examples[0].replace("{ strength: 0.8 }", "{ strength: 1 }");
    assert.notEqual(code, examples[0]);
    const imports = { "easel-wasm": "/easel-wasm/index.js", "onnxruntime-web": "/onnxruntime-web/ort.wasm.min.mjs" };
    const html = `<!doctype html><link rel="icon" href="data:,"><canvas width="${width}" height="${height}"></canvas>
        <script type="importmap">${JSON.stringify({ imports })}</script>`;
    const module = (name) => readFile(join(folder, "node_modules", name));
    const own = ["index.js", "onnxruntime.js", "easel_wasm.js", "easel_wasm_bg.wasm"];
    const theirs = ["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"];
    const served = { "page.html": html, "wave.onnx": await readFile(new URL("../../models/wave.onnx", import.meta.url)) };
    for (const name of own) served[`easel-wasm/${name}`] = await module(`easel-wasm/${name}`);
    for (const name of theirs) served[`onnxruntime-web/${name}`] = await module(`onnxruntime-web/dist/${name}`);
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
