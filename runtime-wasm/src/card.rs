//! The model card as a JavaScript object.

use easel_runtime::ModelCard;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A card as a plain object.
    #[wasm_bindgen(typescript_type = "ModelCard")]
    pub type CardObject;
}

/// The card as a plain object.
pub fn to_object(card: &ModelCard) -> CardObject {
    js_sys::JSON::parse(&card.to_json()).expect("a card is JSON").unchecked_into()
}

// The JSON of `easel_runtime::ModelCard`.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** The description of a model, from its file. */
export interface ModelCard {
    schema: number;
    title: string;
    kind: "generator" | "stylizer" | "classifier" | "denoiser" | "tabular";
    /** Generators only. */
    latent?: { dim: number } & ({ distribution: "uniform"; low: number; high: number } | { distribution: "normal" });
    /** Classifiers, denoisers, and tabular models for classification. */
    class_count?: number;
    /** Denoisers only: the beta schedule. */
    schedule?: { steps: number } & (
        | { formula: "linear"; start: number; end: number }
        | { formula: "cosine"; offset: number }
    );
    prediction?: "noise" | "velocity";
    /** Denoisers trained with condition dropout: the label of the unconditional prediction. */
    null_label?: number;
    /** Tabular models only. */
    column_count?: number;
    task?: "regression" | "classification";
    architecture: { name: string; sizes: Record<string, unknown> };
    /** All but tabular models. */
    picture?: {
        channels: 1 | 3;
        size: { fixed: { height: number; width: number } } | { any: { multiple: number; at_least: number } };
    };
    classes?: string[];
    columns?: { features: string[]; target: string };
    provenance: {
        run?: string;
        data?: string;
        /** Classifiers only: the borders of the training pictures, from 0 (black) to 1 (white). */
        border?: { mean: number; std: number };
        steps?: number;
        seed?: number;
        weights_sha256: string;
        program: string;
    };
    licence: string;
    verification: { engine: string; max_difference: number; shapes: number[][] };
    evaluations?: {
        about: string;
        data: string;
        count: number;
        compared?: number;
        metrics: Record<string, { value: number; floor?: number; ceiling?: number }>;
    }[];
}
"#;
