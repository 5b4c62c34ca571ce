//! Optimisers: the parameters after every step.

use candle_core::{DType, Tensor};
use easel_runtime::Random;
use easel_tests::golden::{Case, device};
use easel_train::optim::{
    Adagrad, AdagradConfig, Adam, AdamConfig, Grouped, RmsProp, RmsPropConfig, Rule, Sgd, SgdConfig,
};
use easel_train::param::Init;
use easel_train::{Param, Params, Result};
use serde_json::{Map, Value as Json};

pub fn check(case: &mut Case) -> Result<()> {
    match case.config()["optimizer"].as_str().unwrap_or_default() {
        "SGD" => trajectory(case, Sgd::new, |group| {
            let mut config = SgdConfig::new(group.number("lr", 1e-3));
            config.momentum = group.number("momentum", 0.0);
            config.dampening = group.number("dampening", 0.0);
            config.nesterov = group.flag("nesterov");
            config.weight_decay = group.number("weight_decay", 0.0);
            config
        }),
        name @ ("Adam" | "AdamW") => {
            let decoupled = name == "AdamW";
            trajectory(case, Adam::new, |group| {
                let [beta1, beta2] = group.pair("betas", [0.9, 0.999]);
                let mut config = AdamConfig { beta1, beta2, decoupled, ..AdamConfig::new(group.number("lr", 1e-3)) };
                config.eps = group.number("eps", 1e-8);
                config.weight_decay = group.number("weight_decay", if decoupled { 1e-2 } else { 0.0 });
                config.amsgrad = group.flag("amsgrad");
                config
            })
        }
        "RMSprop" => trajectory(case, RmsProp::new, |group| {
            let mut config = RmsPropConfig::new(group.number("lr", 1e-2));
            config.alpha = group.number("alpha", 0.99);
            config.eps = group.number("eps", 1e-8);
            config.momentum = group.number("momentum", 0.0);
            config.centered = group.flag("centered");
            config.weight_decay = group.number("weight_decay", 0.0);
            config
        }),
        "Adagrad" => trajectory(case, Adagrad::new, |group| {
            let mut config = AdagradConfig::new(group.number("lr", 1e-2));
            config.lr_decay = group.number("lr_decay", 0.0);
            config.weight_decay = group.number("weight_decay", 0.0);
            config.initial_accumulator_value = group.number("initial_accumulator_value", 0.0);
            config.eps = group.number("eps", 1e-10);
            config
        }),
        other => panic!("{}: unknown optimiser `{other}`", case.path().display()),
    }
}

/// A group's options, each of which must be asked for.
struct Options<'a> {
    given: Map<String, Json>,
    case: &'a Case,
}

impl Options<'_> {
    fn take(&mut self, key: &str) -> Option<Json> {
        self.given.remove(key)
    }

    fn number(&mut self, key: &str, default: f64) -> f64 {
        self.take(key).map_or(default, |value| value.as_f64().expect("a number"))
    }

    fn flag(&mut self, key: &str) -> bool {
        self.take(key).is_some_and(|value| value.as_bool().expect("a flag"))
    }

    fn pair(&mut self, key: &str, default: [f64; 2]) -> [f64; 2] {
        self.take(key).map_or(default, |value| [0, 1].map(|index| value[index].as_f64().expect("two numbers")))
    }
}

fn trajectory<R: Rule>(
    case: &mut Case,
    make: fn(Vec<Param>, R) -> Result<Grouped<R>>,
    read: impl Fn(&mut Options) -> R,
) -> Result<()> {
    let params = Params::new(DType::F32, device(), Random::new(0, 0));
    let mut configs = Vec::new();
    while let Some(given) = case.config().get(format!("group{}", configs.len())) {
        let mut options = Options { given: given.as_object().expect("options").clone(), case };
        configs.push(read(&mut options));
        let left: Vec<_> = options.given.keys().collect();
        assert!(left.is_empty(), "{}: unknown options {left:?}", options.case.path().display());
    }
    let all = (0..configs.len())
        .map(|index| {
            let start = case.input(&format!("param.{index}"));
            let param = params.root().trained(&index.to_string(), start.dims(), Init::Constant(0.0))?;
            param.var().set(start)?;
            Ok(param)
        })
        .collect::<Result<Vec<_>>>()?;
    let given = case.inputs();
    let added = |group: usize| case.config()[format!("group{group}_added_before_step")].as_u64().unwrap_or(0);
    let added: Vec<_> = (0..all.len()).map(added).collect();

    let mut configs: Vec<_> = configs.into_iter().map(Some).collect();
    let mut optimizer = None;
    for step in 0..case.number("steps") {
        for (index, param) in all.iter().enumerate() {
            if added[index] != step as u64 {
                continue;
            }
            let config = configs[index].take().expect("a group is added once");
            match &mut optimizer {
                None => optimizer = Some(make(vec![param.clone()], config)?),
                Some(optimizer) => optimizer.add_group(vec![param.clone()], config)?,
            }
        }
        let mut loss = Tensor::new(0f32, device())?;
        for (index, param) in all.iter().enumerate() {
            let name = format!("grad.{step}.{index}");
            if given.contains(&name) {
                loss = (loss + (param.tensor() * case.input(&name))?.sum_all()?)?;
            }
        }
        optimizer.as_mut().expect("a group from the first step on").step(&loss.backward()?)?;
        for (index, param) in all.iter().enumerate() {
            case.expect_output(&format!("param.{step}.{index}"), &param.var().as_detached_tensor())?;
        }
    }
    Ok(())
}
