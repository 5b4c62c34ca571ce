/** What the page tells the user: progress, the engine, errors, and the same for screen readers. */

import type { Drawing, Loaded, Progress } from "../easel.js";
import { fileSize, show as showCard } from "./card.js";
import { element } from "./elements.js";

const error = element("error", HTMLElement);
const status = element("status", HTMLElement);
const loading = element("loading", HTMLElement);
const bar = element("progress", HTMLProgressElement);
const text = element("progress-text", HTMLElement);
const badge = element("badge", HTMLElement);
const title = element("title", HTMLElement);
const time = element("time", HTMLElement);

/** Shows an error in one line, or takes the last one away. */
export function showError(reason: unknown): void {
    const line = reason instanceof Error ? reason.message : String(reason);
    error.textContent = line;
    error.hidden = false;
}

export function clearError(): void {
    error.hidden = true;
    error.textContent = "";
}

/** Says a sentence to screen readers. */
export function announce(sentence: string): void {
    status.textContent = sentence;
}

/** Shows how far a download is. When it is there, the engine still has work before the first picture. */
export function showProgress({ what, loaded, total }: Progress): void {
    loading.hidden = false;
    const name = what === "model" ? "Model" : "Engine";
    if (total === undefined) {
        bar.removeAttribute("value");
        text.textContent = `${name}: ${fileSize(loaded)}`;
    } else if (loaded < total) {
        bar.max = total;
        bar.value = loaded;
        text.textContent = `${name}: ${fileSize(loaded)} of ${fileSize(total)}`;
    } else {
        bar.max = bar.value = 1;
        text.textContent = what === "model" ? `Model: ${fileSize(loaded)}` : "Getting ready…";
    }
}

export function hideProgress(): void {
    loading.hidden = true;
}

/** Names the model and the engine in use, and shows the model's card. */
export function showModel(loaded: Loaded): void {
    const { card, engine } = loaded;
    title.textContent = card.title;
    badge.hidden = false;
    badge.textContent = engine.name;
    badge.dataset["engine"] = engine.kind;
    badge.title = engine.passedOver.join(". ");
    showCard(element("card", HTMLDListElement), loaded);
    element("about", HTMLDetailsElement).hidden = false;
}

/** Shows how long a drawing took. */
export function showTime({ milliseconds, count }: Drawing): void {
    const each = milliseconds / count;
    time.textContent = `${each.toFixed(each < 10 ? 1 : 0)} ms per picture`;
}
