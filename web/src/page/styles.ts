/** The styles: cards of which one is chosen, or sliders by which several share the picture. */

import { element } from "./elements.js";
import { addressOf, type ModelEntry, type Source } from "./models.js";
import { paint, type Pixels } from "./stage.js";
import { WHOLE } from "./stylize-settings.js";
import { words } from "./words.js";

/** A style that is seen, and its part of the whole. */
export interface Wanted {
    source: Source;
    weight: number;
}

interface Card {
    source: Source;
    /** In percent; what counts is how it compares with the others'. */
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
    readonly #change: () => void;

    /** `change` is told when other styles are wanted; `shares` are those of the shipped `models` that are, by name. */
    constructor(models: ModelEntry[], shares: [string, number][], change: () => void) {
        this.#change = change;
        const given = new Map(shares);
        models.forEach((model) => this.#card(model, given.get(model.name) ?? 0));
        if (this.#seen.length === 0 && this.#cards[0]) this.#cards[0].share = WHOLE;
        blend.checked = this.#seen.length > 1;
        blend.addEventListener("change", () => this.#blend());
        element("stylize-own", HTMLButtonElement).addEventListener("click", () => element("file", HTMLInputElement).click());
        this.#fill();
    }

    /** Whether there are none. */
    get empty(): boolean {
        return this.#cards.length === 0;
    }

    /** What is wanted, what has most of it first. */
    get wanted(): Wanted[] {
        const whole = this.#cards.reduce((sum, { share }) => sum + share, 0);
        const seen = [...this.#seen].sort((a, b) => b.share - a.share);
        return seen.map(({ source, share }) => ({ source, weight: share / whole }));
    }

    /** The shares by name, for the address; none where a style is the user's. */
    get shares(): [string, number][] {
        const named = this.#seen.map(({ source, share }) => (source instanceof File ? [] : [[source.name, share]]));
        return named.every(({ length }) => length > 0) ? (named.flat() as [string, number][]) : [];
    }

    /** Whether only one can be had at a time. */
    set single(single: boolean) {
        this.#single = single;
        if (single && blend.checked) {
            blend.checked = false;
            this.#blend();
        } else this.#fill();
    }

    /** Wants a style of the user's: alone, or as the largest of several. The same file again takes its own place. */
    add(file: File): void {
        const same = ({ source }: Card) => source instanceof File && source.name === file.name && source.size === file.size;
        this.#cards.filter(same).forEach(({ item }) => item.remove());
        this.#cards = this.#cards.filter((card) => !same(card));
        const card = this.#card(file, 0);
        if (!blend.checked) this.#cards.forEach((card) => (card.share = 0));
        card.share = WHOLE;
        this.#fill();
    }

    /** Goes back to what was wanted before; a style of the user's that cannot be had leaves the list. */
    drop(lost: Source, before: readonly Wanted[]): void {
        if (lost instanceof File) {
            this.#cards.find(({ source }) => source === lost)?.item.remove();
            this.#cards = this.#cards.filter(({ source }) => source !== lost);
        }
        const weights = new Map(before.map(({ source, weight }) => [source, weight]));
        blend.checked = before.length > 1;
        for (const card of this.#cards) card.share = Math.round(WHOLE * (weights.get(card.source) ?? 0));
        this.#fill();
    }

    /** Shows what a style of the user's made of a picture. */
    picture(source: Source, made: Pixels): void {
        const canvas = this.#cards.find((card) => card.source === source)?.item.querySelector("canvas");
        if (!canvas?.classList.replace("blank", "drawn")) return;
        const whole = document.createElement("canvas");
        paint(whole, made);
        const scale = Math.max(canvas.width / made.width, canvas.height / made.height);
        const [width, height] = [made.width * scale, made.height * scale];
        const [left, top] = [(canvas.width - width) / 2, (canvas.height - height) / 2];
        canvas.getContext("2d")?.drawImage(whole, left, top, width, height);
    }

    /** Says everything anew, in the language that is set. */
    say(): void {
        const says = words().stylize;
        for (const { source, range } of this.#cards) range.setAttribute("aria-label", says.shareOf(titleOf(source)));
    }

    get #seen(): Card[] {
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
        label.append(radio, picture(source), title);
        percent.className = "percent";
        range.type = "range";
        [range.min, range.max] = ["0", String(WHOLE)];
        item.append(label, percent, range);
        list.append(item);
        const card = { source, share, item, radio, range, percent };
        radio.addEventListener("change", () => {
            this.#cards.forEach((other) => (other.share = other === card ? WHOLE : 0));
            this.#changed();
        });
        range.addEventListener("input", () => {
            card.share = Number(range.value);
            // The last one stays, be its share as small as it may.
            if (this.#seen.length === 0) card.share = 1;
            this.#changed();
        });
        this.#cards.push(card);
        return card;
    }

    /** Lets the one that is chosen share the picture with the next, or be alone again. */
    #blend(): void {
        const first = this.#cards.findIndex(({ source }) => source === this.wanted[0]?.source);
        const next = (first + 1) % this.#cards.length;
        this.#cards.forEach((card, index) => {
            if (blend.checked) card.share = index === first || index === next ? WHOLE / 2 : 0;
            else card.share = index === Math.max(first, 0) ? WHOLE : 0;
        });
        this.#changed();
    }

    #changed(): void {
        this.#fill();
        this.#change();
    }

    /** Brings the shares into the cards. */
    #fill(): void {
        const blending = blend.checked;
        const weights = new Map(this.wanted.map(({ source, weight }) => [source, weight]));
        list.setAttribute("role", blending ? "group" : "radiogroup");
        list.classList.toggle("blending", blending);
        blend.closest<HTMLElement>(".check")!.hidden = this.#single || this.#cards.length < 2;
        for (const { source, share, item, radio, range, percent } of this.#cards) {
            const weight = weights.get(source) ?? 0;
            item.classList.toggle("wanted", share > 0);
            radio.checked = share > 0;
            radio.hidden = blending;
            range.hidden = percent.hidden = !blending;
            range.value = String(share);
            percent.textContent = words().stylize.percent(Math.round(WHOLE * weight));
            range.setAttribute("aria-valuetext", percent.textContent);
        }
        this.say();
    }
}

/** What a style is called. */
export function titleOf(source: Source): string {
    return source instanceof File ? source.name.replace(/\.onnx$/i, "") : source.title;
}

/** What a style makes of a drawn scene; of one of the user's it is known later. */
function picture(source: Source): HTMLElement {
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
