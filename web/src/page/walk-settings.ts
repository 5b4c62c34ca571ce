/** What is set in the tab of walks. */

import { parseNumber, parseSeeds } from "./settings.js";

export interface WalkSettings {
    /** Where the walk leads, and from the last back to the first. */
    seeds: bigint[];
    /** How far the walk is: the number of the stop before it, and the part of the way to the next. */
    at: number;
    /** How far the picture is pushed along each of the strongest directions. */
    pushes: number[];
}

export const LEAST_SEEDS = 2;
export const MOST_SEEDS = 12;
/** In standard deviations of the latent vector's elements: beyond it a generator has seen little. */
export const MOST_PUSH = 4;
export const DIRECTIONS = 6;

const DEFAULT_SEEDS = [20n, 8n, 27n, 37n];

/** The settings in an address; what is missing or makes no sense has its default. */
export function fromQuery(query: URLSearchParams): WalkSettings {
    const seeds = parseSeeds(query.get("seeds") ?? "", LEAST_SEEDS, MOST_SEEDS) ?? DEFAULT_SEEDS;
    const pushes = (query.get("push") ?? "").split(",").map((text) => parseNumber(text, -MOST_PUSH, MOST_PUSH) ?? 0);
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

/** Where a position is: the stops before and after it, and the part of the way between them. */
export function leg(seeds: readonly bigint[], at: number): { from: number; to: number; t: number } {
    const from = Math.floor(at) % seeds.length;
    return { from, to: (from + 1) % seeds.length, t: at - Math.floor(at) };
}
