/** Downloads what the page still lacks in its idle time, so that all of it works offline. */

import type { Easel, FileManifest } from "../easel.js";
import { element } from "./elements.js";
import { type ModelEntry, pathOf } from "./models.js";
import { onLanguageChange, words } from "./words.js";

const notice = element("offline", HTMLElement);

/** The list of the page's files; empty if the page was built without one. */
export async function fetchManifest(): Promise<FileManifest> {
    try {
        const response = await fetch("files.json");
        return response.ok ? ((await response.json()) as FileManifest) : {};
    } catch {
        return {};
    }
}

let started = false;

/** Downloads the models that were not used yet, once, and announces when everything is there. */
export function prefetchModels(easel: Easel, models: ModelEntry[]): void {
    const { connection } = navigator as { connection?: { saveData?: boolean } };
    if (started || connection?.saveData) return;
    started = true;
    const later = "requestIdleCallback" in window ? requestIdleCallback : setTimeout;
    later(() => void prefetchAll(easel, models));
}

async function prefetchAll(easel: Easel, models: ModelEntry[]): Promise<void> {
    // Only listed files are cached.
    const paths = models.map(pathOf).filter((path) => path in easel.files);
    try {
        if (!("serviceWorker" in navigator) || paths.length === 0) return;
        // Without it the page itself does not work offline.
        await navigator.serviceWorker.ready;
        let complete = true;
        for (const path of paths) complete = await easel.prefetch(path);
        if (complete) show();
    } catch {
        // The connection broke off: what is missing is downloaded when it is needed.
    }
}

function show(): void {
    notice.hidden = false;
    notice.textContent = words().offline;
    onLanguageChange(() => (notice.textContent = words().offline));
}
