/** What the page does while nothing else is to be done, so that all of it works without a connection. */

import type { Easel, Files } from "../easel.js";
import { element } from "./elements.js";
import { type ModelEntry, pathOf } from "./models.js";
import { onLanguage, words } from "./words.js";

const told = element("offline", HTMLElement);

/** The list of the page's files; empty where the page was put together without one. */
export async function listedFiles(): Promise<Files> {
    try {
        const response = await fetch("files.json");
        return response.ok ? ((await response.json()) as Files) : {};
    } catch {
        return {};
    }
}

let begun = false;

/** Downloads the models that were not asked for yet, once, and says when everything is there. */
export function keepForLater(easel: Easel, models: ModelEntry[]): void {
    const { connection } = navigator as { connection?: { saveData?: boolean } };
    if (begun || connection?.saveData) return;
    begun = true;
    const later = "requestIdleCallback" in window ? requestIdleCallback : setTimeout;
    later(() => void keepAll(easel, models));
}

async function keepAll(easel: Easel, listed: ModelEntry[]): Promise<void> {
    // Only what the page offers is worth its place, and only what the list of files has is kept.
    const models = listed.map(pathOf).filter((path) => path in easel.files);
    try {
        if (!("serviceWorker" in navigator) || models.length === 0) return;
        // Without it nothing works later that is kept now.
        await navigator.serviceWorker.ready;
        let all = true;
        for (const path of models) all = await easel.keep(path);
        if (all) say();
    } catch {
        // The connection broke off: what is missing is downloaded when it is needed.
    }
}

function say(): void {
    told.hidden = false;
    told.textContent = words().offline;
    onLanguage(() => (told.textContent = words().offline));
}
