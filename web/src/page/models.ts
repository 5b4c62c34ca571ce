/** The page's models. */

import type { ModelCard, ModelKind } from "../easel.js";
import { PageError } from "./notices.js";
import { words } from "./words.js";

/** An entry of `models/index.json`. */
export interface ModelEntry {
    name: string;
    file: string;
    title: string;
    bytes: number;
    kind: ModelKind;
    /** The distribution of a generator's latent vectors. */
    latent?: "normal" | "uniform";
    /** Stylizers: the file of the stylized sample scene. */
    sample?: string;
}

/** A model of the page's, or a file of the user's. */
export type Source = ModelEntry | File;

const FOLDER = "models/";

/** The list of the page's models. */
export async function fetchModels(): Promise<ModelEntry[]> {
    let response: Response;
    try {
        response = await fetch(`${FOLDER}index.json`);
    } catch {
        throw new PageError(words().listUnanswered);
    }
    if (response.status === 404) return [];
    if (!response.ok) throw new PageError(words().listRefused(`${response.status} ${response.statusText}`));
    try {
        return (await response.json()) as ModelEntry[];
    } catch {
        throw new PageError(words().listDamaged);
    }
}

/** The model's address, or the file itself. */
export function locationOf(source: Source): string | File {
    return source instanceof File ? source : addressOf(source.file);
}

/** The address of a file beside the page's models. */
export function addressOf(file: string): string {
    return FOLDER + encodeURIComponent(file);
}

/** A model's path in the list of the page's files. */
export function pathOf({ file }: ModelEntry): string {
    return FOLDER + file;
}

/** The name of a model's file. */
export function fileOf(source: Source): string {
    return source instanceof File ? source.name : source.file;
}

/** The use of a model on the page: generators are for latent walks (`walker`) or drawn from seeds only (`gan`). */
export type Role = "stylizer" | "denoiser" | "walker" | "gan";

/** The role of a model with this card. Directions are defined for normal latent vectors only. */
export function roleOf({ kind, latent }: Pick<ModelCard, "kind" | "latent">): Role {
    if (kind === "denoiser" || kind === "stylizer") return kind;
    return latent?.distribution === "uniform" ? "gan" : "walker";
}

/** The role of one of the page's models. */
export function roleOfEntry({ kind, latent }: ModelEntry): Role {
    if (kind === "denoiser" || kind === "stylizer") return kind;
    return latent === "uniform" ? "gan" : "walker";
}

/** The model as an argument on the command line, which knows the shipped models by name. */
export function argumentOf(source: Source): string {
    return quoted(source.name);
}

/** A file name, quoted for a shell if needed. */
export function quoted(file: string): string {
    return /^[\w.-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;
}
