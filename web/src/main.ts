/** The page: a seed goes in, a sheet of pictures comes out. */

import { Easel, type EngineChoice, type Loaded } from "./easel.js";
import { onDrop } from "./page/drop.js";
import { element } from "./page/elements.js";
import { address, type ModelEntry, shippedModels } from "./page/models.js";
import {
    announce,
    clearError,
    hideProgress,
    showError,
    showModel,
    showProgress,
    showTime,
} from "./page/notices.js";
import {
    fromAddress,
    MOST_PICTURES,
    parseCount,
    parseEngine,
    parseSeed,
    randomSeed,
    toAddress,
} from "./page/settings.js";
import { paint, pictures, save } from "./page/sheet.js";

const easel = new Easel();
const settings = fromAddress(new URL(location.href));

const figure = element("figure", HTMLElement);
const canvas = element("sheet", HTMLCanvasElement);
const seedInput = element("seed", HTMLInputElement);
const seedHint = element("seed-hint", HTMLElement);
const countInput = element("count", HTMLInputElement);
const countHint = element("count-hint", HTMLElement);
const engineSelect = element("engine", HTMLSelectElement);
const modelSelect = element("model", HTMLSelectElement);
const fileInput = element("file", HTMLInputElement);
const downloadButton = element("download", HTMLButtonElement);

const otherModel = new Option("", "");
otherModel.hidden = true;
const seedHintText = seedHint.textContent;

type Source = ModelEntry | File;

/** What the engine has and where it came from, and what it was last asked to load. */
let loaded: Loaded | undefined;
let source: Source | undefined;
let asked: Source | undefined;
let loads = 0;

/** Loads a model. When it fails, the one before stays, and so does its engine. */
async function load(wanted: Source, engine: EngineChoice): Promise<void> {
    const turn = ++loads;
    asked = wanted;
    clearError();
    figure.setAttribute("aria-busy", "true");
    const name = wanted instanceof File ? wanted.name : wanted.file;
    announce(`Loading ${name}`);
    try {
        const result = await easel.load(wanted instanceof File ? wanted : address(wanted), {
            engine,
            name,
            onProgress: (progress) => turn === loads && showProgress(progress),
        });
        [source, loaded] = [wanted, result];
        settings.engine = engine;
        if (turn !== loads) return;
        showModel(result);
        await draw();
    } catch (error) {
        if (turn === loads) showError(error);
    } finally {
        if (turn === loads) {
            hideProgress();
            figure.setAttribute("aria-busy", "false");
            engineSelect.value = settings.engine;
            showChoice();
        }
    }
}

/** Draws what is set; while a drawing is on its way, only the last wish is kept. */
let drawing: Promise<void> | undefined;
let wish = false;

function draw(): Promise<void> {
    toAddress(settings);
    showCommand();
    wish = true;
    drawing ??= drawWishes().finally(() => (drawing = undefined));
    return drawing;
}

async function drawWishes(): Promise<void> {
    while (wish && loaded) {
        wish = false;
        const { seed, count } = settings;
        figure.setAttribute("aria-busy", "true");
        try {
            const sheet = await easel.draw(seed, count);
            paint(canvas, sheet, seed);
            figure.classList.remove("empty");
            showTime(sheet);
            clearError();
            downloadButton.disabled = false;
            announce(`${pictures(count)} drawn from seed ${seed} with ${loaded.engine.name}`);
        } catch (error) {
            showError(error);
        } finally {
            figure.setAttribute("aria-busy", "false");
        }
    }
}

function showCommand(): void {
    if (!source) return;
    const file = source instanceof File ? source.name : source.file;
    const quoted = /^[\w.-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;
    const line = `sample -m ${quoted} -n ${settings.count} --seed ${settings.seed} -o grid.png`;
    element("command-text", HTMLElement).textContent = line;
    element("command", HTMLElement).hidden = false;
}

function setSeed(seed: bigint | undefined): void {
    mark(seedInput, seed !== undefined);
    seedHint.textContent = seed === undefined ? "A whole number from 0 to 18446744073709551615." : seedHintText;
    seedHint.classList.toggle("wrong", seed === undefined);
    if (seed === undefined) return;
    settings.seed = seed;
    void draw();
}

function setCount(count: number | undefined): void {
    mark(countInput, count !== undefined);
    countHint.hidden = count !== undefined;
    countHint.textContent = count === undefined ? `From 1 to ${MOST_PICTURES}.` : "";
    countHint.classList.toggle("wrong", count === undefined);
    if (count === undefined) return;
    settings.count = count;
    void draw();
}

function mark(input: HTMLInputElement, valid: boolean): void {
    input.setAttribute("aria-invalid", String(!valid));
}

/** Makes the list of models say what is loaded: one of them, a file of the user's, or nothing yet. */
function showChoice(): void {
    const own = source instanceof File;
    otherModel.text = own ? source!.name : "Choose a model";
    modelSelect.value = own ? "" : (source?.name ?? "");
}

function openFile(file: File): void {
    settings.model = undefined;
    void load(file, settings.engine);
}

function listModels(models: ModelEntry[], chosen: ModelEntry): void {
    modelSelect.replaceChildren(otherModel, ...models.map(({ name, title }) => new Option(title, name)));
    modelSelect.value = chosen.name;
    element("model-field", HTMLElement).hidden = models.length < 2;
    modelSelect.addEventListener("change", () => {
        const model = models.find(({ name }) => name === modelSelect.value);
        if (!model) return;
        settings.model = model === models[0] ? undefined : model.name;
        void load(model, settings.engine);
    });
}

async function begin(): Promise<void> {
    seedInput.value = String(settings.seed);
    countInput.value = String(settings.count);
    engineSelect.value = settings.engine;
    seedInput.addEventListener("input", () => setSeed(parseSeed(seedInput.value)));
    countInput.addEventListener("input", () => setCount(parseCount(countInput.value)));
    element("new-seed", HTMLButtonElement).addEventListener("click", () => {
        const seed = randomSeed();
        seedInput.value = String(seed);
        setSeed(seed);
    });
    engineSelect.addEventListener("change", () => {
        const again = source ?? asked;
        if (again) void load(again, parseEngine(engineSelect.value));
    });
    downloadButton.addEventListener("click", () => {
        save(canvas, `seed-${settings.seed}.png`).catch(showError);
    });
    element("open", HTMLButtonElement).addEventListener("click", () => fileInput.click());
    fileInput.addEventListener("change", () => {
        const file = fileInput.files?.[0];
        // The same file can be chosen again after it was written anew.
        fileInput.value = "";
        if (file) openFile(file);
    });
    element("controls", HTMLFormElement).addEventListener("submit", (event) => event.preventDefault());
    onDrop(element("drop", HTMLElement), openFile);

    const models = await shippedModels();
    const model = settings.model === undefined ? models[0] : models.find(({ name }) => name === settings.model);
    if (!model) {
        throw new Error(
            settings.model === undefined
                ? "This page came without a model: open an .onnx file of yours."
                : `This page has no model named ${settings.model}: choose another, or open an .onnx file of yours.`,
        );
    }
    listModels(models, model);
    await load(model, settings.engine);
}

begin().catch((error: unknown) => {
    figure.setAttribute("aria-busy", "false");
    showError(error);
});
