/**
 * The browser's address, which holds all state of the page: `?tab=digits&class=7&seed=1&engine=wasm`. It restores the
 * open tab and its settings, and the settings of the whole page.
 */

import type { EngineChoice } from "../easel.js";
import { parseEngine } from "./settings.js";
import { type Language, parseLanguage } from "./words.js";

/** Browsers refuse many changes in a row (Safari more than 100 in 30 s), so they are delayed, and retried if refused. */
const MILLISECONDS_BETWEEN_CHANGES = 350;
const MILLISECONDS_AFTER_REFUSAL = 3000;

export interface PageSettings {
    /** The tab's name. */
    tab: string;
    engine: EngineChoice;
    /** Undefined for the browser's language. */
    language: Language | undefined;
}

/** The settings in an address; missing or invalid ones have their defaults. */
export function fromQuery(query: URLSearchParams, tabs: readonly string[]): PageSettings {
    const tab = query.get("tab");
    return {
        tab: tab !== null && tabs.includes(tab) ? tab : tabs[0]!,
        engine: parseEngine(query.get("engine")),
        language: parseLanguage(query.get("lang")),
    };
}

/** The query for the settings of the page and of the open tab. */
export function toQuery({ tab, engine, language }: PageSettings, tabQuery: URLSearchParams): URLSearchParams {
    const query = new URLSearchParams({ tab });
    for (const [name, value] of tabQuery) query.set(name, value);
    if (engine !== "auto") query.set("engine", engine);
    if (language !== undefined) query.set("lang", language);
    return query;
}

let pending: URLSearchParams | undefined;
let timer: number | undefined;
let written = -Infinity;

/** Puts the query into the browser's address. */
export function writeAddress(query: URLSearchParams): void {
    pending = query;
    timer ??= setTimeout(flush, Math.max(0, written + MILLISECONDS_BETWEEN_CHANGES - performance.now()));
}

/** The current address, with changes that are still delayed. */
export function currentAddress(): string {
    flush();
    return pending ? withQuery(pending).href : location.href;
}

/** Adds the current address to the browser's history. */
export function pushAddress(): void {
    flush();
    try {
        history.pushState(null, "", location.href);
    } catch {
        // Too many changes in a row: the history lacks this one.
    }
}

function flush(): void {
    clearTimeout(timer);
    timer = undefined;
    if (!pending) return;
    const query = pending;
    pending = undefined;
    written = performance.now();
    try {
        history.replaceState(null, "", withQuery(query));
    } catch {
        pending = query;
        timer = setTimeout(flush, MILLISECONDS_AFTER_REFUSAL);
    }
}

function withQuery(query: URLSearchParams): URL {
    const address = new URL(location.href);
    // Keeps lists of seeds legible.
    address.search = query.toString().replaceAll("%2C", ",");
    return address;
}
