/** Downloads that say how far they are. */

/** At most this often a second. */
const REPORTS_PER_SECOND = 20;

/**
 * The bytes at an address. `report` is told how many are there and how many there will be, where the server says.
 * Errors are worded to follow a name and a colon.
 */
export async function download(
    address: string,
    report: (loaded: number, total: number | undefined) => void,
): Promise<Uint8Array<ArrayBuffer>> {
    let response: Response;
    try {
        response = await fetch(address);
    } catch {
        throw new Error("cannot be fetched: no answer from the server; check the connection and try again");
    }
    if (!response.ok) throw new Error(`cannot be fetched: ${response.status} ${response.statusText}`.trimEnd());

    // With a content encoding the length is that of the encoded bytes, and these are the decoded ones.
    const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
    const total = length === null ? undefined : Number(length);
    const chunks: Uint8Array[] = [];
    let loaded = 0;
    let reported = 0;
    report(0, total);
    try {
        for (const reader = response.body!.getReader(); ; ) {
            const { done, value } = await reader.read();
            if (done) break;
            chunks.push(value);
            loaded += value.length;
            const now = performance.now();
            if (now - reported > 1000 / REPORTS_PER_SECOND) {
                report(loaded, total);
                reported = now;
            }
        }
    } catch {
        throw new Error(`the download broke off after ${loaded.toLocaleString("en")} bytes; try again`);
    }
    report(loaded, total ?? loaded);

    const bytes = new Uint8Array(loaded);
    let at = 0;
    for (const chunk of chunks) {
        bytes.set(chunk, at);
        at += chunk.length;
    }
    return bytes;
}
