/** The controls of the tab of digits. */

import type { SampleStep } from "../easel.js";
import { type DigitsSettings, type Limits, type Sampler, SAMPLERS } from "./digits-settings.js";
import { element } from "./elements.js";
import { mark, parseNumber, parseSeed, parseWhole, randomSeed } from "./settings.js";
import { setUpCopyLink } from "./tab.js";
import { words } from "./words.js";

export interface DigitsFormCallbacks {
    /** The user draws, or the settings have changed. */
    onDraw(): void;
    onCancel(): void;
    /** The seed has changed. */
    onSeed(): void;
}

const seed = element("digits-seed", HTMLInputElement);
const seedHint = element("digits-seed-hint", HTMLElement);
const count = element("digits-count", HTMLInputElement);
const countHint = element("digits-count-hint", HTMLElement);
const sampler = element("digits-sampler", HTMLSelectElement);
const steps = element("digits-steps", HTMLInputElement);
const stepsHint = element("digits-steps-hint", HTMLElement);
const guidance = element("digits-guidance", HTMLInputElement);
const guidanceHint = element("digits-guidance-hint", HTMLElement);
const keypad = element("classes", HTMLElement);
const drawButton = element("digits-draw", HTMLButtonElement);
const step = element("digits-step", HTMLElement);
const progress = element("digits-progress", HTMLProgressElement);
const stepText = element("digits-step-text", HTMLElement);

export class DigitsForm {
    readonly settings: DigitsSettings;
    readonly #callbacks: DigitsFormCallbacks;
    #limits: Limits | undefined;
    #drawing = false;

