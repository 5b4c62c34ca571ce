/** What fits into a tab: estimates made before a request, since a tab that runs out of memory is gone. */

/** A larger file is not read at all: opened, it takes several times its size of the 4 GB that WebAssembly can have. */
export const LARGEST_MODEL = 512 * 2 ** 20;

/** What browsers that don't tell a device's memory are assumed to have, in GB. */
const USUAL_MEMORY = 4;

/** The part of a device's memory that one request may take. */
const SHARE = 1 / 4;

/** The bytes that one request may take on a device of so many GB. No browser says more than 8 of them. */
export function budget(deviceMemory = USUAL_MEMORY): number {
    return Math.min(deviceMemory, 8) * SHARE * 2 ** 30;
}

/** The number of pictures, or the pixels of one, that fit into a budget. Throws where more are wanted. */
export function limit(what: "pictures" | "pixels", wanted: number, bytesEach: number, budget: number): void {
    const most = Math.floor(budget / bytesEach);
    if (wanted <= most) return;
    const [needs, has] = [size(wanted * bytesEach), size(budget)];
    const number = (count: number) => count.toLocaleString("en");
    throw new Error(
        `${number(wanted)} ${what} would take ${needs} of memory, and a request may take ${has} here: at most ${number(most)} ${what}`,
    );
}

/** While pictures are sampled: their pixels, noise and prediction as float32, and what is shown as four bytes, twice. */
export function bytesOfPicture(channels: number, width: number, height: number): number {
    return width * height * (3 * channels * 4 + 2 * 4);
}

/** While a picture is stylized: it and what is made of it, as four bytes here and there, and as three float32. */
export const BYTES_OF_STYLIZED_PIXEL = 2 * (4 + 4 + 3 * 4);

/** The part of the pixels that fit in that a picture is made smaller to: rounding its sides may add some. */
const WITHOUT_ROUNDING = 0.99;

/** The pixels that a picture can have to be stylized. */
export function stylizedPixels(deviceMemory?: number): number {
    return Math.floor((WITHOUT_ROUNDING * budget(deviceMemory)) / BYTES_OF_STYLIZED_PIXEL);
}

/** What is computed at once takes some 0.5 GB in a million pixels at width 16: an eighth of a device's memory. */
const PIXELS_A_GIGABYTE = 2 ** 18;

/** The pixels that are computed at once; larger pictures are computed in tiles. */
export function tilePixels(deviceMemory = USUAL_MEMORY): number {
    return Math.min(deviceMemory, 8) * PIXELS_A_GIGABYTE;
}

/** `1.5 GB` */
export function size(bytes: number): string {
    return bytes < 1e9 ? `${Math.round(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}
