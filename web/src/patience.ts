/** Waiting no longer than makes sense. */

/** What was waited for too long. */
export class Late extends Error {}

/** What a promise gives; throws `Late` where that takes longer. */
export async function within<T>(milliseconds: number, promise: Promise<T>, late: string): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const end = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Late(late)), milliseconds);
    });
    try {
        return await Promise.race([promise, end]);
    } finally {
        clearTimeout(timer);
    }
}
