/** Sliders on a generator's strongest directions; at both ends of each stands what the picture would be there. */

import { element } from "./elements.js";
import { paint, type Pixels } from "./stage.js";
import { MOST_PUSH } from "./walk-settings.js";
import { language, words } from "./words.js";

const list = element("directions", HTMLUListElement);
const reset = element("walk-reset", HTMLButtonElement);

export class Sliders {
    readonly #pushes: number[];
    #shares: number[] = [];

    /** `change` is told whenever a slider moves; `pushes` is what they say. */
    constructor(pushes: number[], change: () => void) {
        this.#pushes = pushes;
        list.addEventListener("input", (event) => {
            const input = event.target as HTMLInputElement;
            pushes[Number(input.dataset["index"])] = Number(input.value);
            this.#enable();
            change();
        });
        reset.addEventListener("click", () => {
            pushes.fill(0);
            list.querySelectorAll("input").forEach((input) => (input.value = "0"));
            this.#enable();
            change();
        });
    }

    /** Shows a slider for each direction; `shares` says how strong they are. */
    show(shares: number[]): void {
        this.#shares = shares;
        list.replaceChildren(...shares.map((_, index) => this.#item(index)));
        this.say();
        this.#enable();
    }

    /** Shows the pictures at the sliders' ends: of each the least and the most, one after the other in `rgba`. */
    paint(pictures: Pixels): void {
        const length = pictures.width * pictures.height * 4;
        list.querySelectorAll("canvas").forEach((canvas, index) => {
            paint(canvas, { ...pictures, rgba: pictures.rgba.slice(index * length, (index + 1) * length) });
        });
    }

    /** Says everything anew, in the language that is set. */
    say(): void {
        const says = words().walk;
        list.querySelectorAll("label").forEach((label, index) => (label.textContent = says.direction(index + 1)));
        list.querySelectorAll(".share").forEach((share, index) => {
            const percent = (this.#shares[index]! * 100).toLocaleString(language(), { maximumSignificantDigits: 2 });
            share.textContent = says.share(percent);
        });
    }

    #item(index: number): HTMLLIElement {
        const item = document.createElement("li");
        const [least, most] = [document.createElement("canvas"), document.createElement("canvas")];
        for (const canvas of [least, most]) canvas.setAttribute("aria-hidden", "true");
        const head = document.createElement("div");
        const [label, share] = [document.createElement("label"), document.createElement("span")];
        label.htmlFor = `direction-${index + 1}`;
        share.className = "share";
        head.append(label, share);
        const input = document.createElement("input");
        input.type = "range";
        input.id = label.htmlFor;
        [input.min, input.max, input.step] = [String(-MOST_PUSH), String(MOST_PUSH), "0.1"];
        input.value = String(this.#pushes[index] ?? 0);
        input.dataset["index"] = String(index);
        item.append(least, head, input, most);
        return item;
    }

    #enable(): void {
        reset.disabled = this.#pushes.every((push) => push === 0);
    }
}
