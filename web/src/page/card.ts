/** The model card for people. */

import type { Loaded, ModelCard } from "../easel.js";
import { words } from "./words.js";

/** The card's lines: what, and what the card says. */
export function lines({ card, bytes }: Loaded): [string, string][] {
    const { provenance, verification } = card;
    const says = words().card;
    const all: [string, string | undefined][] = [
        [says.title, card.title],
        [says.network, `${card.architecture.name}${says.comma}${says.kinds[card.kind]}`],
        [says.pictures, card.picture && pictures(card.picture)],
        [says.data, provenance.data],
        [says.steps, provenance.steps?.toLocaleString("en")],
        [says.run, provenance.run],
        [says.verified, verified(verification)],
        [says.licence, card.licence],
        [says.program, provenance.program],
        [says.file, fileSize(bytes)],
    ];
    return all.filter((line): line is [string, string] => Boolean(line[1]));
}

/** Fills a `dl`. */
export function show(list: HTMLDListElement, loaded: Loaded): void {
    list.replaceChildren(
        ...lines(loaded).flatMap(([term, description]) => {
            const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
            dt.textContent = term;
            dd.textContent = description;
            return [dt, dd];
        }),
    );
}

/** A size in bytes, in the unit that reads best. */
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
    const says = words().card;
    const difference = max_difference === 0 ? says.noDifference : says.difference(max_difference.toExponential(1));
    return engine + says.colon + difference + says.comma + says.shapes(shapes.length);
}
