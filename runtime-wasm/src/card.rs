//! The model card as a JavaScript object.

use easel_runtime::card::{Architecture, Kind, PictureFormat, PictureSize, SCHEMA};
use easel_runtime::onnx::{check_one_file, signature};
use easel_runtime::stylizer::{ForeignSpec, IoOptions};
use easel_runtime::{Error, ModelCard, Result};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A card as a plain object.
    #[wasm_bindgen(typescript_type = "ModelCard")]
    pub type CardObject;
}

/// Reads the card of a model file. A stylizer of another program has none, and gets one that says only that; `options` are
/// for such a model, whose I/O spec is returned too.
///
/// Fails if the weights are in a second file, which a browser cannot load, and if a model without a card does not turn one
/// picture into one.
pub fn read(model: &[u8], options: IoOptions) -> Result<(ModelCard, Option<ForeignSpec>)> {
    let card = ModelCard::from_model(model);
    if !matches!(card, Ok(_) | Err(Error::NoCard)) {
        return card.map(|card| (card, None));
    }
    check_one_file(model)?;
    match card {
        Err(Error::NoCard) if !signature(model)?.inputs.is_empty() => {
            Ok((of_foreign(), Some(ForeignSpec::read(model, options)?)))
        }
        card => card.map(|card| (card, None)),
    }
}

/// The card of a stylizer of another program.
fn of_foreign() -> ModelCard {
    ModelCard {
        schema: SCHEMA,
        title: String::new(),
        kind: Kind::Stylizer,
        architecture: Architecture { name: "unknown".into(), sizes: Default::default() },
        picture: Some(PictureFormat { channels: 3, size: PictureSize::Any { multiple: 1, at_least: 1 } }),
        classes: vec![],
        columns: None,
        provenance: Default::default(),
        licence: "unknown".into(),
        verification: Default::default(),
        evaluations: vec![],
        golden: vec![],
        sample: None,
    }
}

/// The card as a plain object.
pub fn to_object(card: &ModelCard) -> CardObject {
    js_sys::JSON::parse(&card.to_json()).expect("a card is JSON").unchecked_into()
}

// The JSON of `easel_runtime::ModelCard`.
#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/**
 * The description of a model, from its file. That of another program's stylizer has an empty title, and `unknown` as its
 * architecture's name and its licence.
 */
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
