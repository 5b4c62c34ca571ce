/** The models that come with the page. */

import type { ModelCard, ModelKind } from "../easel.js";
import { Problem } from "./notices.js";
import { words } from "./words.js";

/** A line of `models/index.json`. */
export interface ModelEntry {
    name: string;
    file: string;
    title: string;
    bytes: number;
    kind: ModelKind;
    /** What a generator's latent vectors are drawn from. */
    latent?: "normal" | "uniform";
    /** Of a stylizer: the file of what it makes of a drawn scene. */
    sample?: string;
}

/** A model of the page's or of the user's. */
export type Source = ModelEntry | File;

const FOLDER = "models/";

/** The models beside the page. */
export async function shippedModels(): Promise<ModelEntry[]> {
    let response: Response;
    try {
        response = await fetch(`${FOLDER}index.json`);
    } catch {
        throw new Problem(words().listUnanswered);
    }
    if (response.status === 404) return [];
    if (!response.ok) throw new Problem(words().listRefused(`${response.status} ${response.statusText}`));
    try {
        return (await response.json()) as ModelEntry[];
    } catch {
        throw new Problem(words().listDamaged);
    }
}

/** A model's address, or the file itself. */
export function whereabouts(source: Source): string | File {
    return source instanceof File ? source : addressOf(source.file);
}

/** Where a file beside the shipped models is. */
export function addressOf(file: string): string {
    return FOLDER + encodeURIComponent(file);
}

/** The path of a shipped model, as the list of the page's files has it. */
export function pathOf({ file }: ModelEntry): string {
    return FOLDER + file;
}

/** The name of a model's file. */
export function fileOf(source: Source): string {
    return source instanceof File ? source.name : source.file;
}

/** What a model is for: a stylizer, a denoiser, a generator that can be walked through, or one that is only sampled. */
export type Role = "stylizer" | "denoiser" | "walker" | "gan";

/**
 * The role of a model with this card. Only normal latent vectors lie on a sphere that can be walked on, and have
 * directions.
 */
export function roleOf({ kind, latent }: Pick<ModelCard, "kind" | "latent">): Role {
    if (kind === "denoiser" || kind === "stylizer") return kind;
    return latent?.distribution === "uniform" ? "gan" : "walker";
}

/** The role of a shipped model. */
export function roleOfEntry({ kind, latent }: ModelEntry): Role {
    if (kind === "denoiser" || kind === "stylizer") return kind;
    return latent === "uniform" ? "gan" : "walker";
}

/** A model as the command line takes it: one that ships by its name, which is found from anywhere. */
export function argumentOf(source: Source): string {
    return quoted(source.name);
}

/** A file's name as a shell takes it. */
export function quoted(file: string): string {
    return /^[\w.-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`;
}
