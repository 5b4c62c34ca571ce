/** The sources of pictures: the page's own, the user's files, and the camera. */

import { element } from "./elements.js";
import { sampleAddress } from "./photo.js";
import { type Sample, SAMPLES } from "./stylize-settings.js";
import { words } from "./words.js";

export interface SourceCallbacks {
    onOpen(picture: File | Sample): void;
    /** The user switches the camera on or off. */
    onLive(): void;
    onSnapshot(): void;
    onNextCamera(): void;
}

const samples = element("samples", HTMLElement);
const fileInput = element("stylize-file", HTMLInputElement);
const choose = element("stylize-choose", HTMLButtonElement);
const camera = element("stylize-camera", HTMLButtonElement);
const snapshot = element("stylize-snapshot", HTMLButtonElement);
const next = element("stylize-next-camera", HTMLButtonElement);

export class Sources {
    #live = false;

    constructor(callbacks: SourceCallbacks) {
        for (const sample of SAMPLES) {
            const [button, image] = [document.createElement("button"), new Image(96, 64)];
            button.type = "button";
            button.dataset["sample"] = sample;
            image.src = sampleAddress(sample);
            image.alt = "";
            image.draggable = false;
            button.append(image);
            button.addEventListener("click", () => callbacks.onOpen(sample));
            samples.append(button);
        }
        choose.addEventListener("click", () => fileInput.click());
        fileInput.addEventListener("change", () => {
            const file = fileInput.files?.[0];
            // So that choosing the same file again, perhaps changed, is an event.
            fileInput.value = "";
            if (file) callbacks.onOpen(file);
        });
        camera.addEventListener("click", () => callbacks.onLive());
        snapshot.addEventListener("click", () => callbacks.onSnapshot());
        next.addEventListener("click", () => callbacks.onNextCamera());
    }

    /** Marks the one of the page's pictures that is open. */
    showOpen(open: File | Sample | undefined): void {
        for (const button of samples.querySelectorAll("button")) {
            button.setAttribute("aria-pressed", String(!this.#live && button.dataset["sample"] === open));
        }
    }

    /** Shows the buttons for a camera that is on or off. */
    showLive(live: boolean, several = false): void {
        this.#live = live;
        const focused = document.activeElement;
        choose.hidden = live;
        snapshot.hidden = !live;
        next.hidden = !several;
        // The focus would be lost with the button.
        if (focused instanceof HTMLButtonElement && [choose, snapshot, next].includes(focused) && focused.hidden) camera.focus();
        this.localise();
    }

    localise(): void {
        const text = words().stylize;
        camera.textContent = this.#live ? text.camera.stop : text.camera.start;
        for (const button of samples.querySelectorAll("button")) {
            button.setAttribute("aria-label", text.samples[button.dataset["sample"] as Sample]);
        }
    }
}
