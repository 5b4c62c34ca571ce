// Stylizers of other programs: any size, layout, element type and scale, and sentences for the rest.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { canvas, drawn, errorLine, launch, open, serve } from "./harness.mjs";
import { external, FLOAT, FLOAT16, floats, input, int, int8, ints, model, node, output, string, UINT8 } from "./onnx.mjs";

const FIRST = [1, 3, "h", "w"];
const LAST = [1, "h", "w", 3];
const NEAREST = [string("mode", "nearest"), string("coordinate_transformation_mode", "asymmetric"), string("nearest_mode", "floor")];

/** A negative. */
const negative = (element, dims) =>
    model(
        node("Cast", ["x"], "values", int("to", FLOAT)),
        node("Sub", ["white", "values"], "negative"),
        node("Cast", ["negative"], "y", int("to", element)),
        floats("white", [], [element === UINT8 ? 255 : 1]),
        input("x", element, dims),
        output("y", element, dims),
    );

/** Makes every pixel a square. */
const enlarger = (factor) =>
    model(
        node("Resize", ["x", "", "scales"], "y", ...NEAREST),
        floats("scales", [4], [1, 1, factor, factor]),
        input("x", FLOAT, FIRST),
        output("y", FLOAT, [1, 3, "H", "W"]),
    );

/** Halves a picture so many times and joins the levels: sizes must be multiples of 2^levels. */
function unet(levels) {
    const parts = [
        floats("twice", [4], [1, 1, 2, 2]),
        floats("blur", [3, 3, 3, 3], Array.from({ length: 81 }, (_, at) => (Math.floor(at / 27) === Math.floor(at / 9) % 3 ? 1 / 9 : 0))),
        floats("mean", [3, 6, 1, 1], Array.from({ length: 18 }, (_, at) => (at % 3 === Math.floor(at / 6) ? 0.5 : 0))),
        input("x", FLOAT, FIRST),
        output("y", FLOAT, FIRST),
    ];
    const level = (at) => (at === 0 ? "x" : `down${at}`);
    for (let at = 0; at < levels; at++) {
        parts.push(node("Conv", [level(at), "blur"], level(at + 1), ints("strides", [2, 2]), ints("pads", [1, 1, 1, 1])));
    }
    let below = level(levels);
    for (let at = levels - 1; at >= 0; at--) {
        parts.push(node("Resize", [below, "", "twice"], `large${at}`, ...NEAREST));
        parts.push(node("Concat", [`large${at}`, level(at)], `joined${at}`, int("axis", 1)));
        parts.push(node("Conv", [`joined${at}`, "mean"], (below = at === 0 ? "y" : `up${at}`)));
    }
    return model(...parts);
}

const MODELS = {
    "plain.onnx": negative(FLOAT, FIRST),
    "last.onnx": negative(FLOAT, LAST),
    "bytes.onnx": negative(UINT8, LAST),
    "half.onnx": negative(FLOAT16, FIRST),
    "double.onnx": enlarger(2),
    "unet8.onnx": unet(3),
    "unet32.onnx": unet(5),
    "fixed.onnx": negative(FLOAT, [1, 3, 20, 30]),
    "int8.onnx": int8,
};

const REFUSED = {
    "two.onnx": [
        model(node("Mul", ["x", "w"], "y"), external("w", [1], "two.onnx.data"), input("x", FLOAT, FIRST), output("y", FLOAT, FIRST)),
        /`two\.onnx\.data`.*onnx\.save/,
    ],
    "more.onnx": [
        model(node("Add", ["x", "style"], "y"), input("x", FLOAT, FIRST), input("style", FLOAT, FIRST), output("y", FLOAT, FIRST)),
        /needs style float32 .*constant/,
    ],
    "pair.onnx": [
        model(node("Neg", ["x"], "y"), node("Abs", ["x"], "z"), input("x", FLOAT, FIRST), output("y", FLOAT, FIRST), output("z", FLOAT, FIRST)),
        /2 pictures/,
    ],
    "batch.onnx": [model(node("Neg", ["x"], "y"), input("x", FLOAT, [4, 3, "h", "w"]), output("y", FLOAT, [4, 3, "h", "w"])), /batch .*4/],
};

let site, browser;

before(async () => {
    const files = {};
    for (const [name, bytes] of Object.entries(MODELS)) files[`models/${name}`] = bytes;
    for (const [name, [bytes]] of Object.entries(REFUSED)) files[`models/${name}`] = bytes;
    site = await serve({ files });
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await site?.close();
});

const [WIDTH, HEIGHT] = [133, 75];
const PICTURE = Array.from({ length: 4 * WIDTH * HEIGHT }, (_, at) => (at % 4 === 3 ? 255 : (at * 7 + Math.floor(at / 532) * 3) % 256));

