//! Connectionist temporal classification (Graves et al. 2006).
//!
//! PyTorch's `CTCLoss`. Its golden cases are `loss/ctc_*`.

use candle_core::{DType, Tensor};

use super::Reduction;
use super::pieces::{constant, integers};
use crate::{Error, Result};

const NAME: &str = "ctc";

/// The negative log-likelihood of a label sequence, summed over all its alignments with the steps.
///
/// Computed on the CPU in float64 for any device; the gradient cannot be differentiated again.
#[doc(alias = "CTCLoss")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ctc {
    /// The class of the blank; 0 by default.
    pub blank: usize,
    /// Whether an impossible sequence, one without an alignment, has the loss 0 in place of infinity; false by default.
    /// Its gradient is 0 in both cases, where PyTorch gives NaN for infinity.
    pub zero_infinity: bool,
    /// The reduction. For a mean, each example's loss is first divided by its number of labels (at least 1).
    pub reduction: Reduction,
}

/// The target sequences.
#[derive(Debug, Clone, Copy)]
pub struct CtcTargets<'a> {
    /// Labels `[batch, longest]`; elements after the end of a sequence are ignored.
    pub labels: &'a Tensor,
    /// `[batch]`: the steps of each example.
    pub input_lengths: &'a Tensor,
    /// `[batch]`: the labels of each example.
    pub label_lengths: &'a Tensor,
}

impl Ctc {
    /// The loss of log-probabilities `[steps, batch, classes]`. Fails on a length that is out of range, and on a label
    /// that is not a class or is the blank.
    pub fn compute(&self, log_probabilities: &Tensor, targets: CtcTargets) -> Result<Tensor> {
        let bad = |what: String| Error::Data(format!("{NAME}: {what}"));
        let &[steps, batch, classes] = log_probabilities.dims() else {
            let dims = log_probabilities.dims();
            return Err(bad(format!("the log-probabilities have shape {dims:?}, not [steps, batch, classes]")));
        };
        if self.blank >= classes {
            return Err(bad(format!("the blank is {}, but there are {classes} classes", self.blank)));
        }
        let lengths = |what: &str, tensor: &Tensor, most: usize| -> Result<Vec<usize>> {
            if tensor.dims() != [batch] {
                return Err(bad(format!("the {what} have shape {:?}, the batch has {batch} examples", tensor.dims())));
            }
            let fits = |length: i64| usize::try_from(length).ok().filter(|length| *length <= most);
            let check = |(example, length)| {
                let wrong = || bad(format!("of the {what} the one at [{example}] is {length}, not from 0 to {most}"));
                fits(length).ok_or_else(wrong)
            };
            integers(NAME, what, tensor)?.into_iter().enumerate().map(check).collect()
        };
        let longest = match *targets.labels.dims() {
            [rows, longest] if rows == batch => longest,
            ref dims => return Err(bad(format!("the labels have shape {dims:?}, not [{batch}, longest]"))),
        };
        let input_lengths = lengths("input lengths", targets.input_lengths, steps)?;
        let label_lengths = lengths("label lengths", targets.label_lengths, longest)?;
        let labels = integers(NAME, "labels", targets.labels)?;

        let all = log_probabilities.detach().to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?;
        let mut losses = Vec::with_capacity(batch);
        let mut gradient = vec![0.0; all.len()];
        for example in 0..batch {
            let check = |(at, label): (usize, &i64)| {
                let known = usize::try_from(*label).ok().filter(|label| *label < classes && *label != self.blank);
                known.ok_or_else(|| {
                    let blank = self.blank;
                    bad(format!(
                        "the label at [{example}, {at}] is {label}; labels go from 0 to {}, and {blank} is the blank",
                        classes - 1
                    ))
                })
            };
            let sequence = &labels[example * longest..][..label_lengths[example]];
            let sequence = sequence.iter().enumerate().map(check).collect::<Result<Vec<_>>>()?;
            let rows: Vec<_> =
                (0..input_lengths[example]).map(|step| &all[(step * batch + example) * classes..][..classes]).collect();
            let (loss, posteriors) = align(&rows, &sequence, self.blank);
            let impossible = loss == f64::INFINITY;
            losses.push(if impossible && self.zero_infinity { 0.0 } else { loss });
            if !impossible {
                for (step, posteriors) in posteriors.chunks(classes).enumerate() {
                    let to = &mut gradient[(step * batch + example) * classes..][..classes];
                    to.iter_mut().zip(posteriors).for_each(|(to, posterior)| *to = -posterior);
                }
            }
        }

        // A constant plus a linear term of value 0 that carries the gradient; impossible sequences have none.
        let possible = log_probabilities.detach().gt(f64::NEG_INFINITY)?;
        let safe = super::pieces::keep(&possible, log_probabilities)?;
        let gradient = constant(gradient, log_probabilities.dims(), log_probabilities)?;
        let linear = ((&safe - safe.detach())? * gradient)?.sum((0, 2))?;
        let values = (constant(losses, &[batch], log_probabilities)? + linear)?;
        if self.reduction != Reduction::Mean {
            return self.reduction.of(values);
        }
        let lengths = label_lengths.iter().map(|length| (*length).max(1) as f64).collect();
        self.reduction.of((values / constant(lengths, &[batch], log_probabilities)?)?)
    }
}

