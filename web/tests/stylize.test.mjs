// Stylizing pictures on the page.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { crc32, deflateSync } from "node:zlib";

import { transform } from "esbuild";

import { canvas, difference, drawn, dropFile, errorLine, forget, labelled, launch, model, open, screenshot, serve } from "./harness.mjs";

const CAMERA = ["--use-fake-device-for-media-stream=device-count=2", "--use-fake-ui-for-media-stream"];

let site, browser, wave;

before(async () => {
    site = await serve();
    browser = await launch({ args: CAMERA });
    wave = Buffer.from(await (await fetch(`${site.origin}/models/wave.onnx`)).arrayBuffer());
});

after(async () => {
    await browser?.close();
    await site?.close();
});

async function stylize(query = "", options = {}) {
    return open(browser.context, `${site.origin}/?engine=easel&size=256&${query}`, options);
}

const result = (page) => canvas(page, "stylize-canvas");
const original = (page) => canvas(page, "stylize-before");
const label = (page) => page.locator("#stylize-canvas").getAttribute("aria-label");
const strength = (page) => page.getByRole("slider", { name: "Strength" });

/** The result of the engine alone. */
async function computed(page, { width, height, data }, style = "wave", options = {}) {
    const bytes = await page.evaluate(
        async ([width, height, data, style, options]) => {
            const { Easel } = await import("/js/easel.js");
            const easel = new Easel();
            await easel.load(`/models/${style}.onnx`, { kind: "stylizer", engine: "easel" });
            const rgba = Uint8ClampedArray.from(atob(data), (char) => char.charCodeAt(0));
            const result = await easel.stylize({ width, height, rgba, ...options });
            easel.close();
            return Array.from(result.rgba);
        },
        [width, height, data.toString("base64"), style, options],
    );
    return { width, height, data: Buffer.from(bytes) };
}

/** The weighted mean of pictures. */
function mean(...parts) {
    const [{ width, height }] = parts[0];
    const data = Buffer.alloc(width * height * 4);
    for (let at = 0; at < data.length; at++) {
        data[at] = Math.round(parts.reduce((sum, [{ data }, weight]) => sum + weight * data[at], 0));
    }
    return { width, height, data };
}

/** A PNG file, whose header can claim another size than the data have. */
function png(width, height, pixel, claimed = [width, height]) {
    const chunk = (type, data) => {
        const body = Buffer.concat([Buffer.from(type), data]);
        const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
        length.writeUInt32BE(data.length);
        sum.writeUInt32BE(crc32(body));
        return Buffer.concat([length, body, sum]);
    };
    const header = Buffer.alloc(13);
    header.writeUInt32BE(claimed[0], 0);
    header.writeUInt32BE(claimed[1], 4);
    header.set([8, 6], 8);
    const rows = Array.from({ length: height }, (_, y) => [0, ...Array.from({ length: width }, (_, x) => pixel(x, y)).flat()]);
    const data = deflateSync(Buffer.from(rows.flat()));
    const magic = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    return Buffer.concat([magic, chunk("IHDR", header), chunk("IDAT", data), chunk("IEND", Buffer.alloc(0))]);
}

/** A picture whose corners and sides differ. */
const PICTURE = png(80, 60, (x, y) => [3 * x, 4 * y, x < 40 ? 200 : 20, 255]);

/** Waits for the result of a picture whose description begins with this name. */
async function stylized(page, name) {
    await page.waitForFunction((name) => {
        const [canvas, download] = ["canvas", "download"].map((id) => document.getElementById(`stylize-${id}`));
        return canvas.ariaLabel.startsWith(name) && !download.disabled;
    }, name);
    await drawn(page);
}