    constructor(settings: DigitsSettings, callbacks: DigitsFormCallbacks) {
        this.settings = settings;
        this.#callbacks = callbacks;
        seed.value = String(settings.seed);
        sampler.append(...SAMPLERS.map((name) => new Option(name, name)));
        seed.addEventListener("input", () => this.#seed(parseSeed(seed.value)));
        element("digits-dice", HTMLButtonElement).addEventListener("click", () => {
            const drawn = randomSeed();
            seed.value = String(drawn);
            this.#seed(drawn);
        });
        count.addEventListener("input", () => this.#number("count", count, countHint, 1, this.#maxPictures, parseWhole));
        steps.addEventListener("input", () =>
            this.#number("steps", steps, stepsHint, 1, this.#limits?.maxSteps ?? 1, parseWhole),
        );
        guidance.addEventListener("input", () =>
            this.#number("guidance", guidance, guidanceHint, 0, this.#limits?.maxGuidance ?? 1, parseNumber),
        );
        sampler.addEventListener("change", () => {
            settings.sampler = sampler.value as Sampler;
            // The number of steps suits only the sampler before.
            settings.steps = undefined;
            this.#fill();
            callbacks.onDraw();
        });
        element("digits-controls", HTMLFormElement).addEventListener("submit", (event) => {
            event.preventDefault();
            if (this.#drawing) callbacks.onCancel();
            else callbacks.onDraw();
        });
        setUpCopyLink(element("digits-link", HTMLButtonElement));
        this.#fill();
    }

    /** Sets the limits of a model, and changes settings that they do not allow. */
    setLimits(limits: Limits): void {
        this.#limits = limits;
        Object.assign(this.settings, limits.resolve(this.settings));
        this.#buttons(limits);
        element("digits-guidance-field", HTMLElement).hidden = !limits.guided;
        drawButton.disabled = false;
        this.#fill();
        this.localise();
    }

    localise(): void {
        const text = words().digits;
        for (const option of sampler.options) option.text = text.samplers[option.value as Sampler];
        keypad.querySelector<HTMLElement>(".all")?.replaceChildren(text.all);
        this.#countLabel();
        this.showDrawing(this.#drawing);
        for (const [input, hint] of [[count, countHint], [steps, stepsHint], [guidance, guidanceHint]] as const) {
            if (input.getAttribute("aria-invalid") !== "true") mark(input, hint, undefined);
        }
        if (seed.getAttribute("aria-invalid") !== "true") mark(seed, seedHint, undefined, words().seedHint);
    }

    /** Handles a key that chooses a class. Returns whether it does. */
    key(key: string): boolean {
        const classes = this.#limits?.classes;
        if (!classes || !/^[0-9]$/.test(key) || Number(key) >= classes.length) return false;
        this.#class(Number(key));
        return true;
    }

    /** Shows whether a sampling is in progress. */
    showDrawing(drawing: boolean): void {
        this.#drawing = drawing;
        const { draw, cancel } = words().digits;
        drawButton.textContent = drawing ? cancel : draw;
        drawButton.classList.toggle("primary", !drawing);
        if (!drawing) step.hidden = true;
    }

    /** Shows the progress of the sampling. */
    showStep({ done, of }: SampleStep): void {
        step.hidden = false;
        progress.max = of;
        progress.value = done;
        stepText.textContent = words().digits.step(done, of);
    }

    get #maxPictures(): number {
        return this.#limits?.maxPictures(this.settings.cls) ?? 1;
    }

    #seed(value: bigint | undefined): void {
        mark(seed, seedHint, value === undefined ? words().seedError : undefined, words().seedHint);
        if (value === undefined) return;
        this.settings.seed = value;
        this.#callbacks.onSeed();
        this.#callbacks.onDraw();
    }

    #number(
        name: "count" | "steps" | "guidance",
        input: HTMLInputElement,
        hint: HTMLElement,
        min: number,
        max: number,
        parse: typeof parseWhole,
    ): void {
        const value = parse(input.value, min, max);
        mark(input, hint, value === undefined ? parse === parseWhole ? words().wholeError(min, max) : words().rangeError(min, max) : undefined);
        if (value === undefined) return;
        this.settings[name] = value;
        this.#callbacks.onDraw();
    }

    #class(cls: number | undefined): void {
        this.settings.cls = cls;
        this.settings.count = Math.min(this.settings.count, this.#maxPictures);
        this.#fill();
        this.#callbacks.onDraw();
    }

    #buttons({ classes }: Limits): void {
        const make = (cls: number | undefined, text: string) => {
            const button = document.createElement("button");
            button.type = "button";
            button.textContent = text;
            button.dataset["class"] = cls === undefined ? "all" : String(cls);
            if (cls === undefined) button.className = "all";
            else if (cls < 10) button.setAttribute("aria-keyshortcuts", String(cls));
            button.addEventListener("click", () => this.#class(cls));
            return button;
        };
        keypad.replaceChildren(...classes.map((name, cls) => make(cls, name)), make(undefined, words().digits.all));
        keypad.classList.toggle("wide", classes.some((name) => name.length > 2));
    }

    /** Shows the settings in the fields. */
    #fill(): void {
        const resolved = this.#limits?.resolve(this.settings);
        const pressed = this.settings.cls === undefined ? "all" : String(this.settings.cls);
        for (const button of keypad.querySelectorAll("button")) {
            button.setAttribute("aria-pressed", String(button.dataset["class"] === pressed));
        }
        sampler.value = this.settings.sampler;
        count.value = String(this.settings.count);
        count.max = String(this.#maxPictures);
        steps.value = String(resolved?.steps ?? this.settings.steps ?? "");
        steps.max = String(this.#limits?.maxSteps ?? "");
        guidance.value = String(resolved?.guidance ?? this.settings.guidance ?? "");
        for (const [input, hint] of [[count, countHint], [steps, stepsHint], [guidance, guidanceHint]] as const) {
            mark(input, hint, undefined);
        }
        this.#countLabel();
    }

    #countLabel(): void {
        const { count, countEach } = words().digits;
        element("digits-count-label", HTMLElement).textContent = this.settings.cls === undefined ? countEach : count;
    }
}
