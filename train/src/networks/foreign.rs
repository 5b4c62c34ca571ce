//! Networks of other projects, told by the names of their tensors.

/// A network of another project.
struct Foreign {
    /// What it is, and what to do.
    advice: &'static str,
    /// Parts of names, each of which some tensor's name has.
    marks: &'static [&'static str],
}

const FOREIGN: &[Foreign] = &[
    Foreign {
        advice: "this is the TransformerNet of pytorch/examples' fast neural style, another network; export it with \
                 `neural_style.py eval --export_onnx m.onnx`, and `stylize -m m.onnx` runs it",
        marks: &["conv1.conv2d.weight", "res5.conv2.conv2d.weight", "deconv3.conv2d.weight"],
    },
    Foreign {
        advice: "this is a generator of AnimeGAN, another network; export it with its project's script, and `stylize -m` \
                 runs the ONNX file",
        marks: &["block_a.0.", "block_e.0.", "out_layer.0."],
    },
    Foreign {
        advice: "this is an ESRGAN, another network; export it with torch.onnx.export",
        marks: &["rdb1.conv1.weight", "rdb3.conv5.weight"],
    },
    Foreign { advice: "these are the changes of a LoRA, not a network's weights", marks: &["lora_"] },
    Foreign {
        advice: "this is a diffusion network of diffusers, another network",
        marks: &["down_blocks.", "up_blocks."],
    },
    Foreign { advice: "this is a Stable Diffusion checkpoint, another network", marks: &["model.diffusion_model."] },
    Foreign {
        advice: "this is a language model, which has no use for pictures",
        marks: &["embed_tokens.weight", "layers.0."],
    },
    Foreign {
        advice: "this is a ResNet; export it with torch.onnx.export",
        marks: &["layer1.0.conv1.weight", "layer4.0.conv1.weight", "fc.weight"],
    },
];

/// What tensors of these names are, and what to do, where it is known.
pub fn advice<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<&'static str> {
    let has = |mark: &&str| names.clone().any(|name| name.contains(*mark));
    FOREIGN.iter().find(|foreign| foreign.marks.iter().all(has)).map(|foreign| foreign.advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_told_by_their_names() {
        let style = ["conv1.conv2d.weight", "in1.running_mean", "res5.conv2.conv2d.weight", "deconv3.conv2d.weight"];
        assert!(advice(style.into_iter()).unwrap().contains("fast neural style"));
        // A wrapper before the names does not matter.
        let wrapped = style.map(|name| format!("module.{name}"));
        assert!(advice(wrapped.iter().map(String::as_str)).unwrap().contains("fast neural style"));
        assert_eq!(advice(["conv1.weight", "fc.weight"].into_iter()), None);
    }
}
