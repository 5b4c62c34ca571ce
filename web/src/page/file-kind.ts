/** Names the format of a file that the browser cannot read as a picture, by its first bytes. */

/** The formats that some browsers read and others do not, and those that none reads. */
export type FileKind = "AVIF" | "HEIC" | "HEIF" | "JPEG XL" | "JPEG 2000" | "TIFF" | "PSD" | "PDF" | "raw" | "video";

const BYTES = 64;

/** The format of a file; undefined if it is none of these. */
export async function fileKind(file: Blob): Promise<FileKind | undefined> {
    const bytes = new Uint8Array(await file.slice(0, BYTES).arrayBuffer().catch(() => new ArrayBuffer(0)));
    const text = String.fromCharCode(...bytes);
    if (text.startsWith("\xff\x0a") || text.startsWith("\0\0\0\x0cJXL ")) return "JPEG XL";
    if (text.startsWith("\0\0\0\x0cjP  ") || text.startsWith("\xff\x4f\xff\x51")) return "JPEG 2000";
    if (text.slice(4, 8) === "ftyp") return brandKind(bytes, text);
    if (text.startsWith("8BPS")) return "PSD";
    if (text.startsWith("%PDF-")) return "PDF";
    if (text.startsWith("II*\0") && text.slice(8, 10) === "CR") return "raw";
    if (/^(FUJIFILMCCD|IIRO|IIRS|MMOR|IIU\0|FOVb|\0MRM)/.test(text)) return "raw";
    if (/^(II[*+]\0|MM\0[*+])/.test(text)) return "TIFF";
    return /^(\x1a\x45\xdf\xa3|OggS|RIFF....AVI )/s.test(text) ? "video" : undefined;
}

/** What a file of the ISO base media format holds: its major brand, and those that it is compatible with. */
function brandKind(bytes: Uint8Array, text: string): FileKind {
    const length = new DataView(bytes.buffer).getUint32(0);
    const brands = text.slice(8, Math.min(length, text.length)).match(/.{4}/gs) ?? [];
    const any = (...names: string[]) => brands.some((brand) => names.includes(brand));
    if (any("crx ")) return "raw";
    if (any("avif", "avis")) return "AVIF";
    if (any("heic", "heix", "heim", "heis", "hevc", "hevx")) return "HEIC";
    return any("mif1", "msf1", "mif2") ? "HEIF" : "video";
}