/// The loss, and the probability of each class at each step given the sequence: NaN where the sequence is impossible.
fn align(rows: &[&[f64]], sequence: &[usize], blank: usize) -> (f64, Vec<f64>) {
    let Some(classes) = rows.first().map(|row| row.len()) else {
        return (if sequence.is_empty() { 0.0 } else { f64::INFINITY }, Vec::new());
    };
    // The sequence with blanks before, between and after its labels.
    let states: Vec<usize> =
        (0..2 * sequence.len() + 1).map(|state| if state % 2 == 0 { blank } else { sequence[state / 2] }).collect();
    let count = states.len();
    // A blank between two labels may be skipped unless they are the same.
    let skips = |state: usize| state >= 2 && states[state] != blank && states[state] != states[state - 2];

    let mut forward = vec![f64::NEG_INFINITY; rows.len() * count];
    for (step, row) in rows.iter().enumerate() {
        let (before, now) = forward.split_at_mut(step * count);
        for state in 0..count {
            let arriving = if step == 0 {
                if state < 2 { 0.0 } else { f64::NEG_INFINITY }
            } else {
                let before = &before[(step - 1) * count..];
                let mut sum = before[state];
                if state >= 1 {
                    sum = log_add(sum, before[state - 1]);
                }
                if skips(state) { log_add(sum, before[state - 2]) } else { sum }
            };
            now[state] = arriving + row[states[state]];
        }
    }
    let end = &forward[(rows.len() - 1) * count..];
    let total = if count > 1 { log_add(end[count - 1], end[count - 2]) } else { end[0] };

    // The log-probability of everything after a state, without the state's own step.
    let mut following: Vec<f64> =
        (0..count).map(|state| if state + 2 >= count { 0.0 } else { f64::NEG_INFINITY }).collect();
    let mut posteriors = vec![0.0; rows.len() * classes];
    for step in (0..rows.len()).rev() {
        for state in 0..count {
            let joint = forward[step * count + state] + following[state];
            posteriors[step * classes + states[state]] += (joint - total).exp();
        }
        let ahead: Vec<f64> = (0..count).map(|state| following[state] + rows[step][states[state]]).collect();
        for state in 0..count {
            let mut sum = ahead[state];
            if state + 1 < count {
                sum = log_add(sum, ahead[state + 1]);
            }
            following[state] = if state + 2 < count && skips(state + 2) { log_add(sum, ahead[state + 2]) } else { sum };
        }
    }
    (-total, posteriors)
}

