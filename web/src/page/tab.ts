/** The interface between the page and its tabs. */

import type { Easel, EngineChoice, ModelCard } from "../easel.js";
import { currentAddress } from "./address.js";
import type { ModelEntry, Source } from "./models.js";
import { announce, type EngineStatus, PageError, showError } from "./notices.js";
import type { Photo } from "./photo.js";
import { words } from "./words.js";

/** The page, as its tabs see it. */
export interface Host {
    readonly easel: Easel;
    readonly models: ModelEntry[];
    /** The engine chosen for the page. */
    engine(): EngineChoice;
    /** Called when settings change, to update the address. */
    settingsChanged(): void;
    /** Called when the engine in use, or its time per picture, changes. */
    engineChanged(): void;
}

export interface Tab {
    /** The id of its panel, and its name in the address. */
    readonly name: string;
    readonly engineStatus: EngineStatus | undefined;
    /** The tab is opened: loads what it needs and draws. */
    show(): Promise<void>;
    /** Another tab is opened. */
    hide(): void;
    /** The settings, for the address. */
    query(): URLSearchParams;
    /** Switches to an engine. Returns whether that worked. */
    setEngine(engine: EngineChoice): Promise<boolean>;
    /** Opens a model of the user's. */
    open(file: File, card: ModelCard): Promise<void>;
    /** Opens a picture of the user's. */
    openPhoto?(photo: Photo): Promise<void>;
    /** Updates all text to the current language. */
    localise(): void;
    /** Handles a key pressed outside of fields. Returns whether it means something here. */
    key?(key: string): boolean;
    /** The Worker, and with it all models, is gone. */
    workerLost(): void;
}

/** Enables the button for copying a link, unless a model is a file of the user's, which no link can refer to. */
export function enableLink(button: HTMLButtonElement, sources: (Source | undefined)[]): void {
    button.disabled = sources.some((source) => source instanceof File);
    button.title = button.disabled ? words().noLink : "";
}

/** Makes a button copy the page's address. */
export function setUpCopyLink(button: HTMLButtonElement): void {
    let timer: number | undefined;
    button.addEventListener("click", async () => {
        try {
            await navigator.clipboard.writeText(currentAddress());
            button.textContent = words().linkCopied;
            announce(words().linkCopied);
            clearTimeout(timer);
            timer = setTimeout(() => (button.textContent = words().copyLink), 2000);
        } catch {
            showError(new PageError(words().linkNotCopied));
        }
    });
}
