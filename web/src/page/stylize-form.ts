/** The controls of the tab of styles, and the progress of its work. */

import { element } from "./elements.js";
import type { Extent } from "./header.js";
import type { JobStatus } from "./stylize-runner.js";
import { parseSize, type Size, SIZES, type StylizeSettings } from "./stylize-settings.js";
import { setUpCopyLink } from "./tab.js";
import { language, words } from "./words.js";

export interface StylizeFormCallbacks {
    /** The settings have changed. */
    onChange(): void;
    onCancel(): void;
    /** The user resumes work that was cancelled. */
    onResume(): void;
    onSave(): void;
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
    #status: JobStatus = { state: "done" };

    constructor(settings: Pick<StylizeSettings, "strength" | "size" | "keepColor">, callbacks: StylizeFormCallbacks) {
        strength.value = String(settings.strength);
        strength.addEventListener("input", () => {
            settings.strength = Number(strength.value);
            this.#showStrength();
            callbacks.onChange();
        });
        const sides = [...SIZES, "original"] as const;
        size.append(...sides.map((side) => new Option("", String(side))));
        size.addEventListener("change", () => {
            settings.size = parseSize(size.value);
            callbacks.onChange();
        });
        colours.checked = settings.keepColor;
        colours.addEventListener("change", () => {
            settings.keepColor = colours.checked;
            callbacks.onChange();
        });
        cancel.addEventListener("click", () => (this.#status.state === "running" ? callbacks.onCancel() : callbacks.onResume()));
        download.addEventListener("click", () => callbacks.onSave());
        element("stylize-controls", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
        setUpCopyLink(element("stylize-link", HTMLButtonElement));
    }

    /** Shows the longest side in use, undefined if not known yet, and the size that the picture has with it. */
    showSize(longest: Size | undefined, live: boolean, extent: Extent | undefined): void {
        size.value = String(longest ?? "");
        // The size of live frames follows from their time.
        size.disabled = live;
        sizeHint.textContent = longest && extent && !live ? words().stylize.extent(extent.width, extent.height) : "";
    }

    /** Shows the status of the current job. */
    showStatus(status: JobStatus): void {
        this.#status = status;
        const text = words().stylize;
        const { state, tiles } = status;
        const running = state === "running";
        // The focus would be lost with the button.
        if (state === "done" && document.activeElement === cancel) element("stylize-result-only", HTMLButtonElement).focus();
        steps.hidden = state === "done";
        progress.hidden = !running;
        if (tiles) [progress.max, progress.value] = [tiles.of, tiles.done];
        if (!tiles || tiles.of === 1) progress.removeAttribute("value");
        if (!running) stepText.textContent = text.cancelled(tiles?.done ?? 0, tiles?.of ?? 1);
        else stepText.textContent = tiles && tiles.of > 1 ? text.tile(tiles.done, tiles.of) : text.working;
        cancel.textContent = running ? text.cancel : text.resume;
    }

    /** Shows the rate and size of the live frames; undefined if not known. */
    showRate(speed: { perSecond: number; extent: Extent } | undefined): void {
        rate.textContent = "";
        if (!speed) return;
        const { width, height } = speed.extent;
        const perSecond = speed.perSecond.toLocaleString(language(), ONE_DIGIT);
        rate.textContent = words().stylize.rate(perSecond, width, height);
    }

    /** Enables the download if there is a result. */
    enableDownload(enabled: boolean): void {
        download.disabled = !enabled;
    }

    localise(): void {
        for (const option of size.options) option.text = words().stylize.side(parseSize(option.value)!);
        this.#showStrength();
        this.showStatus(this.#status);
    }

    #showStrength(): void {
        strengthText.textContent = words().stylize.percent(Number(strength.value));
        strength.setAttribute("aria-valuetext", strengthText.textContent);
    }
}