/**
 * The results of a model for the picture with each of the options, and the engine, or why it cannot be used. It runs on the
 * best engine that can run it.
 */
async function stylize(name, ...all) {
    const { page, errors } = await open(browser.context, `${site.origin}/blank.html`, { waitForPictures: false });
    const found = await page.evaluate(
        async ([name, width, height, rgba, all]) => {
            const { Easel } = await import("/js/easel.js");
            const easel = new Easel();
            try {
                const { engine } = await easel.load(`/models/${name}`, { kind: "stylizer", name });
                const results = [];
                for (const options of all) {
                    const result = await easel.stylize({ width, height, rgba: Uint8ClampedArray.from(rgba), ...options });
                    results.push({ width: result.width, height: result.height, rgba: Array.from(result.rgba) });
                }
                return { engine, results };
            } catch ({ message }) {
                return message;
            } finally {
                easel.close();
            }
        },
        [name, WIDTH, HEIGHT, PICTURE, all],
    );
    assert.deepEqual(errors, []);
    await page.close();
    return typeof found === "string" ? found : Object.assign(found.results, { engine: found.engine });
}

test("layouts and element types do not matter", async () => {
    const expected = PICTURE.map((value, at) => (at % 4 === 3 ? 255 : 255 - value));
    for (const name of ["plain.onnx", "last.onnx", "bytes.onnx", "half.onnx"]) {
        const results = await stylize(name, {});
        assert.ok(Array.isArray(results), `${name}: ${results}`);
        assert.deepEqual([...results], [{ width: WIDTH, height: HEIGHT, rgba: expected }], name);
    }
});

test("what Easel lacks runs on onnxruntime-web, with the reason", async () => {
    for (const [name, reason] of [["bytes.onnx", /Cast/], ["int8.onnx", /QuantizeLinear/]]) {
        const results = await stylize(name, {});
        assert.ok(Array.isArray(results), `${name}: ${results}`);
        const { kind, rejections } = results.engine;
        assert.equal(kind, "wasm");
        assert.match(rejections[0], /^Easel: the engine cannot open the model: .*use ONNX Runtime$/);
        assert.match(rejections[0], reason);
    }
    for (const name of ["plain.onnx", "unet8.onnx"]) assert.equal((await stylize(name, {})).engine.kind, "easel", name);
});

test("networks that halve often take any size", async () => {
    for (const name of ["unet8.onnx", "unet32.onnx"]) {
        const results = await stylize(name, {});
        assert.ok(Array.isArray(results), `${name}: ${results}`);
        assert.deepEqual([results[0].width, results[0].height], [WIDTH, HEIGHT]);
    }
});

test("models that enlarge, at any strength", async () => {
    const results = await stylize("double.onnx", {}, { strength: 0 });
    assert.ok(Array.isArray(results), results);
    const [large, smooth] = results;
    assert.deepEqual([large.width, large.height, smooth.width], [2 * WIDTH, 2 * HEIGHT, 2 * WIDTH]);
    for (const [x, y] of [[0, 0], [31, 14], [265, 149]]) {
        const from = 4 * (Math.floor(y / 2) * WIDTH + Math.floor(x / 2));
        assert.deepEqual(large.rgba.slice(4 * (2 * y * WIDTH + x)).slice(0, 4), PICTURE.slice(from, from + 4));
    }
    assert.notDeepEqual(smooth.rgba, large.rgba);
});

test("what cannot be used says why in a sentence", async () => {
    for (const [name, [, expected]] of Object.entries(REFUSED)) {
        const message = await stylize(name, {});
        assert.ok(typeof message === "string" && message.startsWith(`${name}: `) && expected.test(message), message);
    }
    assert.match(await stylize("fixed.onnx", {}), /30 pixels in width and 20 in height only.*133x75/);
});

test("a file of the user's enlarges the picture on the page", async () => {
    const { page, errors } = await open(browser.context, `${site.origin}/?engine=auto&size=256`);
    await page.locator("#file").setInputFiles({ name: "double.onnx", mimeType: "", buffer: MODELS["double.onnx"] });
    await page.waitForFunction(() => document.getElementById("stylize-canvas").width === 512);
    await drawn(page);
    const [before, after] = [await canvas(page, "stylize-before"), await canvas(page, "stylize-canvas")];
    assert.deepEqual([before.width, before.height], [after.width, after.height]);
    assert.deepEqual(errors, []);
    await page.locator("#file").setInputFiles({ name: "two.onnx", mimeType: "", buffer: REFUSED["two.onnx"][0] });
    assert.match(await errorLine(page), /^two\.onnx: .*second file/);
    await page.close();
});