test("a first visit shows the first picture in the first style", async () => {
    const { page, errors } = await open(browser.context, `${site.origin}/?engine=easel`);
    assert.equal(await page.getByRole("tab", { selected: true }).textContent(), "Stylize");
    assert.equal(await page.title(), "Stylize · Easel");
    assert.equal(await label(page), "Mountains in the style of The Great Wave");
    assert.match(await page.getByRole("status").textContent(), /^Stylized like The Great Wave with Easel, /);
    assert.match(await page.locator("#time").textContent(), /^[0-9.]+ ms per picture$/);
    assert.equal(await page.getByLabel("Longest side").inputValue(), "768");
    assert.deepEqual(await page.locator("#stylize-size-hint").textContent(), "768 × 512 pixels");
    await page.waitForURL(`${site.origin}/?tab=stylize&picture=mountains&style=wave&strength=100&engine=easel`);
    await page.getByText("stylize mountains.jpg -m wave --max-size 768 -o mountains-wave.png").waitFor();
    await page.locator("#stylize-about summary").click();
    assert.match(await page.locator("#stylize-card").textContent(), /a stylizer/);
    assert.deepEqual(errors, []);
    await page.close();
});

test("the pixels are the engine's, and strength blends them with the picture's", async () => {
    const { page, errors } = await stylize();
    const [before, after] = [await original(page), await result(page)];
    assert.deepEqual([before.width, before.height], [256, 171]);
    assert.deepEqual(after, await computed(page, before));
    await strength(page).fill("40");
    await labelled(page, "stylize-canvas", "Mountains in the style of The Great Wave, strength 40%");
    assert.ok(difference(await result(page), mean([before, 0.6], [after, 0.4])).largest <= 1);
    assert.ok(difference(await result(page), await computed(page, before, "wave", { strength: 0.4 })).largest <= 1);
    await page.getByText("stylize mountains.jpg -m wave --strength 0.4 --max-size 256 -o mountains-wave.png").waitFor();
    await strength(page).fill("0");
    await labelled(page, "stylize-canvas", "Mountains");
    assert.deepEqual(await result(page), before);

    await strength(page).fill("100");
    await page.getByLabel("Keep the picture’s colours").check();
    const expected = await computed(page, before, "wave", { keepColor: true });
    await page.waitForFunction((red) => {
        const context = document.getElementById("stylize-canvas").getContext("2d");
        return context.getImageData(0, 0, 1, 1).data[0] === red;
    }, expected.data[0]);
    await drawn(page);
    assert.deepEqual(await result(page), expected);
    await page.getByText("-m wave --keep-color --max-size 256").waitFor();
    await page.waitForURL((url) => url.searchParams.get("colours") === "kept");
    await page.reload();
    await drawn(page);
    assert.deepEqual(await result(page), expected);
    assert.deepEqual(errors, []);
    await page.close();
});

test("styles are chosen by arrow keys, and earlier results are shown again at once", async () => {
    const { page, errors } = await stylize("picture=lake");
    const first = await result(page);
    const group = page.getByRole("radiogroup", { name: "Style" });
    await group.getByRole("radio", { name: "The Great Wave" }).focus();
    await page.keyboard.press("ArrowRight");
    await stylized(page, "Lake in the style of The Scream");
    assert.ok(difference(await result(page), first).largest > 50);
    assert.match(await page.locator("#stylize-card").textContent(), /Scream/);
    const time = await page.locator("#time").textContent();
    await page.keyboard.press("ArrowLeft");
    await stylized(page, "Lake in the style of The Great Wave");
    assert.deepEqual(await result(page), first);
    assert.match(await page.locator("#stylize-card").textContent(), /Great Wave/);
    assert.equal(await page.locator("#time").textContent(), time, "nothing is computed again");
    assert.deepEqual(errors, []);
    await page.close();
});

test("everything can be reached by keyboard and has a name", async () => {
    const { page } = await stylize();
    await page.getByRole("slider", { name: "Before and after" }).focus();
    const names = [];
    for (let presses = 0; presses < 17; presses++) {
        await page.keyboard.press("Tab");
        names.push(
            await page.evaluate(() => {
                const focused = document.activeElement;
                return focused.ariaLabel ?? (focused.labels?.[0] ?? focused).textContent.trim();
            }),
        );
    }
    const picture = ["Result only", "Choose a picture…", "Camera", "Mountains", "Lake", "Village", "Sea"];
    const look = ["Blend styles", "The Great Wave", "Your own .onnx…", "Strength", "Keep the picture’s colours", "Longest side"];
    assert.deepEqual(names, [...picture, ...look, "Download PNG", "Copy link", "About this model", "Command"]);
    await page.close();
});

