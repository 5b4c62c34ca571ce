/** Files that are dropped anywhere on the page. */

/** Calls `open` with a dropped file; `veil` is shown while one hovers. */
export function onDrop(veil: HTMLElement, open: (file: File) => void): void {
    const carriesFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
    document.addEventListener("dragover", (event) => {
        if (!carriesFile(event)) return;
        event.preventDefault();
        veil.hidden = false;
    });
    document.addEventListener("dragleave", (event) => {
        // Moving between the page's elements leaves none of them for nowhere.
        if (event.relatedTarget === null) veil.hidden = true;
    });
    document.addEventListener("drop", (event) => {
        if (!carriesFile(event)) return;
        event.preventDefault();
        veil.hidden = true;
        const file = event.dataTransfer?.files[0];
        if (file) open(file);
    });
}
