/** Runs one task at a time; of those that wait, only the latest. */
export class LatestTask {
    #next: (() => Promise<void>) | undefined;
    #running: Promise<void> | undefined;

    /** Runs a task after the current one, unless another is passed before that. */
    run(task: () => Promise<void>): Promise<void> {
        this.#next = task;
        this.#running ??= this.#runAll().finally(() => (this.#running = undefined));
        return this.#running;
    }

    async #runAll(): Promise<void> {
        while (this.#next) {
            const task = this.#next;
            this.#next = undefined;
            await task();
        }
    }
}
