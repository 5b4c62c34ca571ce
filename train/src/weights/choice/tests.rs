use candle_core::{DType, Device};

use super::*;
use crate::tensors::{self, Data, Dictionary, Entry};
use crate::weights::NETWORKS;
use easel_runtime::card::Architecture;

type Tensors = BTreeMap<String, Tensor>;

fn full(value: f32, dims: &[usize]) -> Tensor {
    Tensor::full(value, dims, &Device::Cpu).unwrap()
}

/// A network for tables of 3 columns, 8 and 5 hidden units and 4 classes, all of whose weights have one value.
fn mlp(value: f32) -> Tensors {
    let shapes: [(&str, &[usize]); 8] = [
        ("features.mean", &[3]),
        ("features.scale", &[3]),
        ("layers.0.weight", &[8, 3]),
        ("layers.0.bias", &[8]),
        ("layers.2.weight", &[5, 8]),
        ("layers.2.bias", &[5]),
        ("layers.4.weight", &[4, 5]),
        ("layers.4.bias", &[4]),
    ];
    shapes.into_iter().map(|(name, dims)| (name.to_string(), full(value, dims))).collect()
}

fn renamed(tensors: &Tensors, name: impl Fn(&str) -> String) -> Tensors {
    tensors.iter().map(|(old, tensor)| (name(old), tensor.clone())).collect()
}

fn cast(tensors: &Tensors, dtype: DType) -> Tensors {
    tensors.iter().map(|(name, tensor)| (name.clone(), tensor.to_dtype(dtype).unwrap())).collect()
}

/// Looks at a file of dictionaries, each at its path, after a change of them.
fn look(
    dictionaries: &[(&str, Tensors)],
    part: Option<&str>,
    change: impl FnOnce(&mut Vec<Dictionary>),
) -> Result<Choice<Architecture>, String> {
    let all = dictionaries.iter().flat_map(|(path, tensors)| renamed(tensors, |name| format!("{path}/{name}")));
    let bytes = safetensors::serialize(all.collect::<Tensors>(), None).unwrap();
    let mut contents = tensors::read(&bytes).unwrap();
    let entries = contents.dictionaries.remove(0).entries;
    let dictionary = |(path, _): &(&str, Tensors)| Dictionary {
        keys: path.split('.').filter(|key| !key.is_empty()).map(String::from).collect(),
        entries: entries
            .iter()
            .filter_map(|(name, entry)| Some((name.strip_prefix(path)?.strip_prefix('/')?.to_string(), entry.clone())))
            .collect(),
    };
    contents.dictionaries = dictionaries.iter().map(dictionary).collect();
    change(&mut contents.dictionaries);
    choose(&contents, part, &NETWORKS)
}

fn chosen(dictionaries: &[(&str, Tensors)], part: Option<&str>) -> Choice<Architecture> {
    look(dictionaries, part, |_| ()).unwrap()
}

fn value(tensor: &Tensor) -> f32 {
    tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap()[0]
}

fn sizes(choice: &Choice<Architecture>) -> String {
    choice.network.as_ref().map(|network| network.sizes["hidden"].to_string()).unwrap_or_default()
}

#[test]
fn the_models_own_dictionary_is_taken() {
    for path in ["", "state_dict", "model", "mine", "checkpoint.net"] {
        for other in
            ["teacher", "init", "previous.state_dict", "grads", "exp_avg", "optimizer.momentum", "ema", "a.b.c"]
        {
            let choice = chosen(&[(other, mlp(0.0)), (path, mlp(1.0))], None);
            assert_eq!((choice.part.as_str(), value(&choice.tensors["layers.4.bias"])), (path, 1.0), "{other}");
            assert_eq!(choice.others, [other]);
            assert!(choice.notes(Path::new("f"))[0].contains(&format!("--part {other}")));
        }
        for dtype in [DType::U8, DType::I64] {
            let choice = chosen(&[("bits", cast(&mlp(0.0), dtype)), (path, mlp(1.0))], None);
            assert_eq!((choice.part.as_str(), choice.others.len()), (path, 0));
        }
    }
    // Gradients alone are no network, unless a user says so.
    let choice = chosen(&[("grads", mlp(1.0))], None);
    assert!(choice.network.is_none() && choice.problem.unwrap().contains("--part grads"));
    assert!(chosen(&[("grads", mlp(1.0))], Some("grads")).network.is_some());
}

#[test]
fn a_part_is_chosen_by_its_path_or_the_end_of_it() {
    let file = [("model", mlp(0.0)), ("ema", mlp(1.0)), ("sets.last", mlp(2.0))];
    for (part, path, expected) in [("model", "model", 0.0), ("ema", "ema", 1.0), ("last", "sets.last", 2.0)] {
        let choice = chosen(&file, Some(part));
        assert_eq!((choice.part.as_str(), value(&choice.tensors["layers.0.bias"])), (path, expected));
    }
    let error = look(&file, Some("emma"), |_| ()).err().unwrap();
    assert!(error.contains("`emma`") && error.contains("`ema`") && error.contains("`sets.last`"), "{error}");
}

