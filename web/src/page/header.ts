/** Reads a picture's size from its file's header, since browsers do not report it if it is too large for them. */

export interface Extent {
    width: number;
    height: number;
}

/** The bytes to read: a JPEG file may have its size after long metadata. */
const BYTES = 1 << 18;

/** The size in the header of a PNG, GIF, BMP or JPEG file, before rotation; undefined for other files. */
export async function headerExtent(file: Blob): Promise<Extent | undefined> {
    const view = new DataView(await file.slice(0, BYTES).arrayBuffer());
    try {
        switch (view.getUint16(0)) {
            case 0x8950:
                return { width: view.getUint32(16), height: view.getUint32(20) };
            case 0x4749:
                return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
            case 0x424d:
                return { width: view.getInt32(18, true), height: Math.abs(view.getInt32(22, true)) };
            case 0xffd8:
                return jpegExtent(view);
            default:
                return undefined;
        }
    } catch {
        // The file ends early.
        return undefined;
    }
}

/** The size in the first frame header. */
function jpegExtent(view: DataView): Extent {
    let at = 2;
    for (;;) {
        const marker = view.getUint8(at + 1);
        const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
        if (isFrame) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
        at += 2 + view.getUint16(at + 2);
    }
}
