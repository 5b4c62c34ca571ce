/** What is set in the tab of styles. */

import { parseWhole } from "./settings.js";

/** The pictures that come with the page, and their names in the address. */
export const SAMPLES = ["mountains", "lake", "village", "sea"] as const;
export type Sample = (typeof SAMPLES)[number];

/** The longest sides that are offered, beside the picture's own. */
export const SIZES = [256, 512, 768, 1024, 1536, 2048] as const;
export type Size = (typeof SIZES)[number] | "original";

export interface StylizeSettings {
    /** The page's own picture; one of the user's takes its place. */
    sample: Sample;
    /** The styles by name, and each one's share in percent. */
    shares: [style: string, share: number][];
    /** In percent. */
    strength: number;
    /** Undefined for what suits the engine. */
    size: Size | undefined;
    keepColor: boolean;
}

export const WHOLE = 100;

/** The settings in an address; what is missing or makes no sense has its default. */
export function fromQuery(query: URLSearchParams): StylizeSettings {
    const percent = (text: string | null | undefined) => parseWhole(text ?? "", 0, WHOLE) ?? WHOLE;
    const shares = query.get("shares")?.split(",");
    const styles = query.get("style")?.split(",") ?? [];
    return {
        sample: SAMPLES.find((sample) => sample === query.get("picture")) ?? SAMPLES[0],
        shares: styles.filter(Boolean).map((style, index) => [style, percent(shares?.[index])]),
        strength: percent(query.get("strength")),
        size: parseSize(query.get("size")),
        keepColor: query.get("colours") === "kept",
    };
}

export function toQuery({ sample, shares, strength, size, keepColor }: StylizeSettings): URLSearchParams {
    const query = new URLSearchParams({ picture: sample });
    if (shares.length > 0) query.set("style", shares.map(([style]) => style).join(","));
    if (shares.length > 1) query.set("shares", shares.map(([, share]) => share).join(","));
    query.set("strength", String(strength));
    if (size !== undefined) query.set("size", String(size));
    if (keepColor) query.set("colours", "kept");
    return query;
}

export function parseSize(text: string | null): Size | undefined {
    return text === "original" ? text : SIZES.find((size) => String(size) === text);
}
