// The same numbers on every engine: the browser's against the native runtime's.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch, open, proganReference, reference, serve } from "./harness.mjs";

const LARGEST_DIFFERENCE = 1e-4;

let site, plain, browser;

before(async () => {
    site = await serve();
    plain = await serve({ isolated: false });
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await site?.close();
    await plain?.close();
});

/**
 * Loads a model on an engine with the page's module, on a blank page, and computes the reference's latent vectors. The
 * Worker's dispatches to the GPU are counted.
 */
async function compute(origin, engine, { jspi = true, model = "test", z = reference.z, line = "" } = {}) {
    const { page, errors } = await open(browser.context, `${origin}/blank.html`, { waitForPictures: false });
    const [builds, requests] = [[], []];
    page.on("request", (request) => requests.push(new URL(request.url()).pathname));
    await page.evaluate(line);
    page.on("request", (request) => builds.push(.../ort-wasm-simd-threaded\.?(.*)\.wasm$/.exec(request.url())?.slice(1) ?? []));
    const [worker] = await Promise.all([
        page.waitForEvent("worker"),
        page.evaluate(async () => {
            const { Easel } = await import("/js/easel.js");
            window.easel = new Easel();
            await window.easel.normals(0n, 0n, 1);
        }),
    ]);
    await worker.evaluate((jspi) => {
        if (!jspi) delete WebAssembly.Suspending;
        self.dispatches = 0;
        if (!("GPUComputePassEncoder" in self)) return;
        for (const name of ["dispatchWorkgroups", "dispatchWorkgroupsIndirect"]) {
            const original = GPUComputePassEncoder.prototype[name];
            GPUComputePassEncoder.prototype[name] = function (...sizes) {
                self.dispatches += 1;
                return original.apply(this, sizes);
            };
        }
    }, jspi);
    const used = await page.evaluate(async ([model, engine]) => {
        const { engine: used } = await window.easel.load(`/models/${model}.onnx`, { engine });
        return used;
    }, [model, engine]);
    const before = await worker.evaluate(() => self.dispatches);
    const image = await page.evaluate(
        async (z) => Array.from(await window.easel.generateRaw(new Float32Array(z))),
        z,
    );
    const dispatches = (await worker.evaluate(() => self.dispatches)) - before;
    assert.deepEqual(errors, []);
    await page.close();
    const modules = requests.map((path) => path.split("/").pop()).filter((name) => /^easel-.*wasm$/.test(name));
    return { used, image, dispatches, builds, modules, requests };
}

function assertParity(image, reference) {
    assert.equal(image.length, reference.image.length);
    let worst = { difference: -1 };
    image.forEach((value, index) => {
        const difference = Math.abs(value - reference.image[index]);
        if (!(difference <= worst.difference)) worst = { difference, index, value, native: reference.image[index] };
    });
    assert.ok(worst.difference <= LARGEST_DIFFERENCE, JSON.stringify(worst));
    return worst.difference;
}

/** What each build of our module computes. */
const images = {};

for (const [build, line] of Object.entries({
    relaxed: "",
    simd: "const own = WebAssembly.validate; WebAssembly.validate = (bytes) => own(bytes) && !bytes.includes(0x85)",
    plain: "WebAssembly.validate = (bytes) => bytes.length === 8",
})) {
    test(`Easel, ${build}`, async (t) => {
        const { used, image, modules, requests } = await compute(site.origin, "easel", { line });
        assert.equal(used.kind, "easel");
        assert.equal(used.name, `Easel, ${{ relaxed: "relaxed SIMD", simd: "SIMD", plain: "no SIMD" }[build]}`);
        assert.deepEqual(modules, [`easel-${build}.wasm`]);
        assert.ok(!requests.some((path) => path.includes("ort")), `${requests}`);
        t.diagnostic(`${used.name}: ${assertParity(image, reference)} from ${reference.engine}`);
        images[build] = image;
        assertParity(image, { image: images.relaxed });
    });
}

