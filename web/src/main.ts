/** The page: its tabs, and what they share: the engine, the language, the address, and files that the user opens. */

import { Easel, type EngineChoice } from "./easel.js";
import { fromQuery, pushAddress, toQuery, writeAddress } from "./page/address.js";
import { DigitsTab } from "./page/digits.js";
import { onDrop } from "./page/drop.js";
import { element } from "./page/elements.js";
import { fetchModels, type ModelEntry, roleOf } from "./page/models.js";
import { announce, clearError, onRetry, PageError, showEngine, showError } from "./page/notices.js";
import { fetchManifest, prefetchModels } from "./page/offline.js";
import { isModel, Photo } from "./page/photo.js";
import { reloadsPage } from "./page/service.js";
import { parseEngine } from "./page/settings.js";
import { StylizeTab } from "./page/stylize.js";
import type { Host, Tab } from "./page/tab.js";
import { setUpTabs, showTab } from "./page/tabs.js";
import { WalkTab } from "./page/walk.js";
import { browserLanguage, language, onLanguageChange, setLanguage, words } from "./page/words.js";

const NAMES = ["stylize", "digits", "walk"] as const;

const TAB_OF = { stylizer: "stylize", denoiser: "digits", gan: "digits", walker: "walk" } as const;

const list = element("tabs", HTMLElement);
const engineSelect = element("engine", HTMLSelectElement);
const languageButton = element("language", HTMLButtonElement);
const fileInput = element("file", HTMLInputElement);

const query = new URL(location.href).searchParams;
const settings = fromQuery(query, NAMES);
const easel = new Easel();
let tabs: Tab[] = [];
let resolveReady: () => void;
const ready = new Promise<void>((resolve) => (resolveReady = resolve));

function openTab(): Tab | undefined {
    return tabs.find(({ name }) => name === settings.tab);
}

/** Shows the open tab, and puts its settings into the address. */
async function show(): Promise<void> {
    showTab(list, settings.tab);
    localise();
    const tab = openTab();
    if (!tab) return;
    settingsChanged();
    showEngine(tab.engineStatus);
    try {
        await tab.show();
    } catch (error) {
        element(settings.tab, HTMLElement).querySelectorAll("figure").forEach((figure) => (figure.ariaBusy = "false"));
        showError(error);
    }
}

/** Opens another tab; the browser's Back returns to the one before. */
function choose(name: string): void {
    if (name === settings.tab) return;
    pushAddress();
    goTo(name);
}

function goTo(name: string): void {
    openTab()?.hide();
    settings.tab = name;
    clearError();
    void show();
}

function settingsChanged(): void {
    const tab = openTab();
    if (tab) writeAddress(toQuery(settings, tab.query()));
}

let engineChanges = 0;

/** Switches to an engine; if that fails, the one before stays. Of several calls the last one counts. */
async function setEngine(engine: EngineChoice): Promise<void> {
    const change = ++engineChanges;
    const tab = openTab();
    const done = !tab || (await tab.setEngine(engine));
    if (change !== engineChanges) return;
    if (!done) {
        engineSelect.value = settings.engine;
        return;
    }
    settings.engine = engine;
    await show();
}

/** Opens a file of the user's in the tab for its kind. */
async function openFile(file: File): Promise<void> {
    await ready;
    clearError();
    announce(words().loading(file.name));
    try {
        const card = (await isModel(file)) ? await easel.inspect(file) : undefined;
        // A file that is neither a model nor a picture does not change the tab.
        const photo = card ? undefined : await Photo.open(file);
        const name = card ? TAB_OF[roleOf(card)] : "stylize";
        if (name !== settings.tab) {
            openTab()?.hide();
            settings.tab = name;
            showTab(list, name);
            localise();
        }
        if (card) await openTab()?.open(file, card);
        else if (photo) await openTab()?.openPhoto?.(photo);
        settingsChanged();
        showEngine(openTab()?.engineStatus);
    } catch (error) {
        if (error instanceof PageError) showError(error);
        else showError(`${file.name}: ${error instanceof Error ? error.message : error}`);
    }
}

/** Updates all text to the current language. */
function localise(): void {
    const tab = settings.tab as (typeof NAMES)[number];
    document.title = `${words()[tab].tab} · Easel`;
    for (const option of engineSelect.options) option.text = words().engines[parseEngine(option.value)];
    const other = language() === "en" ? { text: "中文", lang: "zh-Hans" } : { text: "English", lang: "en" };
    [languageButton.textContent, languageButton.lang] = [other.text, other.lang];
    for (const each of tabs) each.localise();
    showEngine(openTab()?.engineStatus);
}

function addEventListeners(): void {
    setUpTabs(list, choose);
    engineSelect.addEventListener("change", () => void setEngine(parseEngine(engineSelect.value)));
    languageButton.addEventListener("click", () => {
        settings.language = language() === "en" ? "zh" : "en";
        setLanguage(settings.language);
        settingsChanged();
    });
    element("open", HTMLButtonElement).addEventListener("click", () => fileInput.click());
    fileInput.addEventListener("change", () => {
        const file = fileInput.files?.[0];
        // So that choosing the same file again, perhaps changed, is an event.
        fileInput.value = "";
        if (file) void openFile(file);
    });
    onDrop(element("drop", HTMLElement), (file) => void openFile(file));
    document.addEventListener("paste", (event) => {
        const file = event.clipboardData?.files[0];
        if (!file) return;
        event.preventDefault();
        void openFile(file);
    });
    document.addEventListener("keydown", (event) => {
        const target = event.target as Element;
        // Single keys count only in the open panel; elsewhere they may mean something else.
        if (target !== document.body && !element(settings.tab, HTMLElement).contains(target)) return;
        if (target.closest("input:not([type=range]), select, textarea")) return;
        if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
        if (openTab()?.key?.(event.key)) event.preventDefault();
    });
    addEventListener("popstate", () => {
        const { tab } = fromQuery(new URL(location.href).searchParams, NAMES);
        // Only the tab is restored; its settings stay.
        if (tab === settings.tab) settingsChanged();
        else goTo(tab);
    });
    easel.onLost = () => tabs.forEach((tab) => tab.workerLost());
    onRetry(() => void show());
    onLanguageChange(localise);
}

async function start(): Promise<void> {
    // What needs nothing from the server works at once; files that the user opens meanwhile wait for the rest.
    addEventListeners();
    engineSelect.value = settings.engine;
    setLanguage(settings.language ?? browserLanguage());
    showTab(list, settings.tab);
    const firstTab = settings.tab;
    let modelsError: unknown;
    const fetchingModels = fetchModels().catch((error: unknown): ModelEntry[] => {
        // Without them the user can still open models.
        modelsError = error;
        return [];
    });
    const lists = Promise.all([fetchManifest(), fetchingModels]);
    if (await reloadsPage()) return;
    const [files, models] = await lists;
    easel.files = files;
    const host: Host = {
        easel,
        models,
        engine: () => settings.engine,
        settingsChanged,
        engineChanged() {
            showEngine(openTab()?.engineStatus);
            if (openTab()?.engineStatus?.milliseconds !== undefined) prefetchModels(easel, models);
        },
    };
    const queryOf = (name: string) => (name === firstTab ? query : new URLSearchParams());
    tabs = [
        new StylizeTab(host, queryOf("stylize")),
        new DigitsTab(host, queryOf("digits")),
        new WalkTab(host, queryOf("walk")),
    ];
    resolveReady();
    await show();
    if (modelsError !== undefined) showError(modelsError);
}

void start().catch(showError);
