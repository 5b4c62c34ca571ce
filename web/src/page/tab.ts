/** What a tab and the page around it are to each other. */

import type { Easel, EngineChoice, ModelCard } from "../easel.js";
import { currentAddress } from "./address.js";
import type { ModelEntry, Source } from "./models.js";
import { announce, Problem, type Running, showError } from "./notices.js";
import type { Photo } from "./photo.js";
import { words } from "./words.js";

/** The page, as its tabs see it. */
export interface Host {
    readonly easel: Easel;
    readonly models: ModelEntry[];
    /** The engine that is wanted. */
    engine(): EngineChoice;
    /** Something is set differently: the address has to say so. */
    changed(): void;
    /** The engine in use, or the time it takes, is another. */
    ran(): void;
}

export interface Tab {
    /** Its panel's id, and its name in the address. */
    readonly name: string;
    readonly running: Running | undefined;
    /** It is opened: loads what it needs and draws what is set. */
    show(): Promise<void>;
    /** Another is opened. */
    hide(): void;
    /** What is set, for the address. */
    query(): URLSearchParams;
    /** Changes to an engine. Says whether that worked. */
    use(engine: EngineChoice): Promise<boolean>;
    /** Opens a model of the user's. */
    open(file: File, card: ModelCard): Promise<void>;
    /** Shows a picture of the user's. */
    picture?(photo: Photo): Promise<void>;
    /** Says everything anew, in the language that is set. */
    say(): void;
    /** Takes a key that is pressed outside of fields. Says whether it meant something. */
    key?(key: string): boolean;
    /** The Worker, with all models, is gone. */
    lose(): void;
}

/** Says whether the address brings everything back: not where one of the models is a file of the user's. */
export function allowLink(button: HTMLButtonElement, sources: (Source | undefined)[]): void {
    button.disabled = sources.some((source) => source instanceof File);
    button.title = button.disabled ? words().noLink : "";
}

/** Makes a button copy the page's address and say so. */
export function copiesLink(button: HTMLButtonElement): void {
    let timer: number | undefined;
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(currentAddress());
            button.textContent = words().copied;
            announce(words().copied);
            clearTimeout(timer);
            timer = setTimeout(() => (button.textContent = words().copyLink), 2000);
        } catch {
            showError(new Problem(words().notCopied));
        }
    });
}
