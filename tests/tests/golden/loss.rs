//! Losses and the gradients of their inputs.

use candle_core::{Tensor, Var};
use easel_tests::golden::Case;
use easel_train::Result;
use easel_train::losses::{
    Bce, BceWithLogits, CosineEmbedding, CrossEntropy, Ctc, CtcTargets, HingeEmbedding, Huber, KlDiv, MarginRanking,
    MultiMargin, Nll, PoissonNll, Reduction, SmoothL1, TripletMargin, l1, log_softmax, mse, multi_label_margin,
    soft_margin,
};
use serde_json::Value as Json;

/// The options that a loss may have; any other one is a failure. What is left out has PyTorch's default.
const OPTIONS: &[(&str, &[&str])] = &[
    ("BCELoss", &[]),
    ("BCEWithLogitsLoss", &[]),
    ("CTCLoss", &["blank", "zero_infinity"]),
    ("CosineEmbeddingLoss", &["margin"]),
    ("CrossEntropyLoss", &["ignore_index", "label_smoothing"]),
    ("HingeEmbeddingLoss", &["margin"]),
    ("HuberLoss", &["delta"]),
    ("KLDivLoss", &["log_target"]),
    ("L1Loss", &[]),
    ("MSELoss", &[]),
    ("MarginRankingLoss", &["margin"]),
    ("MultiLabelMarginLoss", &[]),
    ("MultiMarginLoss", &["p", "margin"]),
    ("NLLLoss", &["ignore_index"]),
    ("PoissonNLLLoss", &["log_input", "full", "eps"]),
    ("SmoothL1Loss", &["beta"]),
    ("SoftMarginLoss", &[]),
    ("TripletMarginLoss", &["margin", "p", "eps", "swap"]),
];

pub fn check(case: &mut Case) -> Result<()> {
    let vars: Vec<Option<Var>> = (0..case.inputs().len())
        .map(|index| {
            let input = case.input(&index.to_string());
            input.dtype().is_float().then(|| Var::from_tensor(input)).transpose()
        })
        .collect::<candle_core::Result<_>>()?;
    let loss = compute(case, &vars)?;
    case.expect_output("loss", &loss)?;
    let gradients = loss.sum_all()?.backward()?;
    let found: Vec<_> = vars
        .iter()
        .enumerate()
        .filter_map(|(index, var)| Some((index.to_string(), gradients.get(var.as_ref()?)?.clone())))
        .collect();
    case.expect_named_gradients("grad.", found)
}

fn compute(case: &Case, vars: &[Option<Var>]) -> Result<Tensor> {
    let config = case.config();
    let name = config["loss"].as_str().unwrap_or_default();
    let (_, options) = OPTIONS
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("{}: unknown loss `{name}`", case.path().display()));
    for key in config.as_object().expect("a configuration").keys() {
        let known = ["kind", "loss", "reduction", "note"].contains(&key.as_str()) || options.contains(&key.as_str());
        assert!(known, "{}: unknown option `{key}`", case.path().display());
    }
    let number = |key: &str, default: f64| config.get(key).map_or(default, |value| value.as_f64().expect("a number"));
    let flag = |key: &str, default: bool| config.get(key).map_or(default, |value| value.as_bool().expect("a flag"));
    let reduction: Reduction = match config["reduction"].as_str().unwrap_or("mean") {
        "none" => Reduction::None,
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        "batchmean" => Reduction::BatchMean,
        other => panic!("{}: unknown reduction `{other}`", case.path().display()),
    };
    let ignore_index = Some(config.get("ignore_index").and_then(Json::as_i64).unwrap_or(-100));
    let weight = || case.option("weight").cloned();
    let margin = |default| number("margin", default);
    // Where an input has no gradient in the file it is a constant all the same: ours takes none for a target.
    let input = |index: usize| match &vars[index] {
        Some(var) => var.as_tensor().clone(),
        None => case.input(&index.to_string()).clone(),
    };
    let (x, y) = (input(0), input(1));
    match name {
        "BCELoss" => Bce { weight: weight(), reduction }.compute(&x, &y),
        "BCEWithLogitsLoss" => {
            BceWithLogits { weight: weight(), pos_weight: case.option("pos_weight").cloned(), reduction }
                .compute(&x, &y)
        }
        "CrossEntropyLoss" => {
            let label_smoothing = number("label_smoothing", 0.0);
            let loss = CrossEntropy { weight: weight(), ignore_index, label_smoothing, reduction };
            if y.dtype().is_float() { loss.compute_probabilities(&x, &y) } else { loss.compute(&x, &y) }
        }
        "NLLLoss" => Nll { weight: weight(), ignore_index, reduction }.compute(&x, &y),
        "MSELoss" => mse(&x, &y, reduction),
        "L1Loss" => l1(&x, &y, reduction),
        "SmoothL1Loss" => SmoothL1 { beta: number("beta", 1.0), reduction }.compute(&x, &y),
        "HuberLoss" => Huber { delta: number("delta", 1.0), reduction }.compute(&x, &y),
        "PoissonNLLLoss" => {
            let (log_input, full) = (flag("log_input", true), flag("full", false));
            PoissonNll { log_input, full, eps: number("eps", 1e-8), reduction }.compute(&x, &y)
        }
        "KLDivLoss" => KlDiv { log_target: flag("log_target", false), reduction }.compute(&x, &y),
        "MarginRankingLoss" => MarginRanking { margin: margin(0.0), reduction }.compute(&x, &y, &input(2)),
        "MultiLabelMarginLoss" => multi_label_margin(&x, &y, reduction),
        "SoftMarginLoss" => soft_margin(&x, &y, reduction),
        "MultiMarginLoss" => {
            let p = number("p", 1.0) as u32;
            MultiMargin { p, margin: margin(1.0), weight: weight(), reduction }.compute(&x, &y)
        }
        "TripletMarginLoss" => {
            let (p, eps, swap) = (number("p", 2.0), number("eps", 1e-6), flag("swap", false));
            TripletMargin { margin: margin(1.0), p, eps, swap, reduction }.compute(&x, &y, &input(2))
        }
        "HingeEmbeddingLoss" => HingeEmbedding { margin: margin(1.0), reduction }.compute(&x, &y),
        "CosineEmbeddingLoss" => CosineEmbedding { margin: margin(0.0), reduction }.compute(&x, &y, &input(2)),
        "CTCLoss" => {
            let loss =
                Ctc { blank: number("blank", 0.0) as usize, zero_infinity: flag("zero_infinity", false), reduction };
            let targets = CtcTargets { labels: &y, input_lengths: &input(2), label_lengths: &input(3) };
            loss.compute(&log_softmax(&x, 2)?, targets)
        }
        _ => unreachable!("every loss with options is computed"),
    }
}
