/** The settings of the tab of latent walks. */

import { parseNumber, parseSeeds } from "./settings.js";

export interface WalkSettings {
    /** The seeds in order; the walk returns from the last to the first. */
    seeds: bigint[];
    /** The position: the index of the seed before it, and the fraction of the way to the next. */
    at: number;
    /** How far the picture is pushed along each of the strongest directions. */
    pushes: number[];
}

export const MIN_SEEDS = 2;
export const MAX_SEEDS = 12;
/** In standard deviations of the latent vector's elements; generators were hardly trained with vectors beyond it. */
export const MAX_PUSH = 4;
export const DIRECTIONS = 6;

const DEFAULT_SEEDS = [20n, 8n, 27n, 37n];

/** The settings in an address; missing or invalid ones have their defaults. */
export function fromQuery(query: URLSearchParams): WalkSettings {
    const seeds = parseSeeds(query.get("seeds") ?? "", MIN_SEEDS, MAX_SEEDS) ?? DEFAULT_SEEDS;
    const pushes = (query.get("push") ?? "").split(",").map((text) => parseNumber(text, -MAX_PUSH, MAX_PUSH) ?? 0);
    return {
        seeds,
        at: parseNumber(query.get("at") ?? "", 0, seeds.length) ?? 0,
        pushes: Array.from({ length: DIRECTIONS }, (_, index) => pushes[index] ?? 0),
    };
}

export function toQuery({ seeds, at, pushes }: WalkSettings): URLSearchParams {
    const query = new URLSearchParams({ seeds: seeds.join(",") });
    if (at !== 0) query.set("at", String(Number(at.toFixed(2))));
    if (pushes.some((push) => push !== 0)) query.set("push", pushes.join(","));
    return query;
}

/** The decimals of a fraction of the way: fewer than what subtraction leaves exact. */
const DECIMALS = 9;

/** The indices of the seeds before and after a position, and the fraction of the way between them. */
export function positionOf(seeds: readonly bigint[], at: number): { from: number; to: number; t: number } {
    const from = Math.floor(at) % seeds.length;
    // At hundredths, 1.02 - 1 rounded is the quotient 2 / 100 that `sample --walk 100` computes.
    const t = Number((at - Math.floor(at)).toFixed(DECIMALS));
    return { from, to: (from + 1) % seeds.length, t };
}
