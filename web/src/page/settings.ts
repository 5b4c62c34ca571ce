/** What the user sets, and the address that brings it back: `?seed=7&n=64&engine=wasm&model=gan`. */

import type { EngineChoice } from "../easel.js";

export interface Settings {
    seed: bigint;
    count: number;
    engine: EngineChoice;
    /** A name in `models/index.json`; undefined for the first. */
    model: string | undefined;
}

export const MOST_PICTURES = 256;
const DEFAULTS = { seed: 1n, count: 64 };
const LARGEST_SEED = 2n ** 64n - 1n;

/** The seed that a text means, where it means one. */
export function parseSeed(text: string): bigint | undefined {
    const trimmed = text.trim();
    if (!/^[0-9]{1,20}$/.test(trimmed)) return undefined;
    const seed = BigInt(trimmed);
    return seed <= LARGEST_SEED ? seed : undefined;
}

/** The number of pictures that a text means, where it means one. */
export function parseCount(text: string): number | undefined {
    const count = Number(text);
    return text.trim() !== "" && Number.isInteger(count) && count >= 1 && count <= MOST_PICTURES ? count : undefined;
}

export function parseEngine(text: string | null): EngineChoice {
    return text === "webgpu" || text === "wasm" ? text : "auto";
}

/** A seed that is short enough to be read out. */
export function randomSeed(): bigint {
    return BigInt(crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000);
}

/** The settings in an address; what is missing or makes no sense has its default. */
export function fromAddress(address: URL): Settings {
    const query = address.searchParams;
    return {
        seed: parseSeed(query.get("seed") ?? "") ?? DEFAULTS.seed,
        count: parseCount(query.get("n") ?? "") ?? DEFAULTS.count,
        engine: parseEngine(query.get("engine")),
        model: query.get("model") ?? undefined,
    };
}

/** Makes the browser's address bring the settings back. */
export function toAddress(settings: Settings): void {
    const address = new URL(location.href);
    const query = new URLSearchParams({ seed: String(settings.seed), n: String(settings.count) });
    if (settings.engine !== "auto") query.set("engine", settings.engine);
    if (settings.model !== undefined) query.set("model", settings.model);
    address.search = query.toString();
    history.replaceState(null, "", address);
}
