/** Blends of pictures, computed by the WebAssembly module on the page, so that they do not wait for a busy Worker. */

import { compileRuntime, runtime, startRuntime } from "../runtime.js";
import type { Pixels } from "./stage.js";

/** The bytes that are blended at a time; it bounds the module's memory. */
const CHUNK = 1 << 16;

export interface Layer {
    /** Four bytes a pixel. */
    rgba: Uint8ClampedArray<ArrayBuffer>;
    /** The weights of all layers add up to 1. */
    weight: number;
}

/** Loads the module, once. */
export async function loadBlend(): Promise<void> {
    await startRuntime(await compileRuntime());
}

/** The weighted mean of layers of one size, in sRGB values, rounded to the nearest byte. Needs `loadBlend`. */
export function blend(layers: readonly Layer[]): Uint8ClampedArray<ArrayBuffer> {
    const visible = layers.filter(({ weight }) => weight > 0);
    const { length } = visible[0]!.rgba;
    if (visible.length === 1) return visible[0]!.rgba.slice();
    const blended = new Uint8ClampedArray(length);
    for (let start = 0; start < length; start += CHUNK) {
        const end = Math.min(start + CHUNK, length);
        const chunk = new runtime.Blend(end - start);
        for (const { rgba, weight } of visible) chunk.add(rgba.subarray(start, end), weight);
        blended.set(chunk.finish(), start);
    }
    return blended;
}

/** A picture enlarged to a width, as the programs do it. Needs `loadBlend`. Throws if that is not a multiple of its own. */
export function enlarged(pixels: Pixels, width: number): Pixels {
    const factor = width / pixels.width;
    if (factor === 1) return pixels;
    if (!Number.isInteger(factor)) {
        throw new Error("these styles enlarge pictures by different factors and cannot be blended; choose one of them");
    }
    const rgba = runtime.enlarge(pixels.rgba, pixels.width, pixels.height, factor) as Pixels["rgba"];
    return { width, height: factor * pixels.height, rgba };
}
