//! What holds for all losses: large numbers, NaN and infinity, empty batches, and shapes that do not fit.

use candle_core::{Device, Var};

use super::*;
use crate::ops::activation::sigmoid;

fn tensor<const N: usize>(values: [f64; N], dims: &[usize]) -> Tensor {
    Tensor::new(&values, &Device::Cpu).unwrap().reshape(dims).unwrap()
}

fn integers(values: impl IntoIterator<Item = i64>, dims: &[usize]) -> Tensor {
    Tensor::from_vec(values.into_iter().collect(), dims, &Device::Cpu).unwrap()
}

/// Every loss of `[batch, 4]`, after a function that gives probabilities or rates where it needs them.
fn all(x: &Tensor, reduction: Reduction) -> Vec<(&'static str, Result<Tensor>)> {
    let batch = x.dim(0).unwrap();
    let numbers = |count: usize| (0..count).map(|at| at as i64);
    let labels = integers(numbers(batch).map(|at| at % 4), &[batch]);
    let several = integers(numbers(4 * batch).map(|at| [at / 4 % 4, -1, 0, 0][at as usize % 4]), &[batch, 4]);
    let signs = integers(numbers(4 * batch).map(|at| 1 - at % 2 * 2), &[batch, 4]).to_dtype(x.dtype()).unwrap();
    let sign = integers(numbers(batch).map(|at| 1 - at % 2 * 2), &[batch]).to_dtype(x.dtype()).unwrap();
    let quarter = x.detach().zeros_like().unwrap().affine(0.0, 0.25).unwrap();
    let ones = integers(vec![1; batch], &[batch]);
    let not_blank = integers(numbers(batch).map(|at| 1 + at % 3), &[batch, 1]);
    let targets = CtcTargets { labels: &not_blank, input_lengths: &ones, label_lengths: &ones };
    let log = log_softmax(x, 1);
    let log = || log.as_ref().unwrap();
    vec![
        ("bce", sigmoid(x).and_then(|x| Bce { reduction, ..Default::default() }.compute(&x, &quarter))),
        ("bce_with_logits", BceWithLogits { reduction, ..Default::default() }.compute(x, &quarter)),
        (
            "cosine_embedding",
            CosineEmbedding { reduction, ..Default::default() }.compute(x, &(&signs * x.detach()).unwrap(), &sign),
        ),
        ("cross_entropy", CrossEntropy { reduction, ..Default::default() }.compute(x, &labels)),
        ("ctc", Ctc { reduction, ..Default::default() }.compute(&log().unsqueeze(0).unwrap(), targets)),
        ("hinge_embedding", HingeEmbedding { reduction, ..Default::default() }.compute(x, &signs)),
        ("huber", Huber { reduction, ..Default::default() }.compute(x, &quarter)),
        ("kl_div", KlDiv { reduction, ..Default::default() }.compute(log(), &quarter)),
        ("l1", l1(x, &quarter, reduction)),
        ("margin_ranking", MarginRanking { reduction, ..Default::default() }.compute(x, &quarter, &signs)),
        ("mse", mse(x, &quarter, reduction)),
        ("multi_label_margin", multi_label_margin(x, &several, reduction)),
        ("multi_margin", MultiMargin { reduction, ..Default::default() }.compute(x, &labels)),
        ("nll", Nll { reduction, ..Default::default() }.compute(log(), &labels)),
        (
            "poisson_nll",
            PoissonNll { log_input: false, reduction, ..Default::default() }.compute(&x.sqr().unwrap(), &quarter),
        ),
        ("smooth_l1", SmoothL1 { reduction, ..Default::default() }.compute(x, &quarter)),
        ("soft_margin", soft_margin(x, &signs, reduction)),
        ("triplet_margin", TripletMargin { reduction, swap: true, ..Default::default() }.compute(x, &quarter, &signs)),
    ]
}

fn number(loss: &Tensor) -> f64 {
    loss.to_dtype(candle_core::DType::F64).unwrap().to_scalar().unwrap()
}

