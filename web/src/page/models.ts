/** The models that come with the page. */

/** A line of `models/index.json`. */
export interface ModelEntry {
    name: string;
    file: string;
    title: string;
    bytes: number;
}

const FOLDER = "models/";

/** The models beside the page. */
export async function shippedModels(): Promise<ModelEntry[]> {
    let response: Response;
    try {
        response = await fetch(`${FOLDER}index.json`);
    } catch {
        throw new Error("The list of models cannot be fetched: no answer from the server; check the connection.");
    }
    if (response.status === 404) return [];
    if (!response.ok) throw new Error(`The list of models cannot be fetched: ${response.status} ${response.statusText}`);
    try {
        return (await response.json()) as ModelEntry[];
    } catch {
        throw new Error("The list of models (models/index.json) is damaged.");
    }
}

/** A model's address. */
export function address(entry: ModelEntry): string {
    return FOLDER + encodeURIComponent(entry.file);
}