test("several styles are blended, and the address restores the blend", async () => {
    const { page, errors } = await stylize("picture=sea");
    const [before, one] = [await original(page), await result(page)];
    await page.getByLabel("Blend styles").check();
    await stylized(page, "Sea in the style of The Great Wave 50% and The Scream 50%");
    const other = await computed(page, before, "scream");
    assert.ok(difference(await result(page), mean([one, 0.5], [other, 0.5])).largest <= 1);
    await page.getByRole("slider", { name: "Share of The Great Wave" }).fill("100");
    await page.getByRole("slider", { name: "Share of The Scream" }).fill("25");
    await strength(page).fill("50");
    await stylized(page, "Sea in the style of The Great Wave 80% and The Scream 20%, strength 50%");
    const mixed = await result(page);
    assert.ok(difference(mixed, mean([before, 0.5], [one, 0.4], [other, 0.1])).largest <= 1);
    const command = await page.locator("#stylize-command-text").textContent();
    assert.match(command, /^stylize \S+ -m wave -m scream --blend 80,20 --strength 0.5 --max-size 256 -o \S+$/);
    const query = "tab=stylize&picture=sea&style=wave,scream&shares=100,25&strength=50&size=256&engine=easel";
    await page.waitForURL(`${site.origin}/?${query}`);
    await screenshot(page, "stylize-blend");
    await page.reload();
    await drawn(page);
    assert.deepEqual(await result(page), mixed);

    // The last one stays.
    for (const style of ["The Great Wave", "The Scream"]) {
        await page.getByRole("slider", { name: `Share of ${style}` }).fill("0");
    }
    await stylized(page, "Sea in the style of The Scream, strength 50%");
    await page.getByLabel("Blend styles").uncheck();
    await stylized(page, "Sea in the style of The Scream");
    assert.deepEqual(errors, []);
    await page.close();
});

test("before and after are compared by keyboard and by dragging", async () => {
    const { page } = await stylize();
    const split = page.getByRole("slider", { name: "Before and after" });
    const edge = () => page.locator("#stylize-before").evaluate((canvas) => getComputedStyle(canvas).clipPath);
    await split.focus();
    await page.keyboard.press("End");
    assert.equal(await split.getAttribute("aria-valuetext"), "100% before, 0% after");
    assert.match(await edge(), /^inset\(0(px)? calc\(0%\) 0(px)? 0(px)?\)$|^inset\(0px( 0%)?( 0px 0px)?\)$/);
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowRight");
    assert.equal(await split.inputValue(), "1");
    const { x, y, width, height } = await page.locator("#stylize-view").boundingBox();
    await page.mouse.move(x + 10, y + height / 2);
    await page.mouse.down();
    await page.mouse.move(x + width * 0.75, y + height / 3, { steps: 4 });
    await page.mouse.up();
    assert.ok(Math.abs(Number(await split.inputValue()) - 75) <= 1);

    const only = page.getByRole("button", { name: "Result only" });
    await only.click();
    assert.equal(await only.getAttribute("aria-pressed"), "true");
    assert.ok(await split.isHidden());
    assert.ok(await page.locator("#stylize-before").isHidden());
    await only.click();
    assert.ok(await split.isVisible());
    await page.close();
});