#[test]
fn wrappers_are_removed_wherever_they_are() {
    let (first, second) = (mlp(1.0), mlp(0.0));
    for prefix in [
        "module.",
        "_orig_mod.module.",
        "module._orig_mod.module.",
        "module.module.",
        "_fsdp_wrapped_module.",
        "model.",
        "net.model.",
        "generator.",
        "my_own.name.",
    ] {
        let choice = chosen(&[("", renamed(&first, |name| format!("{prefix}{name}")))], None);
        assert_eq!(choice.tensors.keys().collect::<Vec<_>>(), first.keys().collect::<Vec<_>>(), "{prefix}");
    }
    for infix in ["_orig_mod", "_fsdp_wrapped_module._checkpoint_wrapped_module", "module"] {
        let inside = renamed(&first, |name| name.replace("layers.2.", &format!("layers.2.{infix}.")));
        assert_eq!(sizes(&chosen(&[("", inside)], None)), "[8,5]", "{infix}");
    }
    let mut averaged = renamed(&first, |name| format!("module.{name}"));
    averaged.insert("n_averaged".into(), Tensor::new(3i64, &Device::Cpu).unwrap());
    let choice = chosen(&[("", averaged)], None);
    assert_eq!((sizes(&choice).as_str(), choice.left_out.len()), ("[8,5]", 0));
    let mut both = renamed(&first, |name| format!("generator.{name}"));
    both.insert("discriminator.weight".into(), full(0.0, &[2, 2]));
    both.extend(renamed(&second, |name| format!("ema.{name}")));
    let choice = chosen(&[("state_dict", both)], None);
    assert_eq!(
        (choice.part.as_str(), &choice.others[..]),
        ("state_dict.generator", &["state_dict.ema".to_string()][..])
    );
    let mut twice = first.clone();
    twice.insert("module.layers.4.bias".into(), full(0.0, &[4]));
    assert!(chosen(&[("", twice)], None).problem.unwrap().contains("`layers.4.bias` is there twice"));
}

#[test]
fn only_a_tensor_that_is_needed_refuses() {
    let unreadable = |shape| Entry::unreadable("int8", shape, "SOMETHING");
    let with = |name: &'static str, entry: Entry| {
        look(&[("", mlp(1.0)), ("ema", mlp(0.0))], None, move |dictionaries| {
            dictionaries[0].entries.insert(name.into(), entry);
        })
        .unwrap()
    };
    for entry in [unreadable(Some(vec![9])), Entry { data: Data::Object("a list".into()), ..unreadable(None) }] {
        let choice = with("extra.scale", entry);
        assert_eq!((sizes(&choice).as_str(), &choice.left_out[..]), ("[8,5]", &["extra.scale".to_string()][..]));
        assert!(choice.notes(Path::new("f")).iter().any(|note| note.contains("`extra.scale`")));
    }
    // By any of these the network would be another one.
    for name in ["layers.0.weight", "layers.4.weight", "layers.4.bias", "layers.6.weight", "features.mean"] {
        for shape in [None, Some(vec![4, 5])] {
            let choice = with(name, unreadable(shape));
            let problem = choice.problem.unwrap();
            assert!(choice.network.is_none() && problem.contains(&format!("`{name}`")), "{problem}");
        }
    }
    let mut whole = mlp(1.0);
    whole.insert("layers.2.weight".into(), Tensor::zeros((5, 8), DType::I64, &Device::Cpu).unwrap());
    assert!(chosen(&[("", whole)], None).problem.unwrap().contains("`layers.2.weight`"));
}

#[test]
fn parametrised_weights_are_computed_or_refused() {
    let replaced = |parts: Vec<(&str, Tensor)>| {
        let mut tensors = mlp(1.0);
        tensors.remove("layers.2.weight");
        tensors.extend(parts.into_iter().map(|(name, tensor)| (format!("layers.2.{name}"), tensor)));
        chosen(&[("", tensors)], None)
    };
    let computed = |parts| value(&replaced(parts).tensors["layers.2.weight"]);
    // Eight equal elements of norm 1, or forty.
    let (g, v) = (full(6.0, &[5, 1]), full(3.0, &[5, 8]));
    let norm = |count: f32| 6.0 / count.sqrt();
    let weight = "parametrizations.weight";
    let newer = [format!("{weight}.original0"), format!("{weight}.original1")];
    assert!((computed(vec![(&newer[0], g.clone()), (&newer[1], v.clone())]) - norm(8.0)).abs() < 1e-6);
    assert!((computed(vec![("weight_g", g), ("weight_v", v.clone())]) - norm(8.0)).abs() < 1e-6);
    assert!((computed(vec![("weight_g", full(6.0, &[1, 8])), ("weight_v", v.clone())]) - norm(5.0)).abs() < 1e-6);
    assert!((computed(vec![("weight_g", full(6.0, &[])), ("weight_v", v.clone())]) - norm(40.0)).abs() < 1e-6);
    assert_eq!(computed(vec![("weight_orig", v.clone()), ("weight_mask", full(0.0, &[5, 8]))]), 0.0);
    let (u, w) = (full(1.0, &[5]), full(1.0, &[8]));
    for parts in [
        vec![("weight_orig", v.clone()), ("weight_u", u.clone()), ("weight_v", w.clone())],
        vec![
            (&*format!("{weight}.original"), v.clone()),
            (&*format!("{weight}.0._u"), u),
            (&*format!("{weight}.0._v"), w),
        ],
    ] {
        let problem = replaced(parts).problem.unwrap();
        assert!(problem.contains("`layers.2.weight`") && problem.contains("remove_parametrizations"), "{problem}");
    }
}
