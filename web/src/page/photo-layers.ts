/** A photo in one size, and the results of the styles as layers above it. */

import type { EngineChoice } from "../easel.js";
import { blend, enlarged } from "./blend.js";
import type { Source } from "./models.js";
import type { Photo } from "./photo.js";
import type { Pixels } from "./stage.js";
import type { Size } from "./stylize-settings.js";
import type { StyleWeight } from "./styles.js";

/** The most bytes of results that stay in memory for reuse. */
const MAX_BYTES = 400e6;

export class PhotoLayers {
    readonly photo: Photo;
    readonly engine: EngineChoice;
    readonly pixels: Pixels;
    readonly #plain = new Map<Source, Pixels>();
    readonly #coloured = new Map<Source, Pixels>();

    constructor(photo: Photo, engine: EngineChoice, pixels: Pixels) {
        this.photo = photo;
        this.engine = engine;
        this.pixels = pixels;
    }

    /** Whether these are the layers of a photo in a size. Several sizes can have the same pixels. */
    match(photo: Photo | undefined, size: Size): boolean {
        if (photo !== this.photo) return false;
        const { width, height } = photo.extent(size);
        return this.pixels.width === width && this.pixels.height === height;
    }

    has(source: Source, keepColor: boolean): boolean {
        return this.#layers(keepColor).has(source);
    }

    /** Adds a style's result. If all results take too much memory, only those of `styles` stay. */
    add(source: Source, keepColor: boolean, { width, height, rgba }: Pixels, styles: readonly StyleWeight[]): void {
        const layers = this.#layers(keepColor);
        layers.set(source, { width, height, rgba });
        if ((this.#plain.size + this.#coloured.size) * rgba.length <= MAX_BYTES) return;
        this.#layers(!keepColor).clear();
        for (const source of layers.keys()) if (!styles.some((style) => style.source === source)) layers.delete(source);
    }

    /**
     * The photo in the size of the styles' results, and the blend of the styles, which all have results. `strength` is
     * from 0, the photo, to 1. Models that enlarge have larger results, and the rest is enlarged to the largest.
     */
    blend(styles: readonly StyleWeight[], strength: number, keepColor: boolean): { before: Pixels; after: Pixels } {
        const share = styles.length > 0 ? strength : 0;
        const results = styles.map(({ source }) => this.#layers(keepColor).get(source)!);
        const width = Math.max(this.pixels.width, ...results.map((result) => result.width));
        const before = enlarged(this.pixels, width);
        const layers = results.map((result, index) => ({
            rgba: enlarged(result, width).rgba,
            weight: share * styles[index]!.weight,
        }));
        return { before, after: { ...before, rgba: blend([{ rgba: before.rgba, weight: 1 - share }, ...layers]) } };
    }

    #layers(keepColor: boolean): Map<Source, Pixels> {
        return keepColor ? this.#coloured : this.#plain;
    }
}
