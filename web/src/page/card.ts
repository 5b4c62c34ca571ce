/** The model card for people. */

import type { Loaded, ModelCard } from "../easel.js";

/** The card's lines: what, and what the card says. */
export function lines({ card, bytes }: Loaded): [string, string][] {
    const { provenance, verification } = card;
    const all: [string, string | undefined][] = [
        ["Title", card.title],
        ["Network", network(card)],
        ["Pictures", pictures(card)],
        ["Data", provenance.data],
        ["Steps", provenance.steps?.toLocaleString("en")],
        ["Run", provenance.run],
        ["Verified", verified(verification)],
        ["Licence", card.licence],
        ["Made by", provenance.program],
        ["File", fileSize(bytes)],
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

function network({ kind, architecture }: ModelCard): string {
    return `${architecture.name}, a ${kind}`;
}

function pictures({ picture: { channels, size } }: ModelCard): string {
    const colours = channels === 1 ? "grey" : "colour";
    return "fixed" in size ? `${size.fixed.width} × ${size.fixed.height}, ${colours}` : `any size, ${colours}`;
}

function verified({ engine, max_difference, shapes }: ModelCard["verification"]): string | undefined {
    if (!engine) return undefined;
    const difference = max_difference === 0 ? "no difference" : `at most ${max_difference.toExponential(1)} off`;
    return `${engine}: ${difference}, ${shapes.length} input shape${shapes.length === 1 ? "" : "s"}`;
}
