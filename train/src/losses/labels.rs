//! Class labels.

use candle_core::{Device, Tensor};

use super::pieces::{constant, constant_like, integers, keep, place};
use crate::{Error, Result};

/// Checked labels, of the shape of the given ones.
pub(super) struct Labels {
    /// The labels as indices; 0 where one is ignored.
    pub index: Tensor,
    /// 0 where a label is ignored; `None` where none is.
    pub counted: Option<Tensor>,
    dims: Vec<usize>,
}

impl Labels {
    /// Checks labels of any integer type: each is one of the classes or the ignored one. They are put on the device of
    /// `input`, `[batch, classes, ...]`, whose dimensions without the second one they must have.
    pub(super) fn new(loss: &str, labels: &Tensor, input: &Tensor, ignored: Option<i64>) -> Result<Self> {
        let [batch, classes, rest @ ..] = input.dims() else {
            return Err(Error::Data(format!(
                "{loss}: the input has shape {:?}, not [batch, classes, ...]",
                input.dims()
            )));
        };
        let dims = [&[*batch], rest].concat();
        if labels.dims() != dims {
            return Err(Error::Data(format!(
                "{loss}: the labels have shape {:?}; with an input of {:?} it has to be {dims:?}",
                labels.dims(),
                input.dims()
            )));
        }
        let values = integers(loss, "labels", labels)?;
        let fits = |label: &i64| Some(*label) == ignored || class(*label, *classes);
        if let Some(bad) = values.iter().position(|label| !fits(label)) {
            return Err(Error::Data(format!(
                "{loss}: the label at {:?} is {}, but there are {classes} classes; labels go from 0 to {}",
                place(bad, &dims),
                values[bad],
                classes.saturating_sub(1)
            )));
        }
        let is_counted = |label: &i64| Some(*label) != ignored;
        let index = values.iter().map(|label| if is_counted(label) { *label as u32 } else { 0 }).collect::<Vec<_>>();
        let counted = (!values.iter().all(is_counted)).then(|| {
            let mask = values.iter().map(|label| u8::from(is_counted(label))).collect::<Vec<_>>();
            Tensor::from_vec(mask, &dims[..], &Device::Cpu)?.to_device(input.device())
        });
        Ok(Self {
            index: Tensor::from_vec(index, &dims[..], &Device::Cpu)?.to_device(input.device())?,
            counted: counted.transpose()?,
            dims,
        })
    }

    /// The value of its label's class for every label, from `[batch, classes, ...]`.
    ///
    /// candle's `gather` has a wrong second derivative where another operation uses the values too.
    pub(super) fn pick(&self, values: &Tensor) -> Result<Tensor> {
        Ok(keep(&self.one_hot(values.dim(1)?)?, values)?.sum(1)?)
    }

    /// 1 at the label's class, 0 at the others, as bytes of `[batch, classes, ...]`.
    pub(super) fn one_hot(&self, classes: usize) -> Result<Tensor> {
        let mut dims = vec![1; self.dims.len() + 1];
        dims[1] = classes;
        let classes = Tensor::arange(0u32, classes as u32, self.index.device())?.reshape(dims)?;
        Ok(self.index.unsqueeze(1)?.broadcast_eq(&classes)?)
    }

    /// The weight of every label: its class's (1 without weights), 0 where it is ignored.
    pub(super) fn weights(&self, loss: &str, of_classes: Option<&Tensor>, input: &Tensor) -> Result<Tensor> {
        let weights = match of_classes {
            None => constant(vec![1.0; self.index.elem_count()], &self.dims, input)?,
            Some(weights) => {
                let weights = class_weights(loss, weights, input)?;
                weights.index_select(&self.index.flatten_all()?, 0)?.reshape(&self.dims[..])?
            }
        };
        match &self.counted {
            None => Ok(weights),
            Some(counted) => Ok((weights * counted.to_dtype(input.dtype())?)?),
        }
    }
}

fn class(label: i64, classes: usize) -> bool {
    usize::try_from(label).is_ok_and(|label| label < classes)
}

/// The weights of the classes of `[batch, classes, ...]`, checked.
pub(super) fn class_weights(loss: &str, weights: &Tensor, input: &Tensor) -> Result<Tensor> {
    if weights.dims() != [input.dim(1)?] {
        return Err(Error::Data(format!(
            "{loss}: the class weights have shape {:?}, but there are {} classes",
            weights.dims(),
            input.dim(1)?
        )));
    }
    constant_like(weights, input)
}
