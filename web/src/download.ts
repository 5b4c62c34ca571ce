/** Downloads that say how far they are. What the page's list of files has is checked, kept and not downloaded twice. */

import { hash, type Listed } from "./files.js";
import { keep, kept, listedAt } from "./kept.js";
import { LARGEST_MODEL, size } from "./memory.js";

/** At most this often a second. */
const REPORTS_PER_SECOND = 20;

/** How far a download is. */
export interface Loading {
    loaded: number;
    /** Undefined where the server does not say. */
    total: number | undefined;
    /** Whether nothing is downloaded because the file was kept from before. */
    kept: boolean;
}

/** The bytes at an address. Errors are worded to follow a name and a colon. */
export async function download(
    address: string,
    report: (loading: Loading) => void,
    signal?: AbortSignal,
): Promise<Uint8Array<ArrayBuffer>> {
    const listed = listedAt(address);
    const before = listed && (await kept(listed));
    if (before) {
        report({ loaded: before.length, total: before.length, kept: true });
        return before;
    }
    const bytes = await fetched(address, listed, report, signal);
    if (listed) {
        const found = await hash(bytes);
        if (bytes.length !== listed.bytes || (found !== undefined && found !== listed.sha256)) {
            throw new Error("the download is damaged, or newer than this page; reload the page and try again");
        }
        await keep(listed, bytes);
    }
    return bytes;
}

async function fetched(
    address: string,
    listed: Listed | undefined,
    report: (loading: Loading) => void,
    signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
    let response: Response;
    try {
        // A listed file is kept here, so that the browser need not, and a damaged one is not given out again.
        const kept = listed !== undefined && self.caches !== undefined;
        response = await fetch(address, { cache: kept ? "no-store" : "default", signal: signal ?? null });
    } catch {
        throw new Error("cannot be fetched: no answer from the server; check the connection and try again");
    }
    if (!response.ok) throw new Error(`cannot be fetched: ${response.status} ${response.statusText}`.trimEnd());

    const total = listed?.bytes ?? lengthOf(response);
    if (total !== undefined && total > LARGEST_MODEL) {
        await response.body?.cancel();
        throw new Error(`has ${size(total)}, and this page opens files of ${size(LARGEST_MODEL)} at most`);
    }
    const chunks: Uint8Array[] = [];
    let loaded = 0;
    let reported = 0;
    report({ loaded, total, kept: false });
    try {
        for (const reader = response.body!.getReader(); ; ) {
            const { done, value } = await reader.read();
            if (done) break;
            chunks.push(value);
            loaded += value.length;
            const now = performance.now();
            if (now - reported > 1000 / REPORTS_PER_SECOND) {
                report({ loaded, total, kept: false });
                reported = now;
            }
        }
    } catch {
        throw new Error(`the download broke off after ${loaded.toLocaleString("en")} bytes; try again`);
    }
    report({ loaded, total: total ?? loaded, kept: false });

    const bytes = new Uint8Array(loaded);
    let at = 0;
    for (const chunk of chunks) {
        bytes.set(chunk, at);
        at += chunk.length;
    }
    return bytes;
}

/** With a content encoding the length is that of the encoded bytes, and what is read are the decoded ones. */
function lengthOf({ headers }: Response): number | undefined {
    const length = headers.has("content-encoding") ? null : headers.get("content-length");
    return length === null ? undefined : Number(length);
}
