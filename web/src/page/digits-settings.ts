/** What is set in the tab of digits, and what a denoiser allows. */

import type { ModelCard, SampleRequest } from "../easel.js";
import { parseNumber, parseSeed, parseWhole } from "./settings.js";

export type Sampler = NonNullable<SampleRequest["sampler"]>;

export const SAMPLERS: readonly Sampler[] = ["dpm-solver", "ddim", "ancestral"];

export interface DigitsSettings {
    /** A class by its number; undefined for all. */
    cls: number | undefined;
    /** Pictures of the class, or of each. */
    count: number;
    seed: bigint;
    sampler: Sampler;
    /** Undefined for what is usual with model and sampler. */
    steps: number | undefined;
    guidance: number | undefined;
}

/** The most pictures of one class, and of all together. */
const MOST_PICTURES = 100;
const MOST_GUIDANCE = 10;
/** What `easel_runtime` takes where it is told nothing else. */
const USUAL = { steps: 20, guidance: 1.5 };
/** What is more than any model has; the model's own limits are known once it is there. */
const MOST_STEPS = 100_000;

/** The settings in an address; what is missing or makes no sense has its default. */
export function fromQuery(query: URLSearchParams): DigitsSettings {
    const number = (name: string, most: number) => parseWhole(query.get(name) ?? "", 0, most);
    return {
        cls: number("class", MOST_STEPS),
        count: parseWhole(query.get("n") ?? "", 1, MOST_PICTURES) ?? 1,
        seed: parseSeed(query.get("seed") ?? "") ?? 1n,
        sampler: SAMPLERS.find((sampler) => sampler === query.get("sampler")) ?? "dpm-solver",
        steps: parseWhole(query.get("steps") ?? "", 1, MOST_STEPS),
        guidance: parseNumber(query.get("guidance") ?? "", 0, MOST_GUIDANCE),
    };
}

/** Settings in which nothing is left open. */
export interface Plan extends DigitsSettings {
    steps: number;
    guidance: number;
}

/** What a denoiser allows, and what is usual with it. */
export class Limits {
    readonly classes: string[];
    readonly #card: ModelCard;

    constructor(card: ModelCard) {
        this.#card = card;
        this.classes = card.classes ?? Array.from({ length: card.class_count ?? 1 }, (_, index) => String(index));
    }

    /** Whether the model was trained for guidance. */
    get guided(): boolean {
        return this.#card.null_label !== undefined;
    }

    get mostSteps(): number {
        return this.#card.schedule?.steps ?? 1;
    }

    readonly mostGuidance = MOST_GUIDANCE;

    usualSteps(sampler: Sampler): number {
        return sampler === "ancestral" ? this.mostSteps : Math.min(USUAL.steps, this.mostSteps);
    }

    /** The most pictures of a class, or of each. */
    mostPictures(cls: number | undefined): number {
        return cls === undefined ? Math.max(1, Math.floor(MOST_PICTURES / this.classes.length)) : MOST_PICTURES;
    }

    /** The settings that this denoiser can follow: what it has not is as if it had not been set. */
    fit(settings: DigitsSettings): Plan {
        const cls = settings.cls !== undefined && settings.cls < this.classes.length ? settings.cls : undefined;
        const { sampler, seed } = settings;
        const steps = settings.steps !== undefined && settings.steps <= this.mostSteps ? settings.steps : undefined;
        return {
            cls,
            seed,
            sampler,
            count: Math.min(settings.count, this.mostPictures(cls)),
            steps: steps ?? this.usualSteps(sampler),
            guidance: this.guided ? (settings.guidance ?? USUAL.guidance) : 1,
        };
    }
}
