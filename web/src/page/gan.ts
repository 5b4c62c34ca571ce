/** The panel of the GAN: a grid of pictures of a seed. */

import type { Easel, EngineChoice } from "../easel.js";
import { element } from "./elements.js";
import { LatestTask } from "./latest-task.js";
import type { ModelEntry } from "./models.js";
import { clearError, showError } from "./notices.js";
import { ModelPicker, Slot } from "./slot.js";
import { Stage } from "./stage.js";
import { words } from "./words.js";

/** The number of pictures beside a denoiser, and without one, which is that of `sample`. */
const PICTURES = { beside: 16, alone: 64 };

export class GanPanel {
    readonly stage = new Stage(element("gan-figure", HTMLElement));
    readonly slot: Slot;
    readonly #easel: Easel;
    readonly #picker: ModelPicker;
    readonly #latest = new LatestTask();
    #drawn: { seed: bigint; count: number } | undefined;
    #count = PICTURES.beside;

    /** The time per picture. */
    milliseconds: number | undefined;

    /** `onChange` is called when the user chooses another model. */
    constructor(easel: Easel, models: ModelEntry[], engine: () => EngineChoice, onChange: (model: ModelEntry) => void) {
        this.#easel = easel;
        this.slot = new Slot(easel, "gan", this.stage, engine);
        this.#picker = new ModelPicker(element("gan-model-field", HTMLElement), this.slot, models, onChange);
    }

    get count(): number {
        return this.#count;
    }

    /** Whether the page has no denoiser. */
    set alone(alone: boolean) {
        this.#count = alone ? PICTURES.alone : PICTURES.beside;
    }

    /** Draws the pictures of a seed, if there is a model. Of several calls only the last one counts. */
    draw(seed: bigint): Promise<void> {
        return this.#latest.run(async () => {
            if (!this.slot.requested || !(await this.slot.ready())) return;
            this.stage.busy(true);
            try {
                const grid = await this.#easel.draw(seed, this.#count, this.slot.role);
                this.stage.paint(grid);
                this.#drawn = { seed, count: grid.count };
                this.milliseconds = grid.milliseconds / grid.count;
                this.localise();
                clearError(this.slot.role);
            } catch (error) {
                showError(error, this.slot.role);
            } finally {
                this.stage.busy(false);
            }
        });
    }

    localise(): void {
        const { pictures, digits, noPictures } = words();
        const drawn = this.#drawn;
        this.stage.label(drawn ? digits.ganDrawn(pictures(drawn.count), drawn.seed) : noPictures);
        element("gan-title", HTMLElement).textContent = this.slot.model?.card.title ?? "";
        this.#picker.update();
    }
}
