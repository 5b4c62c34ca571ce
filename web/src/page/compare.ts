/** The comparison of before and after: two pictures, and the line between them that the user moves. */

import { element } from "./elements.js";
import { paint, type Pixels } from "./stage.js";
import { words } from "./words.js";

const view = element("stylize-view", HTMLElement);
const canvas = element("stylize-before", HTMLCanvasElement);
const split = element("stylize-split", HTMLInputElement);
const resultOnly = element("stylize-result-only", HTMLButtonElement);

/** The handle would not fit a thinner view. */
const MAX_ASPECT = 8;

export class Compare {
    constructor() {
        split.addEventListener("input", () => this.#move());
        // Some browsers let a finger drag a slider only by its thumb.
        view.addEventListener("pointerdown", (event) => {
            if (!event.isPrimary || event.button !== 0 || split.disabled) return;
            view.setPointerCapture(event.pointerId);
            this.#follow(event);
        });
        view.addEventListener("pointermove", (event) => {
            if (view.hasPointerCapture(event.pointerId)) this.#follow(event);
        });
        resultOnly.addEventListener("click", () => {
            split.disabled = view.classList.toggle("result-only");
            resultOnly.setAttribute("aria-pressed", String(split.disabled));
        });
        this.#move();
    }

    /** Shows the picture before. */
    paint(pixels: Pixels): void {
        paint(canvas, pixels);
        const ratio = pixels.width / pixels.height;
        view.style.setProperty("--ratio", String(Math.min(MAX_ASPECT, Math.max(1 / MAX_ASPECT, ratio))));
    }

    localise(): void {
        split.setAttribute("aria-valuetext", words().stylize.splitAt(Number(split.value)));
    }

    #follow(event: PointerEvent): void {
        const { left, width } = view.getBoundingClientRect();
        split.value = String((100 * (event.clientX - left)) / width);
        this.#move();
    }

    #move(): void {
        view.style.setProperty("--split", `${split.value}%`);
        this.localise();
    }
}
