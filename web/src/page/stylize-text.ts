/** Texts about a stylized photo: its description, the name of its file, and the command that makes it. */

import { argumentOf, fileOf, quoted } from "./models.js";
import type { Photo } from "./photo.js";
import { type Size, type StylizeSettings, PERCENT } from "./stylize-settings.js";
import { titleOf, type StyleWeight } from "./styles.js";
import { words } from "./words.js";

/** A photo's name: that of its file, or that of one of the page's own. */
export function nameOf({ source }: Photo): string {
    return source instanceof File ? source.name : words().stylize.samples[source];
}

/** `Mountains in the style of The Great Wave, strength 80%` */
export function description(name: string, styles: readonly StyleWeight[], strength: number): string {
    const text = words().stylize;
    const parts = styles.map(({ source, weight }) => text.part(titleOf(source), Math.round(PERCENT * weight)));
    return text.label(name, parts, strength);
}

/** The name of the result's file: `mountains-wave.png`. */
export function resultFile(photo: Photo, styles: readonly StyleWeight[]): string {
    const names = styles.map(({ source }) => fileOf(source).replace(/\.onnx$/i, ""));
    return `${[photo.stem, ...names].join("-")}.png`;
}

/** The command that stylizes the photo with one style or more. */
export function commandLine(photo: Photo, styles: readonly StyleWeight[], longest: Size, settings: StylizeSettings): string {
    const { strength, keepColor } = settings;
    const size = photo.side(longest);
    const models = styles.flatMap(({ source }) => ["-m", argumentOf(source)]);
    const line = ["stylize", quoted(photo.file), ...models];
    if (styles.length > 1) line.push("--blend", styles.map(({ weight }) => Math.round(PERCENT * weight)).join(","));
    if (strength !== PERCENT) line.push("--strength", String(strength / PERCENT));
    if (keepColor) line.push("--keep-color");
    if (size !== undefined) line.push("--max-size", String(size));
    line.push("-o", quoted(resultFile(photo, styles)));
    return line.join(" ");
}
