/** Where the picture comes from: the page's own pictures, the user's files, the camera. */

import { element } from "./elements.js";
import { sampleAddress } from "./photo.js";
import { type Sample, SAMPLES } from "./stylize-settings.js";
import { words } from "./words.js";

export interface Wishes {
    open(picture: File | Sample): void;
    /** Begin with the live picture, or end it. */
    live(): void;
    /** Keep what the camera sees. */
    take(): void;
    /** Another camera. */
    turn(): void;
}

const samples = element("samples", HTMLElement);
const fileInput = element("stylize-file", HTMLInputElement);
const choose = element("stylize-choose", HTMLButtonElement);
const camera = element("stylize-camera", HTMLButtonElement);
const take = element("stylize-take", HTMLButtonElement);
const turn = element("stylize-turn", HTMLButtonElement);

export class Sources {
    #live = false;

    constructor(wishes: Wishes) {
        for (const sample of SAMPLES) {
            const [button, image] = [document.createElement("button"), new Image(96, 64)];
            button.type = "button";
            button.dataset["sample"] = sample;
            image.src = sampleAddress(sample);
            image.alt = "";
            image.draggable = false;
            button.append(image);
            button.addEventListener("click", () => wishes.open(sample));
            samples.append(button);
        }
        choose.addEventListener("click", () => fileInput.click());
        fileInput.addEventListener("change", () => {
            const file = fileInput.files?.[0];
            // The same file can be chosen again after it was changed.
            fileInput.value = "";
            if (file) wishes.open(file);
        });
        camera.addEventListener("click", () => wishes.live());
        take.addEventListener("click", () => wishes.take());
        turn.addEventListener("click", () => wishes.turn());
    }

    /** Shows which of the page's pictures is open, if one is. */
    show(open: File | Sample | undefined): void {
        for (const button of samples.querySelectorAll("button")) {
            button.setAttribute("aria-pressed", String(!this.#live && button.dataset["sample"] === open));
        }
    }

    /** Shows what can be done with a camera that is on, or that it is off. */
    live(live: boolean, several = false): void {
        this.#live = live;
        const focused = document.activeElement;
        choose.hidden = live;
        take.hidden = !live;
        turn.hidden = !several;
        // A button that goes takes the keyboard's place on the page with it.
        if (focused instanceof HTMLButtonElement && [choose, take, turn].includes(focused) && focused.hidden) camera.focus();
        this.say();
    }

    /** Says everything anew, in the language that is set. */
    say(): void {
        const says = words().stylize;
        camera.textContent = this.#live ? says.camera.stop : says.camera.start;
        for (const button of samples.querySelectorAll("button")) {
            button.setAttribute("aria-label", says.samples[button.dataset["sample"] as Sample]);
        }
    }
}
