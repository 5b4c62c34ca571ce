/** The page's text in each of its languages. Messages of the engine about a model are in English. */

import { zh } from "./words/chinese.js";
import { en, type Words } from "./words/english.js";

export type { Words } from "./words/english.js";

export type Language = "en" | "zh";

const LANGUAGES: Record<Language, Words> = { en, zh };

let current: Language = "en";
const callbacks: (() => void)[] = [];

/** The language of a tag such as `zh-TW`, if the page has it. */
export function parseLanguage(tag: string | null): Language | undefined {
    const language = tag?.toLowerCase().split("-")[0];
    return language === "en" || language === "zh" ? language : undefined;
}

/** The first of the browser's languages that the page has. */
export function browserLanguage(): Language {
    return navigator.languages.map(parseLanguage).find((language) => language !== undefined) ?? "en";
}

/** The text in the current language. */
export function words(): Words {
    return LANGUAGES[current];
}

export function language(): Language {
    return current;
}

/** Calls back whenever the language changes. */
export function onLanguageChange(callback: () => void): void {
    callbacks.push(callback);
}

/** Sets the language of the page: of elements with `data-i18n` or `data-i18n-label`, and of all that call back. */
export function setLanguage(language: Language): void {
    current = language;
    document.documentElement.lang = language === "zh" ? "zh-Hans" : language;
    for (const element of document.querySelectorAll<HTMLElement>("[data-i18n]")) {
        element.textContent = lookUp(element.dataset["i18n"]!);
    }
    for (const element of document.querySelectorAll<HTMLElement>("[data-i18n-label]")) {
        element.setAttribute("aria-label", lookUp(element.dataset["i18nLabel"]!));
    }
    callbacks.forEach((callback) => callback());
}

/** The text at a path such as `digits.tab`. */
function lookUp(path: string): string {
    let found: unknown = words();
    for (const key of path.split(".")) found = (found as Record<string, unknown>)[key];
    if (typeof found !== "string") throw new Error(`there is no text at ${path}`);
    return found;
}
