/** The settings of the tab of digits, and their limits for a denoiser. */

import type { ModelCard, SampleRequest } from "../easel.js";
import { parseNumber, parseSeed, parseWhole } from "./settings.js";

export type Sampler = NonNullable<SampleRequest["sampler"]>;

export const SAMPLERS: readonly Sampler[] = ["dpm-solver", "ddim", "ancestral"];

export interface DigitsSettings {
    /** The number of the class; undefined for all. */
    cls: number | undefined;
    /** The number of pictures of each class. */
    count: number;
    seed: bigint;
    sampler: Sampler;
    /** Undefined for the default of the model and the sampler. */
    steps: number | undefined;
    guidance: number | undefined;
}

/** The most pictures in all. */
const MAX_PICTURES = 100;
const MAX_GUIDANCE = 10;
/** The defaults of `easel_runtime`. */
const DEFAULTS = { steps: 20, guidance: 1.5 };
/** More than any model has. The model's own limit is known once it is loaded. */
const MAX_STEPS = 100_000;

/** The settings in an address; missing or invalid ones have their defaults. */
export function fromQuery(query: URLSearchParams): DigitsSettings {
    const number = (name: string, most: number) => parseWhole(query.get(name) ?? "", 0, most);
    return {
        cls: number("class", MAX_STEPS),
        count: parseWhole(query.get("n") ?? "", 1, MAX_PICTURES) ?? 1,
        seed: parseSeed(query.get("seed") ?? "") ?? 1n,
        sampler: SAMPLERS.find((sampler) => sampler === query.get("sampler")) ?? "dpm-solver",
        steps: parseWhole(query.get("steps") ?? "", 1, MAX_STEPS),
        guidance: parseNumber(query.get("guidance") ?? "", 0, MAX_GUIDANCE),
    };
}

/** Settings that a denoiser allows, with its defaults filled in. */
export interface ResolvedSettings extends DigitsSettings {
    steps: number;
    guidance: number;
}

/** The limits and the defaults of a denoiser. */
export class Limits {
    readonly classes: string[];
    readonly #card: ModelCard;

    constructor(card: ModelCard) {
        this.#card = card;
        this.classes = card.classes ?? Array.from({ length: card.class_count ?? 1 }, (_, index) => String(index));
    }

    /** Whether the model was trained for classifier-free guidance. */
    get guided(): boolean {
        return this.#card.null_label !== undefined;
    }

    get maxSteps(): number {
        return this.#card.schedule?.steps ?? 1;
    }

    readonly maxGuidance = MAX_GUIDANCE;

    defaultSteps(sampler: Sampler): number {
        return sampler === "ancestral" ? this.maxSteps : Math.min(DEFAULTS.steps, this.maxSteps);
    }

    /** The most pictures of each class. */
    maxPictures(cls: number | undefined): number {
        return cls === undefined ? Math.max(1, Math.floor(MAX_PICTURES / this.classes.length)) : MAX_PICTURES;
    }

    /** The settings for this denoiser; those that it does not allow have their defaults. */
    resolve(settings: DigitsSettings): ResolvedSettings {
        const cls = settings.cls !== undefined && settings.cls < this.classes.length ? settings.cls : undefined;
        const { sampler, seed } = settings;
        const steps = settings.steps !== undefined && settings.steps <= this.maxSteps ? settings.steps : undefined;
        return {
            cls,
            seed,
            sampler,
            count: Math.min(settings.count, this.maxPictures(cls)),
            steps: steps ?? this.defaultSteps(sampler),
            guidance: this.guided ? (settings.guidance ?? DEFAULTS.guidance) : 1,
        };
    }
}
