/** A build of the WebAssembly module: with relaxed SIMD, with SIMD, or with neither. */
export type Build = "relaxed" | "simd" | "plain";

/** The builds that this engine can run, the quickest first. */
export function builds(): Build[];
