/** The sheet that a generator draws of a seed. */

import type { Easel, EngineChoice } from "../easel.js";
import { element } from "./elements.js";
import { Latest } from "./latest.js";
import type { ModelEntry } from "./models.js";
import { clearError, showError } from "./notices.js";
import { Picker, Slot } from "./slot.js";
import { Stage } from "./stage.js";
import { words } from "./words.js";

/** Beside a denoiser; where it has the place for itself, the sheet of `sample`. */
const PICTURES = { beside: 16, alone: 64 };

export class GanSheet {
    readonly stage = new Stage(element("gan-figure", HTMLElement));
    readonly slot: Slot;
    readonly #easel: Easel;
    readonly #picker: Picker;
    readonly #latest = new Latest();
    #drawn: { seed: bigint; count: number } | undefined;
    #count = PICTURES.beside;

    /** From the random numbers to the pixels, of each picture. */
    milliseconds: number | undefined;

    /** `changed` is told when another model is chosen. */
    constructor(easel: Easel, models: ModelEntry[], engine: () => EngineChoice, changed: (model: ModelEntry) => void) {
        this.#easel = easel;
        this.slot = new Slot(easel, "gan", this.stage, engine);
        this.#picker = new Picker(element("gan-model-field", HTMLElement), this.slot, models, changed);
    }

    get count(): number {
        return this.#count;
    }

    /** Whether there is no denoiser beside it. */
    set alone(alone: boolean) {
        this.#count = alone ? PICTURES.alone : PICTURES.beside;
    }

    /** Draws a seed's sheet, where there is a model for it; of several wishes only the last one. */
    draw(seed: bigint): Promise<void> {
        return this.#latest.ask(async () => {
            if (!this.slot.asked || !(await this.slot.ready())) return;
            this.stage.busy(true);
            try {
                const sheet = await this.#easel.draw(seed, this.#count, this.slot.as);
                this.stage.paint(sheet);
                this.#drawn = { seed, count: sheet.count };
                this.milliseconds = sheet.milliseconds / sheet.count;
                this.say();
                clearError(this.slot.as);
            } catch (error) {
                showError(error, this.slot.as);
            } finally {
                this.stage.busy(false);
            }
        });
    }

    /** Says what there is, in the language that is set. */
    say(): void {
        const { pictures, digits, nothingYet } = words();
        const drawn = this.#drawn;
        this.stage.label(drawn ? digits.ganDrawn(pictures(drawn.count), drawn.seed) : nothingYet);
        element("gan-title", HTMLElement).textContent = this.slot.model?.card.title ?? "";
        this.#picker.show();
    }
}