test("a picture is dropped, pasted or chosen, and the result saved", async () => {
    const { page, errors } = await stylize();
    await page.getByRole("tab", { name: "Digits" }).click();
    await dropFile(page, "holiday.png", PICTURE);
    await stylized(page, "holiday.png in the style of The Great Wave");
    assert.equal(await page.getByRole("tab", { selected: true }).textContent(), "Stylize");
    const dropped = await original(page);
    assert.deepEqual([dropped.width, dropped.height], [80, 60], "it is not enlarged");
    assert.deepEqual([...dropped.data.subarray(0, 4)], [0, 0, 200, 255]);
    assert.ok(await page.locator("#stylize-link").isDisabled());
    const [download] = await Promise.all([
        page.waitForEvent("download"),
        page.locator("#stylize").getByRole("button", { name: "Download PNG" }).click(),
    ]);
    assert.equal(download.suggestedFilename(), "holiday-wave.png");
    const saved = await readFile(await download.path());
    assert.deepEqual([saved.readUInt32BE(16), saved.readUInt32BE(20)], [80, 60]);

    await page.evaluate((bytes) => {
        const transfer = new DataTransfer();
        const data = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
        transfer.items.add(new File([data], "image.png", { type: "image/png" }));
        const paste = { clipboardData: transfer, bubbles: true, cancelable: true };
        document.body.dispatchEvent(new ClipboardEvent("paste", paste));
    }, png(40, 40, () => [10, 20, 30, 0]).toString("base64"));
    await stylized(page, "image.png");
    assert.deepEqual([...(await original(page)).data.subarray(0, 4)], [0, 0, 0, 0], "transparent pixels stay transparent");

    const [chooser] = await Promise.all([
        page.waitForEvent("filechooser"),
        page.getByRole("button", { name: "Choose a picture…" }).click(),
    ]);
    await chooser.setFiles({ name: "a b.png", mimeType: "image/png", buffer: PICTURE });
    await stylized(page, "a b.png");
    await page.getByText("stylize 'a b.png' -m wave -o 'a b-wave.png'").waitFor();

    await page.getByRole("button", { name: "Village" }).click();
    await stylized(page, "Village");
    assert.equal(await page.getByRole("button", { name: "Village" }).getAttribute("aria-pressed"), "true");
    assert.ok(await page.locator("#stylize-link").isEnabled());
    assert.deepEqual(errors, []);
    await page.close();
});

test("a camera's orientation is followed", async () => {
    const { page } = await stylize();
    const jpeg = Buffer.from(
        await page.evaluate(async () => {
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [800, 400];
            const context = canvas.getContext("2d");
            context.fillRect(0, 0, 800, 400);
            context.fillStyle = "#fff";
            context.fillRect(0, 0, 400, 400);
            const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.95));
            return Array.from(new Uint8Array(await blob.arrayBuffer()));
        }),
    );
    // TIFF, big-endian, with one entry: orientation 6, a quarter turn to the right.
    const tiff = [0x4d, 0x4d, 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0];
    const exif = Buffer.concat([Buffer.from("Exif\0\0"), Buffer.from(tiff)]);
    const segment = Buffer.concat([Buffer.from([0xff, 0xe1, 0, exif.length + 2]), exif]);
    await dropFile(page, "turned.jpg", Buffer.concat([jpeg.subarray(0, 2), segment, jpeg.subarray(2)]));
    await stylized(page, "turned.jpg");
    const { width, height, data } = await original(page);
    assert.deepEqual([width, height], [128, 256]);
    assert.ok(data[0] > 200, "its left is on top");
    assert.ok(data[data.length - 4] < 50);
    await page.close();
});

