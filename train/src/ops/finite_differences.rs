//! Checks of derivatives in float64.

use candle_core::{DType, Device, Tensor, Var};
use easel_runtime::Random;

use crate::Result;

/// Standard normal numbers.
pub(crate) fn normal(dims: &[usize], seed: u64) -> Tensor {
    let values = Random::new(seed, 0).normals(dims.iter().product());
    Tensor::from_vec(values, dims, &Device::Cpu).unwrap().to_dtype(DType::F64).unwrap()
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn dot(tensor: &Tensor, weights: &Tensor) -> Tensor {
    (tensor * weights).unwrap().sum_all().unwrap()
}

/// The gradients of a scalar; zeros where there is none.
fn gradients(scalar: &Tensor, vars: &[Var]) -> Vec<Tensor> {
    let store = scalar.backward().unwrap();
    vars.iter().map(|var| store.get(var).cloned().unwrap_or_else(|| var.zeros_like().unwrap())).collect()
}

fn tensors(vars: &[Var]) -> Vec<Tensor> {
    vars.iter().map(|var| var.as_tensor().clone()).collect()
}

/// Compares what `analytic` gives for each argument with central differences of `scalar`.
fn compare(arguments: &[Tensor], analytic: &[Tensor], order: &str, scalar: impl Fn(&[Var]) -> f64) {
    const STEP: f64 = 1e-5;
    for (index, argument) in arguments.iter().enumerate() {
        let (values, found) = (flat(argument), flat(&analytic[index]));
        let expected: Vec<f64> = (0..values.len())
            .map(|at| {
                let moved = |by: f64| {
                    let mut values = values.clone();
                    values[at] += by;
                    let vars: Vec<_> = arguments
                        .iter()
                        .enumerate()
                        .map(|(other, argument)| {
                            let values = if other == index { values.clone() } else { flat(argument) };
                            let tensor = Tensor::from_vec(values, argument.dims(), &Device::Cpu).unwrap();
                            Var::from_tensor(&tensor).unwrap()
                        })
                        .collect();
                    scalar(&vars)
                };
                (moved(STEP) - moved(-STEP)) / (2.0 * STEP)
            })
            .collect();
        let scale = expected.iter().fold(1.0, |most: f64, value| most.max(value.abs()));
        let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-6 * scale, "{order} derivative by argument {index} is {worst:e} off at scale {scale:e}");
    }
}

/// Checks the first and second derivatives of an operation by all its arguments.
///
/// The first is that of a random combination of the outputs, the second that of a random combination of the first
/// gradients. Runs in a thread of its own, in which candle keeps the graph of a gradient.
pub(crate) fn check(arguments: &[Tensor], operation: impl Fn(&[Tensor]) -> Result<Tensor> + Sync) {
    let checked = crate::threads::on_own_threads(1, true, || {
        super::check_second_order().unwrap();
        let vars: Vec<_> = arguments.iter().map(|argument| Var::from_tensor(argument).unwrap()).collect();
        let output = operation(&tensors(&vars)).unwrap();
        let weights = normal(output.dims(), 77);
        let scalar = |vars: &[Var]| dot(&operation(&tensors(vars)).unwrap(), &weights);
        let first = gradients(&scalar(&vars), &vars);
        compare(arguments, &first, "first", |vars| scalar(vars).to_scalar().unwrap());

        let combined = |vars: &[Var]| {
            gradients(&scalar(vars), vars)
                .iter()
                .enumerate()
                .map(|(index, gradient)| dot(gradient, &normal(gradient.dims(), 88 + index as u64)))
                .reduce(|a, b| (a + b).unwrap())
                .expect("there is an argument")
        };
        let second = gradients(&combined(&vars), &vars);
        compare(arguments, &second, "second", |vars| combined(vars).to_scalar().unwrap());
        Ok(())
    });
    checked.unwrap();
}

/// Checks that two forms of an operation agree, output and gradients, in a thread that keeps no graph of gradients.
pub(crate) fn assert_same(
    arguments: &[Tensor],
    fast: impl Fn(&[Tensor]) -> Result<Tensor>,
    plain: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let run = |operation: &dyn Fn(&[Tensor]) -> Result<Tensor>| {
        let vars: Vec<_> = arguments.iter().map(|argument| Var::from_tensor(argument).unwrap()).collect();
        let output = operation(&tensors(&vars)).unwrap();
        let weights = normal(output.dims(), 77);
        let mut all = gradients(&dot(&output, &weights), &vars);
        all.push(output);
        all
    };
    for (index, (fast, plain)) in run(&fast).iter().zip(run(&plain)).enumerate() {
        assert_eq!(fast.dims(), plain.dims());
        let worst = flat(fast).iter().zip(flat(&plain)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-9, "result {index} is {worst:e} off");
    }
}
