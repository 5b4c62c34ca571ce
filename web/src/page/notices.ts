/** What the page tells the user in one place for all tabs: errors, the engine, and the same for screen readers. */

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

/** A failure that the page words itself, in its own language. */
export class Problem extends Error {}

/** Whose error is shown; undefined for the page's. */
let blamed: string | undefined;

/** Shows an error in one line. `owner` is whose it is, where something of that name can make it good: trying again, too. */
export function showError(reason: unknown, owner?: string): void {
    blamed = owner;
    retry.hidden = owner === undefined;
    // The notice is shown first: what appears with its text already in it is not read out everywhere.
    notice.hidden = false;
    if (reason instanceof GpuLost) reason = new Problem(words().gpuLost);
    error.lang = reason instanceof Problem ? document.documentElement.lang : "en";
    error.textContent = reason instanceof Error ? reason.message : String(reason);
}

/** Takes the error away, unless it is another's than the `owner` whose work went well. */
export function clearError(owner?: string): void {
    if (owner !== undefined && blamed !== undefined && blamed !== owner) return;
    notice.hidden = true;
    error.textContent = "";
}

element("close-error", HTMLButtonElement).addEventListener("click", () => clearError());

/** Does something when the user wants to try again what failed. */
export function onRetry(work: () => void): void {
    retry.addEventListener("click", () => {
        clearError();
        work();
    });
}

/** Says a sentence to screen readers. */
export function announce(sentence: string): void {
    status.textContent = sentence;
}

/** The engine of the open tab, and the time that it takes for a picture. */
export interface Running {
    engine: EngineInUse;
    /** Undefined before the first picture. */
    milliseconds: number | undefined;
}

/** Shows it in the badge. */
export function showRunning(running: Running | undefined): void {
    const [name, ...threads] = (running?.engine.name ?? words().noEngine).split(/(?=, )/);
    engineName.replaceChildren(name!, ...threads.map(detail));
    const each = running?.milliseconds;
    time.textContent = each === undefined ? "" : words().each(duration(each));
    badge.dataset["engine"] = running?.engine.kind ?? "";
    badge.title = running?.engine.passedOver.join(". ") ?? "";
}

/** What narrow screens have no place for. */
function detail(text: string): HTMLElement {
    const span = document.createElement("span");
    span.className = "threads";
    span.textContent = text;
    return span;
}

function duration(milliseconds: number): string {
    const digits = milliseconds < 10 ? 1 : 0;
    const places = { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false };
    return milliseconds.toLocaleString(language(), places);
}