test("WASM with threads", async (t) => {
    const { used, image, dispatches, builds } = await compute(site.origin, "wasm");
    assert.equal(used.kind, "wasm");
    assert.deepEqual(builds, [""]);
    assert.equal(dispatches, 0);
    t.diagnostic(`${used.name}: ${assertParity(image, reference)} from ${reference.engine}`);
});

test("WASM with one thread, in a page that is not isolated", async (t) => {
    const { used, image } = await compute(plain.origin, "wasm");
    assert.deepEqual([used.kind, used.name], ["wasm", "WASM"]);
    t.diagnostic(`${used.name}: ${assertParity(image, reference)} from ${reference.engine}`);
});

for (const build of ["jspi", "asyncify"]) {
    test(`WebGPU, ${build}`, async (t) => {
        const { used, image, dispatches, builds } = await compute(site.origin, "webgpu", { jspi: build === "jspi" });
        assert.equal(used.kind, "webgpu");
        assert.deepEqual(builds, [build]);
        assert.ok(dispatches > 0, "the GPU was given nothing to do");
        t.diagnostic(`${used.name}, ${dispatches} dispatches: ${assertParity(image, reference)} from ${reference.engine}`);
    });
}

for (const engine of ["easel", "wasm", "webgpu"]) {
    test(`a ProGAN, on ${engine}`, async (t) => {
        const { used, image } = await compute(site.origin, engine, { model: "progan-scenes", z: proganReference.z });
        assert.equal(used.kind, engine);
        t.diagnostic(`${used.name}: ${assertParity(image, proganReference)} from ${proganReference.engine}`);
    });
}

for (const [model, { walk, image_shape: [, , height, width] }] of [["test", reference], ["progan-scenes", proganReference]]) {
    test(`a walk through ${model} is that of sample --walk`, async (t) => {
        const { page } = await open(browser.context, `${site.origin}/blank.html`, { waitForPictures: false });
        const [from, to] = walk.seeds;
        const { bits, rgba } = await page.evaluate(
            async ([model, from, to, steps]) => {
                const { Easel } = await import("/js/easel.js");
                const easel = new Easel();
                await easel.load(`/models/${model}.onnx`, { engine: "easel" });
                const points = Array.from({ length: steps + 1 }, (_, step) => {
                    return { from: BigInt(from), to: BigInt(to), t: step / steps };
                });
                const z = await easel.latents(points);
                const { rgba } = await easel.render(points);
                return { bits: Array.from(new Uint32Array(z.buffer, z.byteOffset, z.length)), rgba: Array.from(rgba) };
            },
            [model, from, to, walk.steps],
        );
        assert.deepEqual(bits, walk.bits);
        const expected = Buffer.concat(walk.frames.map((frame) => Buffer.from(frame, "base64")));
        assert.deepEqual([rgba.length, walk.frames.length], [4 * width * height * (walk.steps + 1), walk.steps + 1]);
        const worst = rgba.reduce((worst, value, at) => Math.max(worst, Math.abs(value - expected[at])), 0);
        assert.ok(worst <= 1, `${worst} of 255 apart`);
        t.diagnostic(`${bits.length} equal elements of latent vectors; pictures ${worst} of 255 from ${reference.engine}`);
        await page.close();
    });
}

test("random numbers are the native ones, bit by bit", async () => {
    const { page } = await open(browser.context, `${site.origin}/blank.html`, { waitForPictures: false });
    const { seed, stream, bits } = reference.normals;
    const found = await page.evaluate(
        async ([seed, stream, count]) => {
            const { Easel } = await import("/js/easel.js");
            const normals = await new Easel().normals(BigInt(seed), BigInt(stream), count);
            return Array.from(new Uint32Array(normals.buffer, normals.byteOffset, normals.length));
        },
        [seed, stream, bits.length],
    );
    assert.deepEqual(found, bits);
    await page.close();
});