test("files that are not pictures, or too large, get a message, and the picture before stays", async () => {
    const { page } = await stylize();
    const before = await result(page);
    const claiming = (...size) => png(1, 1, () => [0, 0, 0, 255], size);
    const bad = {
        "notes.txt": [Buffer.from("no picture at all"), "notes.txt: this is not a picture that the browser can read"],
        "huge.png": [claiming(30_000, 30_000), /^huge.png: 30000 × 30000 pixels are too many for a browser tab; /],
        "long.png": [claiming(20_000, 10), /^long.png: 20000 × 10 pixels are too many/],
        "IMG_1.jpg": [
            Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1"),
            "IMG_1.jpg: this browser does not read HEIC; export it as jpg or png, or use the program stylize",
        ],
        "IMG_2.cr3": [
            Buffer.from("\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "latin1"),
            "IMG_2.cr3: this browser does not read camera raw files; export it as jpg or png, or use the program stylize",
        ],
        "empty.png": [Buffer.alloc(0), "empty.png: this is not a picture that the browser can read"],
        // Only the header is valid.
        "cut.png": [PICTURE.subarray(0, 40), "cut.png: this is not a picture that the browser can read"],
    };
    for (const [name, [bytes, expected]] of Object.entries(bad)) {
        await dropFile(page, name, bytes);
        await page.waitForFunction((name) => document.getElementById("error").textContent.startsWith(name), name);
        const line = await page.locator("#error").textContent();
        if (typeof expected === "string") assert.equal(line, expected);
        else assert.match(line, expected);
        assert.deepEqual(await result(page), before);
        assert.equal(await page.locator("#stylize-figure").getAttribute("aria-busy"), "false", name);
    }
    await screenshot(page, "stylize-error");
    await dropFile(page, "fine.png", PICTURE);
    await stylized(page, "fine.png");
    await page.close();
});

test("a file that is not a picture does not change the tab", async () => {
    const { page } = await open(browser.context, `${site.origin}/?tab=walk&engine=easel`);
    await dropFile(page, "note.txt", Buffer.from("no picture at all"));
    await page.getByText("note.txt: this is not a picture that the browser can read").waitFor();
    assert.equal(await page.getByRole("tab", { selected: true }).textContent(), "Latent walk");
    assert.match(page.url(), /tab=walk/);
    await page.close();
});

test("vector graphics are stylized", async () => {
    const { page } = await stylize();
    const size = 'width="80" height="40"';
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" ${size}><rect ${size} fill="#f00"/></svg>`;
    const chooser = page.waitForEvent("filechooser");
    await page.getByRole("button", { name: "Choose a picture…" }).click();
    await (await chooser).setFiles({ name: "red.svg", mimeType: "image/svg+xml", buffer: Buffer.from(svg) });
    await stylized(page, "red.svg in the style of The Great Wave");
    const { width, height, data } = await original(page);
    assert.deepEqual([width, height, ...data.subarray(0, 4)], [80, 40, 255, 0, 0, 255]);

    // Sizes with the same pixels are stylized once.
    const time = await page.locator("#time").textContent();
    await page.getByLabel("Longest side").selectOption("2048");
    await page.waitForURL((url) => url.searchParams.get("size") === "2048");
    await drawn(page);
    assert.equal(await page.locator("#time").textContent(), time, "nothing is computed again");
    await page.close();
});

test("a style of the user's own is added to the others", async () => {
    const { page, errors } = await stylize("style=scream");
    const { width, height } = await result(page);
    await dropFile(page, "my hand.onnx", wave);
    await stylized(page, "Mountains in the style of my hand");
    assert.deepEqual(await result(page), await computed(page, await original(page)));
    assert.deepEqual([(await result(page)).width, (await result(page)).height], [width, height]);
    assert.ok(await page.getByRole("radio", { name: "my hand" }).isChecked());
    assert.ok(await page.locator("#styles canvas.drawn").isVisible(), "its thumbnail is its result");
    assert.ok(await page.locator("#stylize-link").isDisabled());
    await page.getByText("stylize mountains.jpg -m 'my hand.onnx'").waitFor();
    await page.waitForURL((url) => !url.searchParams.has("style"));
    await screenshot(page, "stylize-own");

    // The same file replaces itself.
    await dropFile(page, "my hand.onnx", wave);
    await stylized(page, "Mountains in the style of my hand");
    assert.equal(await page.getByRole("radio", { name: "my hand" }).count(), 1);

    // One that cannot be loaded is removed again.
    const before = await result(page);
    await dropFile(page, "half.onnx", wave.subarray(0, wave.length / 2));
    await page.getByText(/^half.onnx: the model file is truncated/).waitFor();
    assert.deepEqual(await result(page), before);
    assert.equal(await page.getByRole("radio", { name: "half" }).count(), 0);
    await page.getByRole("radio", { name: "The Scream" }).check();
    await stylized(page, "Mountains in the style of The Scream");
    assert.deepEqual(errors, []);
    await page.close();
});

test("if a style cannot be loaded, the one before stays", async () => {
    const bare = await serve({ files: { "models/scream.onnx": model } });
    try {
        const { page } = await open(browser.context, `${bare.origin}/?engine=easel&size=256`);
        const before = await result(page);
        await page.getByRole("radio", { name: "The Scream" }).check();
        await page.getByText("scream.onnx: this model is a generator, not a stylizer").waitFor();
        assert.ok(await page.getByRole("radio", { name: "The Great Wave" }).isChecked());
        assert.deepEqual(await result(page), before);
        assert.equal(await label(page), "Mountains in the style of The Great Wave");

        // The error stays while the one before is computed again.
        await page.evaluate(() => {
            document.querySelectorAll("#styles input[type=radio]")[1].click();
            const size = document.getElementById("stylize-size");
            size.value = "512";
            size.dispatchEvent(new Event("change"));
        });
        await page.waitForFunction(() => document.getElementById("stylize-canvas").width === 512);
        await page.getByText("scream.onnx: this model is a generator, not a stylizer").waitFor();
        await page.close();
    } finally {
        await bare.close();
    }
    const { page } = await stylize("style=nobody", { waitForPictures: false });
    await page.getByText(/^This page has no model named nobody /).waitFor();
    assert.equal(await label(page), "Mountains in the style of The Great Wave");
    await page.close();
});

test("if no style of a blend can be loaded, the error stays and loading stops", async () => {
    const models = ["models/wave.onnx", "models/scream.onnx"];
    const missing = /^(wave|scream).onnx: cannot be fetched: 404/;
    const bare = await serve();
    try {
        const query = "engine=easel&tab=stylize&style=scream,wave&shares=50,50&size=256";
        const { page } = await open(browser.context, `${bare.origin}/?${query}`);
        await page.addInitScript(() => {
            const { Worker } = window;
            window.Worker = class extends Worker {
                constructor(...given) {
                    super(...given);
                    window.lastWorker = this;
                }
            };
        });
        await page.reload();
        await drawn(page);
        assert.match(await label(page), /^Mountains in the style of The .* 50% and The .* 50%$/);
        await bare.rebuild(Object.fromEntries(models.map((path) => [path, null])));
        await page.evaluate(async () => {
            for (const name of await caches.keys()) await caches.delete(name);
            window.lastWorker.dispatchEvent(new ErrorEvent("error", { message: "ended by the test" }));
        });
        bare.requests.length = 0;
        await page.getByLabel("Longest side").selectOption("512");
        await labelled(page, "stylize-canvas", "Mountains");
        assert.match(await errorLine(page), missing);
        await page.waitForTimeout(500);
        assert.match(await errorLine(page), missing);
        assert.ok(bare.requests.filter((path) => models.includes(path)).length <= 2, bare.requests.join(" "));
        assert.equal(await page.locator("#stylize-figure").getAttribute("aria-busy"), "false");
        await page.close();

        const { page: first } = await open(browser.context, `${bare.origin}/?${query}`, { waitForPictures: false });
        assert.match(await errorLine(first), missing);
        await first.waitForTimeout(500);
        assert.match(await errorLine(first), missing);
        await first.close();
    } finally {
        await bare.close();
    }
});

test("large pictures are stylized tile by tile, and can be cancelled", async () => {
    const { page, errors } = await stylize();
    await dropFile(page, "large.png", png(2048, 1536, (x, y) => [x & 255, y & 255, 128, 255]));
    await stylized(page, "large.png in the style of The Great Wave");
    const small = await result(page);
    await page.getByLabel("Longest side").selectOption("2048");
    await page.getByText(/^[01] of 2 tiles$/).waitFor();
    assert.ok(await page.locator("#stylize").getByRole("progressbar").isVisible());
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.locator("#stylize-steps").getByText(/^Cancelled after [01] of 2 tiles$/).waitFor();
    assert.deepEqual(await result(page), small);
    await page.getByRole("button", { name: "Resume" }).click();
    await page.waitForFunction(() => document.getElementById("stylize-canvas").width === 2048);
    await drawn(page);
    assert.ok(await page.getByRole("button", { name: "Resume" }).isHidden());
    assert.equal(await page.evaluate(() => document.activeElement.id), "stylize-result-only");
    assert.equal(await page.locator("#stylize-size-hint").textContent(), "2048 × 1536 pixels");
    assert.deepEqual(errors, []);
    await page.close();
});

test("a long run is cancelled at once, and the next one does not wait for it", async () => {
    const { page, errors } = await stylize();
    await dropFile(page, "square.png", png(1400, 1400, (x, y) => [x & 255, y & 255, 128, 255]));
    await stylized(page, "square.png in the style of The Great Wave");
    const small = await result(page);
    await page.getByLabel("Longest side").selectOption("1536");
    await page.getByText("Stylizing…").waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    const cancelled = page.locator("#stylize-steps").getByText("Cancelled after 0 of 1 tile");
    await cancelled.waitFor();
    assert.ok(await page.locator("#notice").isHidden());
    assert.deepEqual(await result(page), small);
    // The busy Worker was terminated; another one loads the model again.
    const another = page.waitForEvent("worker");
    await page.getByLabel("Longest side").selectOption("256");
    await page.getByRole("button", { name: "Sea" }).click();
    await another;
    await stylized(page, "Sea in the style of The Great Wave");
    assert.deepEqual(errors, []);
    await page.close();
});

test("a download that is no longer needed is aborted, and the style before stays", async () => {
    const { page, errors } = await stylize();
    await forget(browser.context, site.origin);
    const before = await result(page);
    await page.getByRole("radio", { name: "The Scream" }).check();
    await page.waitForTimeout(80);
    await page.getByRole("radio", { name: "The Great Wave" }).check();
    await stylized(page, "Mountains in the style of The Great Wave");
    assert.deepEqual(await result(page), before);
    assert.ok(await page.getByRole("radio", { name: "The Great Wave" }).isChecked());
    const reason = await page.evaluate(async () => {
        const { Easel } = await import("/js/easel.js");
        const easel = new Easel();
        const controller = new AbortController();
        setTimeout(() => controller.abort("unwanted"), 80);
        const options = { kind: "stylizer", engine: "easel", signal: controller.signal };
        const reason = await easel.load("/models/scream.onnx", options).catch((reason) => reason);
        easel.close();
        return reason;
    });
    assert.equal(reason, "unwanted");
    assert.deepEqual(errors, []);
    await page.close();
});

test("stylizes on WebGPU", async () => {
    const { page, errors } = await open(browser.context, `${site.origin}/?tab=walk&engine=webgpu`);
    await dropFile(page, "small.png", png(64, 64, (x, y) => [4 * x, 4 * y, 128, 255]));
    await stylized(page, "small.png in the style of The Great Wave");
    assert.match(await page.locator("#engine-name").textContent(), /^WebGPU/);
    const { largest } = difference(await result(page), await computed(page, await original(page)));
    assert.ok(largest <= 2, `${largest} of 255 apart`);
    assert.deepEqual(errors, []);
    await page.close();
});

test("the camera is stylized live until a snapshot is taken", async () => {
    const { page, errors } = await stylize();
    const still = await result(page);
    await page.getByLabel("Blend styles").check();
    await page.getByRole("button", { name: "Camera" }).click();
    await page.getByText(/^[0-9.]+ frames per second, [0-9]+ × [0-9]+$/).waitFor();
    assert.ok(await page.getByLabel("Blend styles").isHidden(), "live there is one style");
    await labelled(page, "stylize-canvas", "Live in the style of The Great Wave");
    const first = await result(page);
    const side = Math.max(first.width, first.height);
    assert.ok(side >= 128 && side <= 640, `${side} pixels`);
    assert.notDeepEqual(first, still);
    assert.ok(await page.locator("#stylize-download").isDisabled());
    await screenshot(page, "stylize-live");
    await page.getByRole("radio", { name: "The Scream" }).check();
    await labelled(page, "stylize-canvas", "Live in the style of The Scream");
    await page.getByRole("button", { name: "Other camera" }).click();
    await page.waitForTimeout(500);
    assert.ok(await page.getByRole("button", { name: "Stop" }).isVisible());

    await page.getByRole("button", { name: "Snapshot" }).click();
    await stylized(page, "snapshot.png in the style of The Scream");
    assert.ok(await page.getByRole("button", { name: "Camera", exact: true }).isVisible());
    assert.equal(await page.evaluate(() => document.activeElement.id), "stylize-camera");
    assert.equal(await page.locator("#stylize-rate").textContent(), "");
    assert.equal((await result(page)).width, 256);

    // Leaving the tab, or hiding the page, switches it off.
    await page.getByRole("button", { name: "Camera" }).click();
    await page.getByText(/ frames per second, /).waitFor();
    await page.getByRole("tab", { name: "Latent walk" }).click();
    await drawn(page);
    await page.getByRole("tab", { name: "Stylize" }).click();
    await stylized(page, "snapshot.png");
    await page.getByRole("button", { name: "Camera" }).click();
    await page.getByText(/ frames per second, /).waitFor();
    await page.evaluate(() => {
        Object.defineProperty(document, "hidden", { value: true, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    });
    await stylized(page, "snapshot.png");
    assert.equal(await page.getByRole("status").textContent(), "The camera is off");
    assert.deepEqual(errors, []);
    await page.close();
});

test("a camera that is denied, missing or in use gets a message, and the page goes on", async () => {
    const denied = await launch({ args: CAMERA.slice(0, 1) });
    try {
        const { page } = await open(denied.context, `${site.origin}/?engine=easel&size=256`);
        await page.getByRole("button", { name: "Camera" }).click();
        await page.getByText(/^Access to the camera was denied: /).waitFor();
        await page.getByRole("button", { name: "Sea" }).click();
        await stylized(page, "Sea in the style of The Great Wave");
        await page.close();
    } finally {
        await denied.close();
    }
    const sentences = {
        NotFoundError: "This device has no camera: choose a picture instead.",
        NotReadableError: "The camera does not respond: another program may be using it.",
    };
    const { page } = await stylize();
    for (const [name, sentence] of Object.entries(sentences)) {
        await page.evaluate((name) => {
            navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("", name));
        }, name);
        await page.getByRole("button", { name: "Camera" }).click();
        await page.getByText(sentence).waitFor();
    }
    await page.evaluate(() => Object.defineProperty(navigator, "mediaDevices", { value: undefined }));
    await page.getByRole("button", { name: "Camera" }).click();
    await page.getByText("Browsers allow the camera only on pages loaded over https.").waitFor();
    await page.getByRole("button", { name: "Lake" }).click();
    await stylized(page, "Lake in the style of The Great Wave");
    await page.close();
});

test("live frames grow and shrink with the time that they take", async () => {
    const source = await readFile(new URL("../src/page/live-resolution.ts", import.meta.url), "utf8");
    const { code } = await transform(source, { loader: "ts" });
    const { LiveResolution } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
    /** The side and the frame rate after a while, if a million pixels take so many milliseconds. */
    const settled = (megapixel) => {
        const resolution = new LiveResolution();
        const time = () => 5 + (megapixel * resolution.side * resolution.side * 0.75) / 1e6;
        for (let frame = 0; frame < 60; frame++) resolution.update(time());
        return { side: resolution.side, perSecond: 1000 / time() };
    };
    assert.equal(settled(20).side, 640);
    assert.equal(settled(1e5).side, 128);
    for (const megapixel of [500, 1000, 2000]) {
        const { side, perSecond } = settled(megapixel);
        assert.ok(side > 128 && side < 640, `${side} pixels`);
        assert.ok(perSecond >= 8 && perSecond < 16, `${perSecond} a second`);
    }
});
