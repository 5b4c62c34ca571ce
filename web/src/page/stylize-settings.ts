/** The settings of the tab of styles. */

import { parseWhole } from "./settings.js";

/** The page's own pictures, by their names in the address. */
export const SAMPLES = ["mountains", "lake", "village", "sea"] as const;
export type Sample = (typeof SAMPLES)[number];

/** The longest sides to choose from, besides the picture's own. */
export const SIZES = [256, 512, 768, 1024, 1536, 2048] as const;
export type Size = (typeof SIZES)[number] | "original";

export interface StylizeSettings {
    /** The page's own picture to open, unless the user opens another. */
    sample: Sample;
    /** The selected styles by name, each with its share in percent. */
    shares: [style: string, share: number][];
    /** In percent. */
    strength: number;
    /** Undefined for the default of the engine. */
    size: Size | undefined;
    keepColor: boolean;
}

export const PERCENT = 100;

/** The settings in an address; missing or invalid ones have their defaults. */
export function fromQuery(query: URLSearchParams): StylizeSettings {
    const percent = (text: string | null | undefined) => parseWhole(text ?? "", 0, PERCENT) ?? PERCENT;
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
