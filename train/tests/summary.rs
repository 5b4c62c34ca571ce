//! `train summary`: what it prints, and what it refuses.

use std::process::{Command, Output};

fn summary(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_train")).arg("summary").args(args).output().unwrap()
}

fn printed(args: &[&str]) -> String {
    let output = summary(args);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn layers_shapes_and_sizes() {
    let style = printed(&["style", "--input", "3x256x256"]);
    let row = |text: &str, start: &str| -> Vec<String> {
        let line = text.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no {start} in {text}"));
        line.split_whitespace().map(String::from).collect()
    };
    assert_eq!(row(&style, "downsample.4"), ["downsample.4", "Conv2d", "64x127x127", "18,496"]);
    assert_eq!(row(&style, "1,676,675")[..2], ["1,676,675", "parameters;"]);
    assert_eq!(row(&style, "forward and backward")[3..], ["246.85", "MB"]);
    assert!(printed(&["style", "--width", "8"]).lines().count() == style.lines().count());
    let lenet = printed(&["lenet", "--input", "3x32x32", "--classes", "26"]);
    assert_eq!(row(&lenet, "fc3"), ["fc3", "Linear", "26", "2,210"]);
    assert_eq!(row(&printed(&["gan", "--input", "64"]), "hidden"), ["hidden", "Linear", "256", "16,640"]);
    assert_eq!(row(&printed(&["gan-discriminator"]), "out"), ["out", "Linear", "1", "257"]);
    let squeezenet = printed(&["squeezenet", "--input", "3x224x224"]);
    assert_eq!(row(&squeezenet, "features.0"), ["features.0", "Conv2d", "64x111x111", "1,792"]);
    assert_eq!(row(&squeezenet, "features.12.expand3x3"), ["features.12.expand3x3", "Conv2d", "256x13x13", "147,712"]);
    let vgg = printed(&["vgg16", "--input", "3x64x64"]);
    assert_eq!(row(&vgg, "features.21"), ["features.21", "Conv2d", "512x8x8", "2,359,808"]);
    assert!(printed(&["progan"]).contains("3x128x128") && printed(&["denoiser"]).contains("1x32x32"));
}

#[test]
fn the_graph_is_graphviz() {
    let dot = printed(&["lenet", "--dot"]);
    assert!(dot.starts_with("digraph") && dot.trim_end().ends_with('}'), "{dot}");
    assert!(dot.contains("Conv2d\\nconv2") && dot.contains("[label=\"16x5x5\"]"), "{dot}");
}

#[test]
fn what_does_not_fit_is_one_line() {
    for (args, status) in [
        (&["style", "--input", "1x64x64"][..], 1),
        (&["style", "--input", "3x2x2"], 1),
        (&["lenet", "--input", "1x28x28"], 1),
        (&["gan", "--input", "1x28x28"], 1),
        (&["squeezenet", "--input", "3x8x8"], 1),
        (&["vgg16", "--input", "1x64x64"], 1),
        (&["denoiser", "--input", "1x28x28"], 1),
        (&["style", "--input", "3x256"], 2),
        (&["style", "--input", "3x0x9"], 2),
        (&["resnet"], 2),
    ] {
        let output = summary(args);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: ") && !stderr.contains("panicked"), "{stderr}");
        assert!(status == 2 || stderr.lines().count() == 1, "{stderr}");
    }
}
