/** What the page says, in each of its languages. What the engine says about a model is English everywhere. */

import { zh } from "./words/chinese.js";
import { en, type Words } from "./words/english.js";

export type { Words } from "./words/english.js";

export type Language = "en" | "zh";

const LANGUAGES: Record<Language, Words> = { en, zh };

let current: Language = "en";
const listeners: (() => void)[] = [];

/** The language that a tag such as `zh-TW` asks for, where the page has it. */
export function parseLanguage(tag: string | null): Language | undefined {
    const language = tag?.toLowerCase().split("-")[0];
    return language === "en" || language === "zh" ? language : undefined;
}

/** The first of the browser's languages that the page has. */
export function browsersLanguage(): Language {
    return navigator.languages.map(parseLanguage).find((language) => language !== undefined) ?? "en";
}

/** What the page says, in the language that is set. */
export function words(): Words {
    return LANGUAGES[current];
}

export function language(): Language {
    return current;
}

/** Does something whenever the language changes. */
export function onLanguage(listener: () => void): void {
    listeners.push(listener);
}

/** Makes the page speak a language: what its HTML names by `data-say` and `data-say-label`, and all who listen. */
export function setLanguage(language: Language): void {
    current = language;
    document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
    for (const element of document.querySelectorAll<HTMLElement>("[data-say]")) {
        element.textContent = said(element.dataset["say"]!);
    }
    for (const element of document.querySelectorAll<HTMLElement>("[data-say-label]")) {
        element.setAttribute("aria-label", said(element.dataset["sayLabel"]!));
    }
    listeners.forEach((listener) => listener());
}

/** What the page's HTML names by its path: `digits.tab`. */
function said(path: string): string {
    let found: unknown = words();
    for (const key of path.split(".")) found = (found as Record<string, unknown>)[key];
    if (typeof found !== "string") throw new Error(`the page has no words for ${path}`);
    return found;
}
