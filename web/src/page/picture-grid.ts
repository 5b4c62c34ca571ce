/** Pictures in a grid, laid out as by `sample`: two black pixels between and around them. */

import type { Pixels } from "./stage.js";

const GAP = 2;

export interface Shape {
    columns: number;
    rows: number;
}

/** The grid nearest to a square that holds `count` pictures, wider rather than higher. */
export function square(count: number): Shape {
    const columns = Math.ceil(Math.sqrt(count));
    return { columns, rows: Math.ceil(count / columns) };
}

/** The same for `each` pictures of every class: those of a class are in one row, which can hold several classes. */
export function ofClasses(classes: number, each: number): Shape {
    const shapes = Array.from({ length: classes }, (_, index) => {
        const across = index + 1;
        return { columns: across * each, rows: Math.ceil(classes / across) };
    });
    const longer = ({ columns, rows }: Shape) => Math.max(columns, rows);
    return shapes.reduce((best, shape) => (longer(shape) <= longer(best) ? shape : best));
}

/** A grid of pictures of one size. A single picture has no border. */
export class PictureGrid implements Pixels {
    readonly width: number;
    readonly height: number;
    readonly rgba: Uint8ClampedArray<ArrayBuffer>;
    readonly #shape: Shape;
    readonly #size: { width: number; height: number };
    readonly #gap: number;

    constructor(shape: Shape, size: { width: number; height: number }) {
        this.#shape = shape;
        this.#size = size;
        this.#gap = shape.columns * shape.rows === 1 ? 0 : GAP;
        this.width = shape.columns * (size.width + this.#gap) + this.#gap;
        this.height = shape.rows * (size.height + this.#gap) + this.#gap;
        this.rgba = new Uint8ClampedArray(this.width * this.height * 4);
        new Uint32Array(this.rgba.buffer).fill(OPAQUE_BLACK);
    }

    /** Puts pictures into the cells from `first` on. */
    put(first: number, { rgba }: Pixels): void {
        const { width, height } = this.#size;
        const line = width * 4;
        for (let at = 0; at * line < rgba.length; at++) {
            const index = first + Math.floor(at / height);
            const left = this.#gap + (index % this.#shape.columns) * (width + this.#gap);
            const top = this.#gap + Math.floor(index / this.#shape.columns) * (height + this.#gap) + (at % height);
            this.rgba.set(rgba.subarray(at * line, (at + 1) * line), (top * this.width + left) * 4);
        }
    }
}

/** A pixel, in the byte order of the machine. */
const OPAQUE_BLACK = new Uint32Array(Uint8Array.of(0, 0, 0, 255).buffer)[0]!;
