/** The controls of the tab of digits. */

import type { SampleStep } from "../easel.js";
import { type DigitsSettings, type Limits, type Sampler, SAMPLERS } from "./digits-settings.js";
import { element } from "./elements.js";
import { mark, parseNumber, parseSeed, parseWhole, randomSeed } from "./settings.js";
import { copiesLink } from "./tab.js";
import { words } from "./words.js";

export interface Wishes {
    draw(): void;
    cancel(): void;
    /** The seed is another. */
    seed(): void;
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
    readonly #wishes: Wishes;
    #limits: Limits | undefined;
    #drawing = false;

    constructor(settings: DigitsSettings, wishes: Wishes) {
        this.settings = settings;
        this.#wishes = wishes;
        seed.value = String(settings.seed);
        sampler.append(...SAMPLERS.map((name) => new Option(name, name)));
        seed.addEventListener("input", () => this.#seed(parseSeed(seed.value)));
        element("digits-dice", HTMLButtonElement).addEventListener("click", () => {
            const drawn = randomSeed();
            seed.value = String(drawn);
            this.#seed(drawn);
        });
        count.addEventListener("input", () => this.#number("count", count, countHint, 1, this.#mostPictures, parseWhole));
        steps.addEventListener("input", () =>
            this.#number("steps", steps, stepsHint, 1, this.#limits?.mostSteps ?? 1, parseWhole),
        );
        guidance.addEventListener("input", () =>
            this.#number("guidance", guidance, guidanceHint, 0, this.#limits?.mostGuidance ?? 1, parseNumber),
        );
        sampler.addEventListener("change", () => {
            settings.sampler = sampler.value as Sampler;
            // A number of steps that suits one sampler seldom suits another.
            settings.steps = undefined;
            this.#fill();
            wishes.draw();
        });
        element("digits-controls", HTMLFormElement).addEventListener("submit", (event) => {
            event.preventDefault();
            if (this.#drawing) wishes.cancel();
            else wishes.draw();
        });
        copiesLink(element("digits-link", HTMLButtonElement));
        this.#fill();
    }

    /** Offers what a model has, and leaves out of the settings what it has not. */
    allow(limits: Limits): void {
        this.#limits = limits;
        Object.assign(this.settings, limits.fit(this.settings));
        this.#buttons(limits);
        element("digits-guidance-field", HTMLElement).hidden = !limits.guided;
        drawButton.disabled = false;
        this.#fill();
        this.say();
    }

    /** Says everything anew, in the language that is set. */
    say(): void {
        const says = words().digits;
        for (const option of sampler.options) option.text = says.samplers[option.value as Sampler];
        keypad.querySelector<HTMLElement>(".all")?.replaceChildren(says.all);
        this.#countLabel();
        this.drawing(this.#drawing);
        for (const [input, hint] of [[count, countHint], [steps, stepsHint], [guidance, guidanceHint]] as const) {
            if (input.getAttribute("aria-invalid") !== "true") mark(input, hint, undefined);
        }
        if (seed.getAttribute("aria-invalid") !== "true") mark(seed, seedHint, undefined, words().seedHint);
    }

    /** Takes a key that chooses a class. */
    key(key: string): boolean {
        const classes = this.#limits?.classes;
        if (!classes || !/^[0-9]$/.test(key) || Number(key) >= classes.length) return false;
        this.#class(Number(key));
        return true;
    }

    /** Shows that a sampling is on its way, or that none is any more. */
    drawing(drawing: boolean): void {
        this.#drawing = drawing;
        const { draw, cancel } = words().digits;
        drawButton.textContent = drawing ? cancel : draw;
        drawButton.classList.toggle("primary", !drawing);
        if (!drawing) step.hidden = true;
    }

    /** Shows how far it is. */
    step({ done, of }: SampleStep): void {
        step.hidden = false;
        progress.max = of;
        progress.value = done;
        stepText.textContent = words().digits.step(done, of);
    }

    get #mostPictures(): number {
        return this.#limits?.mostPictures(this.settings.cls) ?? 1;
    }

    #seed(value: bigint | undefined): void {
        mark(seed, seedHint, value === undefined ? words().seedWrong : undefined, words().seedHint);
        if (value === undefined) return;
        this.settings.seed = value;
        this.#wishes.seed();
        this.#wishes.draw();
    }

    #number(
        name: "count" | "steps" | "guidance",
        input: HTMLInputElement,
        hint: HTMLElement,
        least: number,
        most: number,
        parse: typeof parseWhole,
    ): void {
        const value = parse(input.value, least, most);
        mark(input, hint, value === undefined ? words().fromTo(least, most) : undefined);
        if (value === undefined) return;
        this.settings[name] = value;
        this.#wishes.draw();
    }

    #class(cls: number | undefined): void {
        this.settings.cls = cls;
        this.settings.count = Math.min(this.settings.count, this.#mostPictures);
        this.#fill();
        this.#wishes.draw();
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

    /** Brings what is set into the fields. */
    #fill(): void {
        const plan = this.#limits?.fit(this.settings);
        const pressed = this.settings.cls === undefined ? "all" : String(this.settings.cls);
        for (const button of keypad.querySelectorAll("button")) {
            button.setAttribute("aria-pressed", String(button.dataset["class"] === pressed));
        }
        sampler.value = this.settings.sampler;
        count.value = String(this.settings.count);
        count.max = String(this.#mostPictures);
        steps.value = String(plan?.steps ?? this.settings.steps ?? "");
        steps.max = String(this.#limits?.mostSteps ?? "");
        guidance.value = String(plan?.guidance ?? this.settings.guidance ?? "");
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
