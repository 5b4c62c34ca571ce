/** The list of styles: cards to choose one from, or sliders to blend several. */

import { element } from "./elements.js";
import { addressOf, type ModelEntry, type Source } from "./models.js";
import { paint, type Pixels } from "./stage.js";
import { PERCENT } from "./stylize-settings.js";
import { words } from "./words.js";

/** A selected style. The weights of all add up to 1. */
export interface StyleWeight {
    source: Source;
    weight: number;
}

interface Card {
    source: Source;
    /** In percent; the weight is its part of the sum of all. */
    share: number;
    item: HTMLElement;
    radio: HTMLInputElement;
    range: HTMLInputElement;
    percent: HTMLElement;
}

const THUMBNAIL = [256, 192] as const;

const list = element("styles", HTMLElement);
const blend = element("styles-blend", HTMLInputElement);

export class Styles {
    #cards: Card[] = [];
    #single = false;
    readonly #onChange: () => void;

    /** `shares` are those of the selected `models`, by name. `onChange` is called when the user selects others. */
    constructor(models: ModelEntry[], shares: [string, number][], onChange: () => void) {
        this.#onChange = onChange;
        const given = new Map(shares);
        models.forEach((model) => this.#card(model, given.get(model.name) ?? 0));
        if (this.#selected.length === 0 && this.#cards[0]) this.#cards[0].share = PERCENT;
        blend.checked = this.#selected.length > 1;
        blend.addEventListener("change", () => this.#toggleBlend());
        element("stylize-own", HTMLButtonElement).addEventListener("click", () => element("file", HTMLInputElement).click());
        this.#update();
    }

    /** Whether there are none. */
    get empty(): boolean {
        return this.#cards.length === 0;
    }

    /** The selected styles, the one with the largest share first. */
    get selected(): StyleWeight[] {
        const whole = this.#cards.reduce((sum, { share }) => sum + share, 0);
        const selected = [...this.#selected].sort((a, b) => b.share - a.share);
        return selected.map(({ source, share }) => ({ source, weight: share / whole }));
    }

    /** The shares by name, for the address; empty if one of the styles is a file of the user's. */
    get shares(): [string, number][] {
        const named = this.#selected.map(({ source, share }) => (source instanceof File ? [] : [[source.name, share]]));
        return named.every(({ length }) => length > 0) ? (named.flat() as [string, number][]) : [];
    }

    /** Whether only one style can be selected. */
    set single(single: boolean) {
        this.#single = single;
        if (single && blend.checked) {
            blend.checked = false;
            this.#toggleBlend();
        } else this.#update();
    }

    /** Adds a style of the user's and selects it; in a blend its share is the largest. It replaces the same file. */
    add(file: File): void {
        const same = ({ source }: Card) => source instanceof File && source.name === file.name && source.size === file.size;
        this.#cards.filter(same).forEach(({ item }) => item.remove());
        this.#cards = this.#cards.filter((card) => !same(card));
        const card = this.#card(file, 0);
        if (!blend.checked) this.#cards.forEach((card) => (card.share = 0));
        card.share = PERCENT;
        this.#update();
    }

    /** Deselects a style that failed, and selects those before. A file of the user's is removed from the list. */
    revert(failed: Source, before: readonly StyleWeight[]): void {
        if (failed instanceof File) {
            this.#cards.find(({ source }) => source === failed)?.item.remove();
            this.#cards = this.#cards.filter(({ source }) => source !== failed);
        }
        const weights = new Map(before.map(({ source, weight }) => [source, weight]));
        blend.checked = before.length > 1;
        for (const card of this.#cards) card.share = Math.round(PERCENT * (weights.get(card.source) ?? 0));
        this.#update();
    }

    /** Shows a result as the thumbnail of a style of the user's. */
    showResult(source: Source, result: Pixels): void {
        const canvas = this.#cards.find((card) => card.source === source)?.item.querySelector("canvas");
        if (!canvas?.classList.replace("blank", "drawn")) return;
        const whole = document.createElement("canvas");
        paint(whole, result);
        const scale = Math.max(canvas.width / result.width, canvas.height / result.height);
        const [width, height] = [result.width * scale, result.height * scale];
        const [left, top] = [(canvas.width - width) / 2, (canvas.height - height) / 2];
        canvas.getContext("2d")?.drawImage(whole, left, top, width, height);
    }

    localise(): void {
        const text = words().stylize;
        for (const { source, range } of this.#cards) range.setAttribute("aria-label", text.shareOf(titleOf(source)));
    }

    get #selected(): Card[] {
        return this.#cards.filter(({ share }) => share > 0);
    }

    #card(source: Source, share: number): Card {
        const [item, label] = [document.createElement("div"), document.createElement("label")];
        const [title, percent] = [document.createElement("span"), document.createElement("span")];
        const [radio, range] = [document.createElement("input"), document.createElement("input")];
        radio.type = "radio";
        radio.name = "style";
        title.textContent = titleOf(source);
        if (!(source instanceof File)) label.lang = "en";
        label.append(radio, thumbnail(source), title);
        percent.className = "percent";
        range.type = "range";
        [range.min, range.max] = ["0", String(PERCENT)];
        item.append(label, percent, range);
        list.append(item);
        const card = { source, share, item, radio, range, percent };
        radio.addEventListener("change", () => {
            this.#cards.forEach((other) => (other.share = other === card ? PERCENT : 0));
            this.#changed();
        });
        range.addEventListener("input", () => {
            card.share = Number(range.value);
            // The last one stays selected.
            if (this.#selected.length === 0) card.share = 1;
            this.#changed();
        });
        this.#cards.push(card);
        return card;
    }

    /** Blends the selected style with the next one, or selects it alone again. */
    #toggleBlend(): void {
        const first = this.#cards.findIndex(({ source }) => source === this.selected[0]?.source);
        const next = (first + 1) % this.#cards.length;
        this.#cards.forEach((card, index) => {
            if (blend.checked) card.share = index === first || index === next ? PERCENT / 2 : 0;
            else card.share = index === Math.max(first, 0) ? PERCENT : 0;
        });
        this.#changed();
    }

    #changed(): void {
        this.#update();
        this.#onChange();
    }

    /** Shows the shares. */
    #update(): void {
        const blending = blend.checked;
        const weights = new Map(this.selected.map(({ source, weight }) => [source, weight]));
        list.setAttribute("role", blending ? "group" : "radiogroup");
        list.classList.toggle("blending", blending);
        blend.closest<HTMLElement>(".check")!.hidden = this.#single || this.#cards.length < 2;
        for (const { source, share, item, radio, range, percent } of this.#cards) {
            const weight = weights.get(source) ?? 0;
            item.classList.toggle("selected", share > 0);
            radio.checked = share > 0;
            radio.hidden = blending;
            range.hidden = percent.hidden = !blending;
            range.value = String(share);
            percent.textContent = words().stylize.percent(Math.round(PERCENT * weight));
            range.setAttribute("aria-valuetext", percent.textContent);
        }
        this.localise();
    }
}

/** A style's name. */
export function titleOf(source: Source): string {
    return source instanceof File ? source.name.replace(/\.onnx$/i, "") : source.title;
}

/** What the style makes of a drawn scene; that of a file of the user's is drawn after its first result. */
function thumbnail(source: Source): HTMLElement {
    if (source instanceof File || source.sample === undefined) {
        const canvas = document.createElement("canvas");
        canvas.className = "blank";
        [canvas.width, canvas.height] = THUMBNAIL;
        canvas.setAttribute("aria-hidden", "true");
        return canvas;
    }
    const image = new Image(...THUMBNAIL);
    image.src = addressOf(source.sample);
    image.alt = "";
    image.draggable = false;
    return image;
}
