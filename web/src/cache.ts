/**
 * The content-addressed download cache. Files on the page's list are checked when they arrive, stored by their SHA-256,
 * and not downloaded again. Where the browser gives the page no storage, every file is downloaded each time.
 */

import type { Build } from "../../runtime-wasm/npm/builds.js";
import { MAX_MODEL_BYTES, size } from "./memory.js";

/** An entry of `files.json`. */
export interface FileEntry {
    bytes: number;
    /** Hexadecimal. */
    sha256: string;
}

/** `files.json`: the page's files by their path relative to the page. */
export type FileManifest = Record<string, FileEntry>;

/** The state of a download. */
export interface DownloadProgress {
    loaded: number;
    /** Undefined if the server does not say. */
    total: number | undefined;
    /** Whether the file comes from the cache. */
    cached: boolean;
}

/** The most progress reports per second. */
const REPORTS_PER_SECOND = 20;

/** The part of the cache's name that stands for large files. */
export const LARGE = "large";

/**
 * Whether a file is cached by its content when it is first used. The other files, which are small, are the page itself:
 * the service worker caches all of them, of one build.
 */
export function isLarge(path: string): boolean {
    return path.endsWith(".onnx") || /^ort\/.*\.wasm$/.test(path);
}

/** The module of `runtime-wasm` in a build, one of the small files. A browser needs no other build. */
export function modulePath(build: Build): string {
    return `js/easel-${build}.wasm`;
}

/** The URL of a file of the page in `folder`. */
export function addressOf(folder: string, path: string): string {
    return new URL(path.split("/").map(encodeURIComponent).join("/"), folder).href;
}

/** The name of a cache of the page in `folder`; other pages of the origin have their own. */
export function cacheName(folder: string, part: string): string {
    return `easel ${folder} ${part}`;
}

/** The key of a large file. */
export function keyOf(folder: string, { sha256 }: FileEntry): string {
    return new URL(`cache/${sha256}`, folder).href;
}

/** The SHA-256, hexadecimal; undefined on insecure origins, where browsers do not compute it. */
export async function hash(bytes: Uint8Array<ArrayBuffer>): Promise<string | undefined> {
    if (!("subtle" in crypto)) return undefined;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The large files of the page in a folder. */
export class DownloadCache {
    readonly #folder: string;
    readonly #entries = new Map<string, FileEntry>();
    readonly #uncached = new Set<string>();

    constructor(folder: string) {
        this.#folder = folder;
    }

    /** Sets the list of the page's files. */
    setFiles(files: FileManifest): void {
        for (const [path, entry] of Object.entries(files)) this.#entries.set(addressOf(this.#folder, path), entry);
    }

    /** Whether everything that was downloaded is cached. */
    get complete(): boolean {
        return this.#uncached.size === 0;
    }

    /** The file at an address, from the cache or the server. Error messages are meant to follow a name and a colon. */
    async download(
        address: string,
        report: (progress: DownloadProgress) => void,
        signal?: AbortSignal,
    ): Promise<Uint8Array<ArrayBuffer>> {
        const entry = this.#entries.get(address);
        const cached = entry && (await this.#read(entry));
        if (cached) {
            report({ loaded: cached.length, total: cached.length, cached: true });
            return cached;
        }
        const bytes = await fetchFile(address, entry, report, signal);
        if (entry) {
            const found = await hash(bytes);
            if (bytes.length !== entry.bytes || (found !== undefined && found !== entry.sha256)) {
                throw new Error("the download is damaged, or newer than this page; reload the page and try again");
            }
            await this.#write(entry, bytes);
        }
        return bytes;
    }

    async #read(entry: FileEntry): Promise<Uint8Array<ArrayBuffer> | undefined> {
        try {
            const found = await (await this.#open()).match(keyOf(this.#folder, entry));
            const bytes = found && new Uint8Array(await found.arrayBuffer());
            return bytes?.length === entry.bytes ? bytes : undefined;
        } catch {
            return undefined;
        }
    }

    async #write(entry: FileEntry, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
        try {
            await (await this.#open()).put(keyOf(this.#folder, entry), new Response(bytes));
            this.#uncached.delete(entry.sha256);
        } catch {
            this.#uncached.add(entry.sha256);
        }
    }

    /** Throws where there is no storage: on insecure origins and in some private windows. */
    #open(): Promise<Cache> {
        return caches.open(cacheName(this.#folder, LARGE));
    }
}

async function fetchFile(
    address: string,
    entry: FileEntry | undefined,
    report: (progress: DownloadProgress) => void,
    signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
    let response: Response;
    try {
        // The browser's HTTP cache would store the file a second time, and return a damaged one again.
        const cache = entry !== undefined && self.caches !== undefined ? "no-store" : "default";
        response = await fetch(address, { cache, signal: signal ?? null });
    } catch {
        throw new Error("cannot be fetched: no answer from the server; check the connection and try again");
    }
    if (!response.ok) throw new Error(`cannot be fetched: ${response.status} ${response.statusText}`.trimEnd());

    const total = entry?.bytes ?? contentLength(response);
    if (total !== undefined && total > MAX_MODEL_BYTES) {
        await response.body?.cancel();
        throw new Error(`the file has ${size(total)}; this page opens files of at most ${size(MAX_MODEL_BYTES)}`);
    }
    const chunks: Uint8Array[] = [];
    let loaded = 0;
    let reported = 0;
    report({ loaded, total, cached: false });
    try {
        for (const reader = response.body!.getReader(); ; ) {
            const { done, value } = await reader.read();
            if (done) break;
            chunks.push(value);
            loaded += value.length;
            const now = performance.now();
            if (now - reported > 1000 / REPORTS_PER_SECOND) {
                report({ loaded, total, cached: false });
                reported = now;
            }
        }
    } catch {
        throw new Error(`the download broke off after ${loaded.toLocaleString("en")} bytes; try again`);
    }
    report({ loaded, total: total ?? loaded, cached: false });

    const bytes = new Uint8Array(loaded);
    let offset = 0;
    for (const chunk of chunks) {
        bytes.set(chunk, offset);
        offset += chunk.length;
    }
    return bytes;
}

/** Undefined with a content encoding: the header then counts encoded bytes, and the body yields decoded ones. */
function contentLength({ headers }: Response): number | undefined {
    const length = headers.has("content-encoding") ? null : headers.get("content-length");
    return length === null ? undefined : Number(length);
}
