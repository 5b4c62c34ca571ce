/** A figure's canvas, and over it the progress of a download. */

import type { LoadProgress } from "../easel.js";
import { fileSize } from "./card.js";
import { PageError } from "./notices.js";
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

    /** Shows pixels. */
    paint({ width, height, rgba }: Pixels): void {
        paint(this.canvas, { width, height, rgba });
        this.#figure.classList.remove("empty");
    }

    /** Sets the description for screen readers. */
    label(text: string): void {
        this.canvas.setAttribute("aria-label", text);
    }

    /** Shows whether the picture is about to change; `live` if it changes on the screen meanwhile. */
    busy(busy: boolean, live = false): void {
        this.#figure.setAttribute("aria-busy", String(busy));
        this.#figure.classList.toggle("waiting", busy && !live);
    }

    /** Shows the progress of a download. After it, the engine still has to get ready. */
    progress(progress: LoadProgress | undefined): void {
        this.#loading.hidden = progress === undefined;
        if (progress === undefined) return;
        const { what, loaded, total, cached } = progress;
        const text = words().progress;
        if (cached) {
            this.#bar.max = this.#bar.value = 1;
            this.#text.textContent = text[what](text.cached(fileSize(loaded)));
        } else if (total === undefined) {
            this.#bar.removeAttribute("value");
            this.#text.textContent = text[what](fileSize(loaded));
        } else if (loaded < total) {
            this.#bar.max = total;
            this.#bar.value = loaded;
            this.#text.textContent = text[what](text.of(fileSize(loaded), fileSize(total)));
        } else {
            this.#bar.max = this.#bar.value = 1;
            this.#text.textContent = what === "model" ? text.model(fileSize(loaded)) : text.ready;
        }
    }

    /** Saves the picture as a PNG file. */
    async save(name: string): Promise<void> {
        const png = await new Promise<Blob | null>((resolve) => this.canvas.toBlob(resolve, "image/png"));
        if (!png) throw new PageError(words().noPng);
        const link = document.createElement("a");
        link.href = URL.createObjectURL(png);
        link.download = name;
        link.click();
        // The browser has read the data by then.
        setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    }
}

/** Puts pixels on a canvas, which is resized to them. */
export function paint(canvas: HTMLCanvasElement, { width, height, rgba }: Pixels): void {
    // Setting the size clears the canvas, which is slow, even if it is the same.
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser cannot draw on a canvas");
    context.putImageData(new ImageData(rgba, width, height), 0, 0);
}
