/** What fits into a tab: estimates made before a request, since a tab that runs out of memory crashes. */

/** The largest model file that is opened: the engine takes several times its size of WebAssembly's 4 GB. */
export const MAX_MODEL_BYTES = 512 * 2 ** 20;

/** The memory assumed where the browser does not report it, in GB. */
const DEFAULT_MEMORY = 4;

/** Browsers report no more than this, in GB. */
const MAX_MEMORY = 8;

/** The part of a device's memory that one request may take. */
const SHARE = 1 / 4;

/** The bytes that one request may take on a device with this much memory, in GB. */
export function budget(deviceMemory = DEFAULT_MEMORY): number {
    return Math.min(deviceMemory, MAX_MEMORY) * SHARE * 2 ** 30;
}

/** Throws if so many pictures, or so many pixels of one picture, do not fit into a budget. */
export function limit(what: "pictures" | "pixels", count: number, bytesEach: number, budget: number): void {
    const max = Math.floor(budget / bytesEach);
    if (count <= max) return;
    const format = (count: number) => count.toLocaleString("en");
    throw new Error(
        `${format(count)} ${what} would take ${size(count * bytesEach)} of memory, and a request may take ${size(budget)} here; ask for at most ${format(max)} ${what}`,
    );
}

/** For a picture being sampled: its pixels, noise and prediction as float32, and four bytes a pixel, twice. */
export function bytesOfPicture(channels: number, width: number, height: number): number {
    return width * height * (3 * channels * 4 + 2 * 4);
}

/** For a pixel being stylized: the picture and the result, as four bytes on the page and in the Worker, and as float32. */
export const BYTES_OF_STYLIZED_PIXEL = 2 * (4 + 4 + 3 * 4);

/** Leaves room for the pixels that rounding a resized picture's sides may add. */
const ROUNDING = 0.99;

/** The most pixels of a picture to stylize. */
export function stylizedPixels(deviceMemory?: number): number {
    return Math.floor((ROUNDING * budget(deviceMemory)) / BYTES_OF_STYLIZED_PIXEL);
}

/** Makes a tile take an eighth of a device's memory: a million pixels take about 0.5 GB at width 16. */
const PIXELS_PER_GIGABYTE = 2 ** 18;

/** The most pixels computed at once; larger pictures are computed in tiles. */
export function tilePixels(deviceMemory = DEFAULT_MEMORY): number {
    return Math.min(deviceMemory, MAX_MEMORY) * PIXELS_PER_GIGABYTE;
}

/** `1.5 GB` */
export function size(bytes: number): string {
    return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