/// `ln(exp(a) + exp(b))`.
fn log_add(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    if low == f64::NEG_INFINITY { high } else { high + (low - high).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use super::super::log_softmax;
    use super::*;
    use crate::ops::finite_differences::normal;
    use candle_core::{Device, Var};

    fn rows(steps: usize, classes: usize) -> Vec<Vec<f64>> {
        log_softmax(&normal(&[steps, classes], 1), 1).unwrap().to_vec2().unwrap()
    }

    /// The loss by enumerating every path of classes that collapses to the sequence.
    fn by_enumeration(rows: &[Vec<f64>], sequence: &[usize], blank: usize) -> f64 {
        let (steps, classes) = (rows.len(), rows[0].len());
        let mut total = 0.0;
        for path in 0..classes.pow(steps as u32) {
            let path: Vec<_> = (0..steps).map(|step| path / classes.pow(step as u32) % classes).collect();
            let mut read = path.clone();
            read.dedup();
            read.retain(|class| *class != blank);
            if read == sequence {
                total += path.iter().zip(rows).map(|(class, row)| row[*class]).sum::<f64>().exp();
            }
        }
        -total.ln()
    }

    #[test]
    fn all_alignments_count() {
        let rows = rows(5, 3);
        let slices: Vec<_> = rows.iter().map(Vec::as_slice).collect();
        for (sequence, blank) in
            [(&[][..], 0), (&[1], 0), (&[1, 2], 0), (&[1, 1], 0), (&[2, 2, 2], 0), (&[0, 1, 0], 2), (&[1, 1, 1, 1], 0)]
        {
            let (loss, posteriors) = align(&slices, sequence, blank);
            let expected = by_enumeration(&rows, sequence, blank);
            if expected.is_infinite() {
                assert_eq!(loss, expected);
                continue;
            }
            assert!((loss - expected).abs() < 1e-12, "{sequence:?}: {loss} {expected}");
            for step in posteriors.chunks(3) {
                assert!((step.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn derivatives() {
        let labels = Tensor::new(&[[1i64, 2, 2], [3, -7, -7]], &Device::Cpu).unwrap();
        let [input_lengths, label_lengths] = [[6i64, 4], [3, 1]].map(|l| Tensor::new(&l, &Device::Cpu).unwrap());
        let targets = CtcTargets { labels: &labels, input_lengths: &input_lengths, label_lengths: &label_lengths };
        let loss = |x: &Tensor| Ctc::default().compute(&log_softmax(x, 2).unwrap(), targets).unwrap();
        let x = Var::from_tensor(&normal(&[6, 2, 4], 1)).unwrap();
        let gradient: Vec<f64> =
            loss(&x).backward().unwrap().get(&x).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        let values: Vec<f64> = x.flatten_all().unwrap().to_vec1().unwrap();
        for (at, found) in gradient.iter().enumerate() {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[at] += by;
                loss(&Tensor::from_vec(values, (6, 2, 4), &Device::Cpu).unwrap()).to_scalar::<f64>().unwrap()
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((found - expected).abs() < 1e-8, "{at}: {found} {expected}");
        }
    }

    #[test]
    fn the_impossible_is_infinite_and_moves_nothing() {
        let [labels, steps, count] = [vec![1i64, 1], vec![2], vec![2]].map(|values| {
            let dims = if values.len() == 2 { vec![1, 2] } else { vec![1] };
            Tensor::from_vec(values, dims, &Device::Cpu).unwrap()
        });
        // A repeated label needs a blank in between, so three steps.
        let targets = CtcTargets { labels: &labels, input_lengths: &steps, label_lengths: &count };
        for (zero_infinity, expected) in [(false, f64::INFINITY), (true, 0.0)] {
            let x = Var::from_tensor(&normal(&[2, 1, 3], 1)).unwrap();
            let loss = Ctc { zero_infinity, ..Default::default() }.compute(&log_softmax(&x, 2).unwrap(), targets);
            let loss = loss.unwrap();
            assert_eq!(loss.to_scalar::<f64>().unwrap(), expected);
            let gradient = loss.backward().unwrap().get(&x).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
            assert_eq!(gradient, [0.0; 6]);
        }
    }

    #[test]
    fn bad_targets_are_errors() {
        let x = normal(&[4, 1, 3], 1);
        let error = |label: i64, steps: i64, count: i64| {
            let labels = Tensor::new(&[[label, 1]], &Device::Cpu).unwrap();
            let [steps, count] = [steps, count].map(|length| Tensor::new(&[length], &Device::Cpu).unwrap());
            let targets = CtcTargets { labels: &labels, input_lengths: &steps, label_lengths: &count };
            Ctc::default().compute(&x, targets).unwrap_err().to_string()
        };
        assert!(error(3, 4, 1).contains("the label at [0, 0] is 3; labels go from 0 to 2"));
        assert!(error(0, 4, 1).contains("0 is the blank"));
        assert!(error(1, 5, 1).contains("input lengths the one at [0] is 5, not from 0 to 4"));
        assert!(error(1, 4, -1).contains("label lengths the one at [0] is -1, not from 0 to 2"));
    }
}
