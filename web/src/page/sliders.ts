/** Sliders for a generator's strongest directions, with the pictures at both ends of each. */

import { element } from "./elements.js";
import { paint, type Pixels } from "./stage.js";
import { MAX_PUSH } from "./walk-settings.js";
import { language, words } from "./words.js";

const list = element("directions", HTMLUListElement);
const reset = element("walk-reset", HTMLButtonElement);

export class Sliders {
    readonly #pushes: number[];
    #shares: number[] = [];

    /** `onChange` is called when a slider moves; it has then changed `pushes`. */
    constructor(pushes: number[], onChange: () => void) {
        this.#pushes = pushes;
        list.addEventListener("input", (event) => {
            const input = event.target as HTMLInputElement;
            pushes[Number(input.dataset["index"])] = Number(input.value);
            this.#enable();
            onChange();
        });
        reset.addEventListener("click", () => {
            pushes.fill(0);
            list.querySelectorAll("input").forEach((input) => (input.value = "0"));
            this.#enable();
            onChange();
        });
    }

    /** Shows a slider for each direction. */
    show(shares: number[]): void {
        this.#shares = shares;
        list.replaceChildren(...shares.map((_, index) => this.#item(index)));
        this.localise();
        this.#enable();
    }

    /** Shows the pictures at the sliders' ends, the lower and the upper one of each. */
    paint(pictures: Pixels): void {
        const length = pictures.width * pictures.height * 4;
        list.querySelectorAll("canvas").forEach((canvas, index) => {
            paint(canvas, { ...pictures, rgba: pictures.rgba.slice(index * length, (index + 1) * length) });
        });
    }

    localise(): void {
        const text = words().walk;
        list.querySelectorAll("label").forEach((label, index) => (label.textContent = text.direction(index + 1)));
        list.querySelectorAll(".share").forEach((share, index) => {
            const percent = (this.#shares[index]! * 100).toLocaleString(language(), { maximumSignificantDigits: 2 });
            share.textContent = text.share(percent);
        });
    }

    #item(index: number): HTMLLIElement {
        const item = document.createElement("li");
        const [lower, upper] = [document.createElement("canvas"), document.createElement("canvas")];
        for (const canvas of [lower, upper]) canvas.setAttribute("aria-hidden", "true");
        const head = document.createElement("div");
        const [label, share] = [document.createElement("label"), document.createElement("span")];
        label.htmlFor = `direction-${index + 1}`;
        share.className = "share";
        head.append(label, share);
        const input = document.createElement("input");
        input.type = "range";
        input.id = label.htmlFor;
        [input.min, input.max, input.step] = [String(-MAX_PUSH), String(MAX_PUSH), "0.1"];
        input.value = String(this.#pushes[index] ?? 0);
        input.dataset["index"] = String(index);
        item.append(lower, head, input, upper);
        return item;
    }

    #enable(): void {
        reset.disabled = this.#pushes.every((push) => push === 0);
    }
}
