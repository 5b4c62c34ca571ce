/** Messages of all tabs: errors, announcements for screen readers, and the badge that shows the engine. */

import { type EngineInUse, GpuLost } from "../easel.js";
import { element } from "./elements.js";
import { language, words } from "./words.js";

const notice = element("notice", HTMLElement);
const error = element("error", HTMLElement);
const retry = element("retry", HTMLButtonElement);
const status = element("status", HTMLElement);
const badge = element("badge", HTMLElement);
const engineName = element("engine-name", HTMLElement);
const time = element("time", HTMLElement);

/** An error whose message is in the page's language. */
export class PageError extends Error {}

/** The owner of the error on the screen; undefined for the page. */
let currentOwner: string | undefined;

/** Shows an error in one line. If it has an owner, such as a slot, the user can try again. */
export function showError(reason: unknown, owner?: string): void {
    currentOwner = owner;
    retry.hidden = owner === undefined;
    // Not every screen reader reads out text that is there when the notice appears, so the notice is shown first.
    notice.hidden = false;
    if (reason instanceof GpuLost) reason = new PageError(words().gpuLost);
    error.lang = reason instanceof PageError ? document.documentElement.lang : "en";
    error.textContent = reason instanceof Error ? reason.message : String(reason);
}

/** Hides the error; given an owner, only if no other owner's error is shown. */
export function clearError(owner?: string): void {
    if (owner !== undefined && currentOwner !== undefined && currentOwner !== owner) return;
    notice.hidden = true;
    error.textContent = "";
}

element("close-error", HTMLButtonElement).addEventListener("click", () => clearError());

/** Calls `work` when the user wants to try again. */
export function onRetry(work: () => void): void {
    retry.addEventListener("click", () => {
        clearError();
        work();
    });
}

/** Announces a sentence to screen readers. */
export function announce(sentence: string): void {
    status.textContent = sentence;
}

/** The engine of a tab, and its time per picture. */
export interface EngineStatus {
    engine: EngineInUse;
    /** Undefined before the first picture. */
    milliseconds: number | undefined;
}

/** Shows it in the badge. */
export function showEngine(engineStatus: EngineStatus | undefined): void {
    const [name, ...details] = (engineStatus?.engine.name ?? words().noEngine).split(/(?=, )/);
    engineName.replaceChildren(name!, ...details.map(detail));
    const milliseconds = engineStatus?.milliseconds;
    time.textContent = milliseconds === undefined ? "" : words().timePerPicture(format(milliseconds));
    badge.dataset["engine"] = engineStatus?.engine.kind ?? "";
    badge.title = engineStatus?.engine.rejections.join(". ") ?? "";
}

/** A part of the name that narrow screens do not show. */
function detail(text: string): HTMLElement {
    const span = document.createElement("span");
    span.className = "threads";
    span.textContent = text;
    return span;
}

function format(milliseconds: number): string {
    const digits = milliseconds < 10 ? 1 : 0;
    const places = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false };
    return milliseconds.toLocaleString(language(), places);
}
