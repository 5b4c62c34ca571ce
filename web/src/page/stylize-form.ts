/** The controls of the tab of styles, and how far the work is. */

import { element } from "./elements.js";
import type { Extent } from "./header.js";
import type { Work } from "./painter.js";
import { parseSize, type Size, SIZES, type StylizeSettings } from "./stylize-settings.js";
import { copiesLink } from "./tab.js";
import { language, words } from "./words.js";

export interface Wishes {
    /** Something is set differently. */
    change(): void;
    cancel(): void;
    /** Do what was cancelled. */
    resume(): void;
    save(): void;
}

const strength = element("stylize-strength", HTMLInputElement);
const strengthText = element("stylize-strength-text", HTMLElement);
const size = element("stylize-size", HTMLSelectElement);
const sizeHint = element("stylize-size-hint", HTMLElement);
const colours = element("stylize-colours", HTMLInputElement);
const download = element("stylize-download", HTMLButtonElement);
const steps = element("stylize-steps", HTMLElement);
const progress = element("stylize-progress", HTMLProgressElement);
const stepText = element("stylize-step-text", HTMLElement);
const cancel = element("stylize-cancel", HTMLButtonElement);
const rate = element("stylize-rate", HTMLElement);

const ONE_DIGIT = { minimumFractionDigits: 1, maximumFractionDigits: 1 };

export class StylizeForm {
    #work: Work = { state: "done" };

    constructor(settings: Pick<StylizeSettings, "strength" | "size" | "keepColor">, wishes: Wishes) {
        strength.value = String(settings.strength);
        strength.addEventListener("input", () => {
            settings.strength = Number(strength.value);
            this.#percent();
            wishes.change();
        });
        const sides = [...SIZES, "original"] as const;
        size.append(...sides.map((side) => new Option("", String(side))));
        size.addEventListener("change", () => {
            settings.size = parseSize(size.value);
            wishes.change();
        });
        colours.checked = settings.keepColor;
        colours.addEventListener("change", () => {
            settings.keepColor = colours.checked;
            wishes.change();
        });
        cancel.addEventListener("click", () => (this.#work.state === "busy" ? wishes.cancel() : wishes.resume()));
        download.addEventListener("click", () => wishes.save());
        element("stylize-controls", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
        copiesLink(element("stylize-link", HTMLButtonElement));
    }

    /** Shows the size that is in use, and what the picture's pixels are in it. Undefined where it is not known yet. */
    size(longest: Size | undefined, live: boolean, extent: Extent | undefined): void {
        size.value = String(longest ?? "");
        // Live pictures are as large as is fast enough.
        size.disabled = live;
        sizeHint.textContent = longest && extent && !live ? words().stylize.extent(extent.width, extent.height) : "";
    }

    /** Shows how far the work is. */
    work(work: Work): void {
        this.#work = work;
        const says = words().stylize;
        const { state, tiles } = work;
        const busy = state === "busy";
        // A button that goes takes the keyboard's place on the page with it.
        if (state === "done" && document.activeElement === cancel) element("stylize-only", HTMLButtonElement).focus();
        steps.hidden = state === "done";
        progress.hidden = !busy;
        if (tiles) [progress.max, progress.value] = [tiles.of, tiles.done];
        if (!tiles || tiles.of === 1) progress.removeAttribute("value");
        if (!busy) stepText.textContent = says.cancelled(tiles?.done ?? 0, tiles?.of ?? 1);
        else stepText.textContent = tiles && tiles.of > 1 ? says.tile(tiles.done, tiles.of) : says.working;
        cancel.textContent = busy ? says.cancel : says.resume;
    }

    /** Shows how fast the live picture is, and how large. Undefined where there is none, or not yet. */
    live(speed: { perSecond: number; extent: Extent } | undefined): void {
        rate.textContent = "";
        if (!speed) return;
        const { width, height } = speed.extent;
        const perSecond = speed.perSecond.toLocaleString(language(), ONE_DIGIT);
        rate.textContent = words().stylize.rate(perSecond, width, height);
    }

    /** Says whether there is a result to save. */
    ready(ready: boolean): void {
        download.disabled = !ready;
    }

    /** Says everything anew, in the language that is set. */
    say(): void {
        for (const option of size.options) option.text = words().stylize.side(parseSize(option.value)!);
        this.#percent();
        this.work(this.#work);
    }

    #percent(): void {
        strengthText.textContent = words().stylize.percent(Number(strength.value));
        strength.setAttribute("aria-valuetext", strengthText.textContent);
    }
}
