//! Reads the card of a model file. No engine is needed.
//!
//! ```text
//! cargo run --release -p easel-runtime --example read_card -- MODEL.onnx
//! ```

use easel_runtime::ModelCard;
use easel_runtime::card::Kind;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args_os().nth(1).ok_or("give a model file")?;
    let card = ModelCard::from_model(&std::fs::read(path)?)?;
    println!("{} ({})", card.title, card.architecture.name);
    match &card.kind {
        Kind::Generator { latent } => println!("generates pictures from latent vectors of {} elements", latent.dim),
        Kind::Denoiser { class_count, .. } => println!("samples pictures of {class_count} classes"),
        Kind::Classifier { .. } => println!("classes: {}", card.classes.join(", ")),
        Kind::Stylizer => println!("stylizes pictures"),
        other => println!("a {}", other.name()),
    }
    println!("trained on {}", card.provenance.data.as_deref().unwrap_or("unknown data"));
    println!("within {:e} of the network it was exported from", card.verification.max_difference);
    Ok(())
}
