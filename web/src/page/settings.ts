/** Parsing and validating what users type. */

import type { EngineChoice } from "../easel.js";

const MAX_SEED = 2n ** 64n - 1n;

/** The seed in a text; undefined if invalid. */
export function parseSeed(text: string): bigint | undefined {
    const trimmed = text.trim();
    if (!/^[0-9]{1,20}$/.test(trimmed)) return undefined;
    const seed = BigInt(trimmed);
    return seed <= MAX_SEED ? seed : undefined;
}

/** From `min` to `max` seeds in a list such as `1,2,30`; undefined if invalid. */
export function parseSeeds(text: string, min: number, max: number): bigint[] | undefined {
    const seeds = text.split(",").map(parseSeed);
    const all = seeds.filter((seed) => seed !== undefined);
    return all.length === seeds.length && all.length >= min && all.length <= max ? all : undefined;
}

/** The whole number from `min` to `max` in a text; undefined if invalid. */
export function parseWhole(text: string, min: number, max: number): number | undefined {
    const number = parseNumber(text, min, max);
    return Number.isInteger(number) ? number : undefined;
}

/** The number from `min` to `max` in a text; undefined if invalid. */
export function parseNumber(text: string, min: number, max: number): number | undefined {
    const number = Number(text);
    return text.trim() !== "" && number >= min && number <= max ? number : undefined;
}

export function parseEngine(text: string | null): EngineChoice {
    return text === "easel" || text === "webgpu" || text === "wasm" ? text : "auto";
}

/** A random seed of at most six digits. */
export function randomSeed(): bigint {
    return BigInt(crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000);
}

/** Marks a field as invalid if there is an error, and shows the error, else the help, in its hint. */
export function mark(input: HTMLInputElement, hint: HTMLElement, error: string | undefined, help = ""): void {
    input.setAttribute("aria-invalid", String(error !== undefined));
    hint.textContent = error ?? help;
    hint.hidden = hint.textContent === "";
    hint.classList.toggle("error", error !== undefined);
}
