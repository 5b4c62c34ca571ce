/** Pictures of one size, mixed. */

export interface Layer {
    /** Four bytes a pixel. */
    rgba: Uint8ClampedArray<ArrayBuffer>;
    /** Its part of the whole; all of them together are 1. */
    weight: number;
}

/** The mean of the layers' sRGB values by weight, to the nearest byte. A layer that is the whole stays as it is. */
export function mix(layers: readonly Layer[]): Uint8ClampedArray<ArrayBuffer> {
    const seen = layers.filter(({ weight }) => weight > 0);
    if (seen.length === 1) return seen[0]!.rgba.slice();
    const pictures = seen.map(({ rgba }) => rgba);
    const weights = seen.map(({ weight }) => weight);
    const mixed = new Uint8ClampedArray(pictures[0]!.length);
    for (let at = 0; at < mixed.length; at++) {
        let value = 0.5;
        for (let layer = 0; layer < pictures.length; layer++) value += weights[layer]! * pictures[layer]![at]!;
        mixed[at] = Math.floor(value);
    }
    return mixed;
}
