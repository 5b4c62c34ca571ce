/** What people type, and what it means. */

import type { EngineChoice } from "../easel.js";

const LARGEST_SEED = 2n ** 64n - 1n;

/** The seed that a text means, where it means one. */
export function parseSeed(text: string): bigint | undefined {
    const trimmed = text.trim();
    if (!/^[0-9]{1,20}$/.test(trimmed)) return undefined;
    const seed = BigInt(trimmed);
    return seed <= LARGEST_SEED ? seed : undefined;
}

/** The seeds that a list means, where all of it makes sense: `1,2,30`. */
export function parseSeeds(text: string, least: number, most: number): bigint[] | undefined {
    const seeds = text.split(",").map(parseSeed);
    const all = seeds.filter((seed) => seed !== undefined);
    return all.length === seeds.length && all.length >= least && all.length <= most ? all : undefined;
}

/** The whole number from `least` to `most` that a text means, where it means one. */
export function parseWhole(text: string, least: number, most: number): number | undefined {
    const number = parseNumber(text, least, most);
    return Number.isInteger(number) ? number : undefined;
}

/** The number from `least` to `most` that a text means, where it means one. */
export function parseNumber(text: string, least: number, most: number): number | undefined {
    const number = Number(text);
    return text.trim() !== "" && number >= least && number <= most ? number : undefined;
}

export function parseEngine(text: string | null): EngineChoice {
    return text === "webgpu" || text === "wasm" ? text : "auto";
}

/** A seed that is short enough to be read out. */
export function randomSeed(): bigint {
    return BigInt(crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000);
}

/** Shows whether what is in a field makes sense; `problem` says what would, where it does not. */
export function mark(input: HTMLInputElement, hint: HTMLElement, problem: string | undefined, otherwise = ""): void {
    input.setAttribute("aria-invalid", String(problem !== undefined));
    hint.textContent = problem ?? otherwise;
    hint.hidden = hint.textContent === "";
    hint.classList.toggle("wrong", problem !== undefined);
}
