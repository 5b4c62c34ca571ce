/** Where pictures are shown: a figure's canvas, and over it how far a download is. */

import type { Progress } from "../easel.js";
import { fileSize } from "./card.js";
import { Problem } from "./notices.js";
import { words } from "./words.js";

export interface Pixels {
    width: number;
    height: number;
    /** Four bytes a pixel, rows from the top. */
    rgba: Uint8ClampedArray<ArrayBuffer>;
}

export class Stage {
    readonly canvas: HTMLCanvasElement;
    readonly #figure: HTMLElement;
    readonly #loading = document.createElement("label");
    readonly #text = document.createElement("span");
    readonly #bar = document.createElement("progress");

    constructor(figure: HTMLElement) {
        this.#figure = figure;
        this.canvas = figure.querySelector("canvas")!;
        this.#loading.className = "loading";
        this.#loading.hidden = true;
        this.#text.className = "loading-text";
        this.#loading.append(this.#text, this.#bar);
        this.canvas.after(this.#loading);
    }

    get empty(): boolean {
        return this.#figure.classList.contains("empty");
    }

    /** Shows pixels, a canvas pixel for each. */
    paint({ width, height, rgba }: Pixels): void {
        paint(this.canvas, { width, height, rgba });
        this.#figure.classList.remove("empty");
    }

    /** What the picture is, for those who don't see it. */
    label(text: string): void {
        this.canvas.setAttribute("aria-label", text);
    }

    /** Says whether what is shown is about to change; `live` where it is changing before the user's eyes. */
    busy(busy: boolean, live = false): void {
        this.#figure.setAttribute("aria-busy", String(busy));
        this.#figure.classList.toggle("waiting", busy && !live);
    }

    /** Shows how far a download is. When it is there, the engine still has work before the first picture. */
    progress(progress: Progress | undefined): void {
        this.#loading.hidden = progress === undefined;
        if (progress === undefined) return;
        const { what, loaded, total, kept } = progress;
        const says = words().progress;
        if (kept) {
            this.#bar.max = this.#bar.value = 1;
            this.#text.textContent = says[what](says.kept(fileSize(loaded)));
        } else if (total === undefined) {
            this.#bar.removeAttribute("value");
            this.#text.textContent = says[what](fileSize(loaded));
        } else if (loaded < total) {
            this.#bar.max = total;
            this.#bar.value = loaded;
            this.#text.textContent = says[what](says.of(fileSize(loaded), fileSize(total)));
        } else {
            this.#bar.max = this.#bar.value = 1;
            this.#text.textContent = what === "model" ? says.model(fileSize(loaded)) : says.ready;
        }
    }

    /** Saves the picture as a PNG file, its pixels as they are. */
    async save(name: string): Promise<void> {
        const png = await new Promise<Blob | null>((resolve) => this.canvas.toBlob(resolve, "image/png"));
        if (!png) throw new Problem(words().noPng);
        const link = document.createElement("a");
        link.href = URL.createObjectURL(png);
        link.download = name;
        link.click();
        // The download has taken hold of the data by then.
        setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    }
}

/** Puts pixels on a canvas, which takes their size. */
export function paint(canvas: HTMLCanvasElement, { width, height, rgba }: Pixels): void {
    // Setting the size, even to what it is, clears the canvas and is slow.
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser gives the page no canvas");
    context.putImageData(new ImageData(rgba, width, height), 0, 0);
}
