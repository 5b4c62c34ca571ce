/** What is said about a picture that was painted, or is to be. */

import { argumentOf, fileOf, quoted } from "./models.js";
import type { Photo } from "./photo.js";
import { type Size, type StylizeSettings, WHOLE } from "./stylize-settings.js";
import { titleOf, type Wanted } from "./styles.js";
import { words } from "./words.js";

/** A picture's name: its file's, or what the page calls its own. */
export function nameOf({ source }: Photo): string {
    return source instanceof File ? source.name : words().stylize.samples[source];
}

/** What is seen: `Mountains, painted like The Great Wave, strength 80 %`. */
export function description(name: string, styles: readonly Wanted[], strength: number): string {
    const says = words().stylize;
    const parts = styles.map(({ source, weight }) => says.part(titleOf(source), Math.round(WHOLE * weight)));
    return says.label(name, parts, strength);
}

/** The result's file: `mountains-wave.png`. */
export function resultFile(photo: Photo, styles: readonly Wanted[]): string {
    const names = styles.map(({ source }) => fileOf(source).replace(/\.onnx$/i, ""));
    return `${[photo.stem, ...names].join("-")}.png`;
}

/** The command that makes the same of a picture in at least one style. */
export function commandLine(photo: Photo, styles: readonly Wanted[], longest: Size, settings: StylizeSettings): string {
    const { strength, keepColor } = settings;
    const size = photo.side(longest);
    const models = styles.flatMap(({ source }) => ["-m", argumentOf(source)]);
    const line = ["stylize", quoted(photo.file), ...models];
    if (styles.length > 1) line.push("--blend", styles.map(({ weight }) => Math.round(WHOLE * weight)).join(","));
    if (strength !== WHOLE) line.push("--strength", String(strength / WHOLE));
    if (keepColor) line.push("--keep-color");
    if (size !== undefined) line.push("--max-size", String(size));
    line.push("-o", quoted(resultFile(photo, styles)));
    return line.join(" ");
}