/// A loss's value and gradient at a point, in float32.
fn at<const N: usize>(x: [f32; N], loss: impl Fn(&Tensor) -> Result<Tensor>) -> (f64, Vec<f32>) {
    let x = Var::from_tensor(&Tensor::new(&x, &Device::Cpu).unwrap().unsqueeze(0).unwrap()).unwrap();
    let loss = loss(&x).unwrap();
    let gradient = loss.backward().unwrap().get(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    (number(&loss), gradient)
}

#[test]
fn large_numbers_are_finite() {
    for start in [[1e4f32, -1e4, 1e4, 0.0], [-1e4, -1e4, 0.5, 1e4]] {
        let x = Var::from_tensor(&Tensor::new(&[start, start, start, start], &Device::Cpu).unwrap()).unwrap();
        for (name, loss) in all(&x, Reduction::Sum) {
            let loss = loss.unwrap();
            assert!(number(&loss).is_finite(), "{name}");
            let gradient = loss.backward().unwrap().get(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
            assert!(gradient.iter().all(|value| value.is_finite()), "{name}: {gradient:?}");
        }
    }
}

/// The limits: log softmax(a, b) is (0, b - a) where a is far above b.
#[test]
fn large_logits_have_their_limits() {
    let far = [1e4f32, -1e4];
    let [right, wrong] = [[1.0, 0.0], [0.0, 1.0]].map(|target| tensor(target, &[1, 2]));
    let logits = |positive: Option<f64>, target: &Tensor| {
        let pos_weight = positive.map(|weight| tensor([weight; 2], &[2]));
        at(far, |x| BceWithLogits { pos_weight: pos_weight.clone(), ..Default::default() }.compute(x, target))
    };
    assert_eq!(logits(None, &right), (0.0, vec![0.0, 0.0]));
    assert_eq!(logits(None, &wrong), (1e4, vec![0.5, -0.5]));
    assert_eq!(logits(Some(3.0), &right), (0.0, vec![0.0, 0.0]));
    assert_eq!(logits(Some(3.0), &wrong), (2e4, vec![0.5, -1.5]));
    let signs = tensor([-1.0, 1.0], &[1, 2]);
    assert_eq!(at(far, |x| soft_margin(x, &signs, Reduction::Sum)), (2e4, vec![1.0, -1.0]));

    let label = integers([1], &[1]);
    let smooth = CrossEntropy { label_smoothing: 0.5, ..Default::default() };
    assert_eq!(at(far, |x| smooth.compute(x, &label)), (1.5e4, vec![0.75, -0.75]));
    let spatial = |x: &Tensor| CrossEntropy::default().compute(&x.unsqueeze(2)?, &label.unsqueeze(1)?);
    assert_eq!(at(far, spatial), (2e4, vec![1.0, -1.0]));
    let share = tensor([0.25, 0.75], &[1, 2]);
    let soft = |x: &Tensor| CrossEntropy::default().compute_probabilities(x, &share);
    assert_eq!(at(far, soft), (1.5e4, vec![0.75, -0.75]));
    let log = |x: &Tensor| log_softmax(x, 1);
    assert_eq!(at(far, |x| Nll::default().compute(&log(x)?, &label)), (2e4, vec![1.0, -1.0]));
    let (value, gradient) =
        at(far, |x| KlDiv { log_target: false, reduction: Reduction::Sum }.compute(&log(x)?, &share));
    assert!((value - 1.5e4).abs() < 1.0 && gradient == [0.75, -0.75], "{value} {gradient:?}");
    let one = integers([1], &[1]);
    let labels = integers([1], &[1, 1]);
    let targets = CtcTargets { labels: &labels, input_lengths: &one, label_lengths: &one };
    assert_eq!(at(far, |x| Ctc::default().compute(&log(x)?.unsqueeze(0)?, targets)), (2e4, vec![1.0, -1.0]));
    assert_eq!(at(far, |x| MultiMargin::default().compute(x, &label)), (10000.5, vec![0.5, -0.5]));
    let both = integers([1, -1], &[1, 2]);
    assert_eq!(at(far, |x| multi_label_margin(x, &both, Reduction::Mean)), (10000.5, vec![0.5, -0.5]));
}

#[test]
fn what_is_no_number_is_not_lost() {
    let one = f64::NAN;
    for x in [tensor([one, 1.0, 2.0, 3.0], &[1, 4]), tensor([1.0, 2.0, 3.0, one], &[1, 4])] {
        let row = tensor([0.5, 1.0, -1.0, 2.0], &[1, 4]);
        let x = Tensor::cat(&[&row, &x, &row], 0).unwrap();
        for (name, loss) in all(&x, Reduction::Mean) {
            match loss {
                Ok(loss) => assert!(number(&loss).is_nan() && name != "bce", "{name}: {loss}"),
                Err(error) => {
                    let place = if x.to_vec2::<f64>().unwrap()[1][0].is_nan() { "[1, 0]" } else { "[1, 3]" };
                    assert!(name == "bce" && error.to_string().contains(&format!("{place} is NaN")), "{error}");
                }
            }
        }
    }
}

#[test]
fn a_batch_of_nothing_has_no_mean() {
    let x = tensor([], &[0, 4]);
    for (name, loss) in all(&x, Reduction::Mean) {
        assert!(number(&loss.unwrap()).is_nan(), "{name}");
    }
    for (name, loss) in all(&x, Reduction::Sum) {
        assert_eq!(number(&loss.unwrap()), 0.0, "{name}");
    }
    for (name, loss) in all(&x, Reduction::None) {
        assert_eq!(loss.unwrap().dims()[0], 0, "{name}");
    }
}

#[test]
fn where_all_is_ignored_nothing_moves() {
    let labels = integers([-100; 2], &[2]);
    for reduction in [Reduction::Mean, Reduction::Sum] {
        let x = Var::from_tensor(&tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 3])).unwrap();
        let nll = Nll { ignore_index: Some(-100), reduction, ..Default::default() };
        let smooth = CrossEntropy { label_smoothing: 0.1, ignore_index: Some(-100), reduction, weight: None };
        for loss in [nll.compute(&x, &labels).unwrap(), smooth.compute(&x, &labels).unwrap()] {
            let value = number(&loss);
            assert!(if reduction == Reduction::Mean { value.is_nan() } else { value == 0.0 }, "{value}");
            let gradient = loss.backward().unwrap().get(&x).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
            assert_eq!(gradient, [0.0; 6]);
        }
    }
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let x = tensor([0.5; 6], &[2, 3]);
    let few = tensor([0.5; 3], &[3]);
    let labels = integers([0; 3], &[3]);
    let wide = Some(tensor([1.0; 4], &[4]));
    let two = integers([1; 2], &[2]);
    let targets = CtcTargets { labels: &labels, input_lengths: &two, label_lengths: &two };
    let reduction = Reduction::Mean;
    for (loss, shapes) in [
        (Bce::default().compute(&x, &few), "[3], the input [2, 3]"),
        (Bce { weight: wide.clone(), reduction }.compute(&x, &x), "weight has shape [4], which cannot be broadcast"),
        (BceWithLogits::default().compute(&x, &few), "[3], the input [2, 3]"),
        (
            BceWithLogits { pos_weight: wide.clone(), ..Default::default() }.compute(&x, &x),
            "pos_weight has shape [4], which cannot be broadcast to the input's [2, 3]",
        ),
        (CosineEmbedding::default().compute(&x, &few, &few), "[3], the input [2, 3]"),
        (CosineEmbedding::default().compute(&x, &x, &few), "[3], the inputs [2, 3]"),
        (CrossEntropy::default().compute(&x, &labels), "[3]; with an input of [2, 3] it has to be [2]"),
        (CrossEntropy::default().compute_probabilities(&x, &few), "[3], the input [2, 3]"),
        (
            CrossEntropy { weight: wide.clone(), ..Default::default() }.compute(&x, &integers([0; 2], &[2])),
            "weights have shape [4], but there are 3 classes",
        ),
        (Ctc::default().compute(&x, targets), "[2, 3], not [steps, batch, classes]"),
        (Ctc::default().compute(&x.unsqueeze(0).unwrap(), targets), "[3], not [2, longest]"),
        (HingeEmbedding::default().compute(&x, &few), "[3], the input [2, 3]"),
        (Huber::default().compute(&x, &few), "[3], the input [2, 3]"),
        (KlDiv::default().compute(&x, &few), "[3], the input [2, 3]"),
        (l1(&x, &few, reduction), "[3], the input [2, 3]"),
        (MarginRanking::default().compute(&x, &x, &few), "[3], the input [2, 3]"),
        (mse(&x, &few, reduction), "[3], the input [2, 3]"),
        (multi_label_margin(&x, &labels, reduction), "[3], the input [2, 3]"),
        (multi_label_margin(&few, &labels, reduction), "[3], not [batch, classes]"),
        (MultiMargin::default().compute(&x, &labels), "[3]; with an input of [2, 3] it has to be [2]"),
        (Nll::default().compute(&x, &labels), "[3]; with an input of [2, 3] it has to be [2]"),
        (PoissonNll::default().compute(&x, &few), "[3], the input [2, 3]"),
        (SmoothL1::default().compute(&x, &few), "[3], the input [2, 3]"),
        (soft_margin(&x, &few, reduction), "[3], the input [2, 3]"),
        (TripletMargin::default().compute(&x, &x, &few), "[3], the input [2, 3]"),
    ] {
        let error = loss.unwrap_err().to_string();
        assert!(error.contains(shapes) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn classes_that_are_none_are_errors() {
    let (nothing, none) = (tensor([], &[2, 0]), integers([], &[2, 0]));
    let labels = integers([0; 2], &[2]);
    for loss in [
        CrossEntropy::default().compute(&nothing, &labels),
        CrossEntropy::default().compute_probabilities(&nothing, &nothing),
        Nll::default().compute(&nothing, &labels),
        MultiMargin::default().compute(&nothing, &labels),
        multi_label_margin(&nothing, &none, Reduction::Sum),
    ] {
        let error = loss.unwrap_err().to_string();
        assert!(error.contains("[2, 0]") || error.contains("0 classes"), "{error}");
    }
}
