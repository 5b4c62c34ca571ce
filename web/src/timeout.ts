/** Timeouts of promises. */

/** A promise took too long. */
export class TimeoutError extends Error {}

/** The promise's value; throws a `TimeoutError` with the message if that takes longer. */
export async function withTimeout<T>(milliseconds: number, promise: Promise<T>, message: string): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new TimeoutError(message)), milliseconds);
    });
    try {
        return await Promise.race([promise, timeout]);
    } finally {
        clearTimeout(timer);
    }
}
