/** The model card on the page. */

import type { LoadedModel, ModelCard } from "../easel.js";
import { words } from "./words.js";

/** The card's lines: a term and its value. */
export function lines({ card, bytes }: LoadedModel): [string, string][] {
    const { provenance, verification } = card;
    const text = words().card;
    const all: [string, string | undefined][] = [
        [text.title, card.title],
        [text.network, `${card.architecture.name}${text.comma}${text.kinds[card.kind]}`],
        [text.pictures, card.picture && pictures(card.picture)],
        [text.data, provenance.data],
        [text.steps, provenance.steps?.toLocaleString("en")],
        [text.run, provenance.run],
        [text.verified, verified(verification)],
        [text.licence, card.licence],
        [text.program, provenance.program],
        [text.file, fileSize(bytes)],
    ];
    return all.filter((line): line is [string, string] => Boolean(line[1]));
}

/** Fills a `dl`. */
export function show(list: HTMLDListElement, loaded: LoadedModel): void {
    list.replaceChildren(
        ...lines(loaded).flatMap(([term, description]) => {
            const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
            dt.textContent = term;
            dd.textContent = description;
            return [dt, dd];
        }),
    );
}

/** `4.5 MB` */
export function fileSize(bytes: number): string {
    return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function pictures({ channels, size }: NonNullable<ModelCard["picture"]>): string {
    const { grey, colour, anySize, comma } = words().card;
    const extent = "fixed" in size ? `${size.fixed.width} × ${size.fixed.height}` : anySize;
    return extent + comma + (channels === 1 ? grey : colour);
}

function verified({ engine, max_difference, shapes }: ModelCard["verification"]): string | undefined {
    if (!engine) return undefined;
    const text = words().card;
    const difference = max_difference === 0 ? text.noDifference : text.difference(max_difference.toExponential(1));
    return engine + text.colon + difference + text.comma + text.shapes(shapes.length);
}
