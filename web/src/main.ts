/** The page: its tabs, and what they share: the engine, the language, the address, and files that are opened. */

import { Easel, type EngineChoice } from "./easel.js";
import { fromQuery, stepAddress, toQuery, writeAddress } from "./page/address.js";
import { DigitsTab } from "./page/digits.js";
import { onDrop } from "./page/drop.js";
import { element } from "./page/elements.js";
import { type ModelEntry, roleOf, shippedModels } from "./page/models.js";
import { announce, clearError, onRetry, Problem, showError, showRunning } from "./page/notices.js";
import { keepForLater, listedFiles } from "./page/offline.js";
import { isModel, Photo } from "./page/photo.js";
import { reloads } from "./page/service.js";
import { parseEngine } from "./page/settings.js";
import { StylizeTab } from "./page/stylize.js";
import type { Host, Tab } from "./page/tab.js";
import { makeTabs, showTab } from "./page/tabs.js";
import { WalkTab } from "./page/walk.js";
import { browsersLanguage, language, onLanguage, setLanguage, words } from "./page/words.js";

const NAMES = ["stylize", "digits", "walk"] as const;

const TAB_OF = { stylizer: "stylize", denoiser: "digits", gan: "digits", walker: "walk" } as const;

const list = element("tabs", HTMLElement);
const engineSelect = element("engine", HTMLSelectElement);
const languageButton = element("language", HTMLButtonElement);
const fileInput = element("file", HTMLInputElement);

const query = new URL(location.href).searchParams;
const choices = fromQuery(query, NAMES);
const easel = new Easel();
let tabs: Tab[] = [];
let tabsAreThere: () => void;
const ready = new Promise<void>((resolve) => (tabsAreThere = resolve));

function open(): Tab | undefined {
    return tabs.find(({ name }) => name === choices.tab);
}

/** Brings the open tab on the screen and what is set into the address. */
async function show(): Promise<void> {
    showTab(list, choices.tab);
    say();
    const tab = open();
    if (!tab) return;
    changed();
    showRunning(tab.running);
    try {
        await tab.show();
    } catch (error) {
        element(choices.tab, HTMLElement).querySelectorAll("figure").forEach((figure) => (figure.ariaBusy = "false"));
        showError(error);
    }
}

/** Opens another tab; the browser's Back leads to the one before. */
function choose(name: string): void {
    if (name === choices.tab) return;
    stepAddress();
    goTo(name);
}

function goTo(name: string): void {
    open()?.hide();
    choices.tab = name;
    clearError();
    void show();
}

function changed(): void {
    const tab = open();
    if (tab) writeAddress(toQuery(choices, tab.query()));
}

let uses = 0;

/** Changes to an engine; where that fails, the one before stays. Of several wishes the last one counts. */
async function use(engine: EngineChoice): Promise<void> {
    const turn = ++uses;
    const tab = open();
    const done = !tab || (await tab.use(engine));
    if (turn !== uses) return;
    if (!done) {
        engineSelect.value = choices.engine;
        return;
    }
    choices.engine = engine;
    await show();
}

/** A file of the user's goes to the tab that suits it. */
async function openFile(file: File): Promise<void> {
    clearError();
    announce(words().loading(file.name));
    try {
        const card = (await isModel(file)) ? await easel.inspect(file) : undefined;
        // What is neither a model nor a picture leaves the user where they are.
        const photo = card ? undefined : await Photo.open(file);
        const name = card ? TAB_OF[roleOf(card)] : "stylize";
        if (name !== choices.tab) {
            open()?.hide();
            choices.tab = name;
            showTab(list, name);
            say();
        }
        if (card) await open()?.open(file, card);
        else if (photo) await open()?.picture?.(photo);
        changed();
        showRunning(open()?.running);
    } catch (error) {
        if (error instanceof Problem) showError(error);
        else showError(`${file.name}: ${error instanceof Error ? error.message : error}`);
    }
}

/** The same as soon as there is a tab for it. */
async function take(file: File): Promise<void> {
    await ready;
    await openFile(file);
}

/** Says what the page says itself, in the language that is set. */
function say(): void {
    const tab = choices.tab as (typeof NAMES)[number];
    document.title = `${words()[tab].tab} · Easel`;
    for (const option of engineSelect.options) option.text = words().engines[parseEngine(option.value)];
    const other = language() === "en" ? { text: "中文", lang: "zh-Hans" } : { text: "English", lang: "en" };
    [languageButton.textContent, languageButton.lang] = [other.text, other.lang];
    for (const each of tabs) each.say();
    showRunning(open()?.running);
}

function listen(): void {
    makeTabs(list, choose);
    engineSelect.addEventListener("change", () => void use(parseEngine(engineSelect.value)));
    languageButton.addEventListener("click", () => {
        choices.language = language() === "en" ? "zh" : "en";
        setLanguage(choices.language);
        changed();
    });
    element("open", HTMLButtonElement).addEventListener("click", () => fileInput.click());
    fileInput.addEventListener("change", () => {
        const file = fileInput.files?.[0];
        // The same file can be chosen again after it was written anew.
        fileInput.value = "";
        if (file) void take(file);
    });
    onDrop(element("drop", HTMLElement), (file) => void take(file));
    document.addEventListener("paste", (event) => {
        const file = event.clipboardData?.files[0];
        if (!file) return;
        event.preventDefault();
        void take(file);
    });
    document.addEventListener("keydown", (event) => {
        const target = event.target as Element;
        // Single keys are for those who look at the panel: elsewhere they may be meant for something else.
        if (target !== document.body && !element(choices.tab, HTMLElement).contains(target)) return;
        if (target.closest("input:not([type=range]), select, textarea")) return;
        if (event.repeat || event.ctrlKey || event.altKey || event.metaKey) return;
        if (open()?.key?.(event.key)) event.preventDefault();
    });
    addEventListener("popstate", () => {
        const { tab } = fromQuery(new URL(location.href).searchParams, NAMES);
        // What was set meanwhile stays.
        if (tab === choices.tab) changed();
        else goTo(tab);
    });
    easel.onLost = () => tabs.forEach((tab) => tab.lose());
    onRetry(() => void show());
    onLanguage(say);
}

async function begin(): Promise<void> {
    // What needs nothing from the server is there at once; what the user begins meanwhile waits for the rest.
    listen();
    engineSelect.value = choices.engine;
    setLanguage(choices.language ?? browsersLanguage());
    showTab(list, choices.tab);
    const addressed = choices.tab;
    let missing: unknown;
    const shipped = shippedModels().catch((error: unknown): ModelEntry[] => {
        // Without them a model of the user's can still be opened.
        missing = error;
        return [];
    });
    const lists = Promise.all([listedFiles(), shipped]);
    if (await reloads()) return;
    const [files, models] = await lists;
    easel.files = files;
    const host: Host = {
        easel,
        models,
        engine: () => choices.engine,
        changed,
        ran() {
            showRunning(open()?.running);
            if (open()?.running?.milliseconds !== undefined) keepForLater(easel, models);
        },
    };
    const own = (name: string) => (name === addressed ? query : new URLSearchParams());
    tabs = [new StylizeTab(host, own("stylize")), new DigitsTab(host, own("digits")), new WalkTab(host, own("walk"))];
    tabsAreThere();
    await show();
    if (missing !== undefined) showError(missing);
}

void begin().catch(showError);
