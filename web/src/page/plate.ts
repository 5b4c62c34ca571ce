/** A picture in a size, and what the styles have made of it so far. */

import type { EngineChoice } from "../easel.js";
import { mix } from "../mix.js";
import type { Source } from "./models.js";
import type { Photo } from "./photo.js";
import type { Pixels } from "./stage.js";
import type { Size } from "./stylize-settings.js";
import type { Wanted } from "./styles.js";

/** The most bytes that results are kept with, for when they are wanted again. */
const MOST_BYTES = 400e6;

export class Plate {
    readonly photo: Photo;
    readonly engine: EngineChoice;
    readonly pixels: Pixels;
    readonly #plain = new Map<Source, Pixels["rgba"]>();
    readonly #coloured = new Map<Source, Pixels["rgba"]>();

    constructor(photo: Photo, engine: EngineChoice, pixels: Pixels) {
        this.photo = photo;
        this.engine = engine;
        this.pixels = pixels;
    }

    /** Whether it is a photo in a size; several sizes can come to the same pixels. */
    shows(photo: Photo | undefined, size: Size): boolean {
        if (photo !== this.photo) return false;
        const { width, height } = photo.extent(size);
        return this.pixels.width === width && this.pixels.height === height;
    }

    has(source: Source, keepColor: boolean): boolean {
        return this.#layers(keepColor).has(source);
    }

    /** Keeps what a style made of the picture; where that takes too much memory, only what is wanted stays. */
    put(source: Source, keepColor: boolean, rgba: Pixels["rgba"], wanted: readonly Wanted[]): void {
        const layers = this.#layers(keepColor);
        layers.set(source, rgba);
        if ((this.#plain.size + this.#coloured.size) * rgba.length <= MOST_BYTES) return;
        this.#layers(!keepColor).clear();
        for (const source of layers.keys()) if (!wanted.some((style) => style.source === source)) layers.delete(source);
    }

    /** The picture as styles, which are all there, paint it together; `strength` is from 0, the picture itself, to 1. */
    mixed(wanted: readonly Wanted[], strength: number, keepColor: boolean): Pixels {
        const styled = wanted.length > 0 ? strength : 0;
        const layers = wanted.map(({ source, weight }) => ({
            rgba: this.#layers(keepColor).get(source)!,
            weight: styled * weight,
        }));
        return { ...this.pixels, rgba: mix([{ rgba: this.pixels.rgba, weight: 1 - styled }, ...layers]) };
    }

    #layers(keepColor: boolean): Map<Source, Pixels["rgba"]> {
        return keepColor ? this.#coloured : this.#plain;
    }
}
