/**
 * The browser's address, the only memory that the page has: `?tab=digits&class=7&seed=1&engine=wasm`. It brings back
 * which tab is open, what is set there, and what was chosen for the whole page.
 */

import type { EngineChoice } from "../easel.js";
import { parseEngine } from "./settings.js";
import { type Language, parseLanguage } from "./words.js";

/** Browsers refuse many changes in a row, Safari more than 100 in 30 s; so a refused one is tried again later. */
const MILLISECONDS_BETWEEN = 350;
const MILLISECONDS_AFTER_REFUSAL = 3000;

export interface PageChoices {
    /** The tab's name. */
    tab: string;
    engine: EngineChoice;
    /** Undefined for the browser's own. */
    language: Language | undefined;
}

/** The choices in an address; what is missing or makes no sense has its default. */
export function fromQuery(query: URLSearchParams, tabs: readonly string[]): PageChoices {
    const tab = query.get("tab");
    return {
        tab: tab !== null && tabs.includes(tab) ? tab : tabs[0]!,
        engine: parseEngine(query.get("engine")),
        language: parseLanguage(query.get("lang")),
    };
}

/** The address of the choices and of the open tab's settings. */
export function toQuery({ tab, engine, language }: PageChoices, settings: URLSearchParams): URLSearchParams {
    const query = new URLSearchParams({ tab });
    for (const [name, value] of settings) query.set(name, value);
    if (engine !== "auto") query.set("engine", engine);
    if (language !== undefined) query.set("lang", language);
    return query;
}

let wanted: URLSearchParams | undefined;
let timer: number | undefined;
let written = -Infinity;

/** Makes the browser's address bring this back. */
export function writeAddress(query: URLSearchParams): void {
    wanted = query;
    timer ??= setTimeout(flush, Math.max(0, written + MILLISECONDS_BETWEEN - performance.now()));
}

/** The address that brings everything back, at once. */
export function currentAddress(): string {
    flush();
    return wanted ? withQuery(wanted).href : location.href;
}

/** Leaves the address as it is to the browser's Back; what is written from now on is another step. */
export function stepAddress(): void {
    flush();
    try {
        history.pushState(null, "", location.href);
    } catch {
        // Too many changes in a row: Back skips this one.
    }
}

function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (!wanted) return;
    const query = wanted;
    wanted = undefined;
    written = performance.now();
    try {
        history.replaceState(null, "", withQuery(query));
    } catch {
        wanted = query;
        timer = setTimeout(flush, MILLISECONDS_AFTER_REFUSAL);
    }
}

function withQuery(query: URLSearchParams): URL {
    const address = new URL(location.href);
    // Lists of seeds stay legible.
    address.search = query.toString().replaceAll("%2C", ",");
    return address;
}
