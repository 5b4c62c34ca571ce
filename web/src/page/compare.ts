/** Two pictures, one over the other, and the line between them that the user moves. */

import { element } from "./elements.js";
import { paint, type Pixels } from "./stage.js";
import { words } from "./words.js";

const view = element("stylize-view", HTMLElement);
const canvas = element("stylize-before", HTMLCanvasElement);
const split = element("stylize-split", HTMLInputElement);
const only = element("stylize-only", HTMLButtonElement);

export class Compare {
    constructor() {
        split.addEventListener("input", () => this.#move());
        only.addEventListener("click", () => {
            const alone = view.classList.toggle("alone");
            only.setAttribute("aria-pressed", String(alone));
            split.disabled = alone;
        });
        this.#move();
    }

    /** Shows what the picture was before. */
    paint(pixels: Pixels): void {
        paint(canvas, pixels);
        view.style.setProperty("--ratio", String(pixels.width / pixels.height));
    }

    /** Says everything anew, in the language that is set. */
    say(): void {
        split.setAttribute("aria-valuetext", words().stylize.splitAt(Number(split.value)));
    }

    #move(): void {
        view.style.setProperty("--split", `${split.value}%`);
        this.say();
    }
}
