//! The names under which a network's tensors are found in a dictionary: without what wrappers add, with parametrised
//! weights computed, and below the names of modules that hold the network.

use std::collections::BTreeMap;

use candle_core::Tensor;

use crate::tensors::{Contents, Data, Dictionary, Entry};

/// The parts of names that `DataParallel`, `AveragedModel`, `torch.compile`, FSDP, activation checkpointing and DeepSpeed add.
const WRAPPERS: [&str; 6] =
    ["module", "_orig_mod", "_fsdp_wrapped_module", "_fpw_module", "_checkpoint_wrapped_module", "_forward_module"];

/// Values beside the weights that belong to no network: a wrapper's counter and what modules save of their own.
const BESIDE: [&str; 2] = ["n_averaged", "_extra_state"];

/// The names of modules in which a larger one, such as Lightning's, holds the network beside others.
const HOLDERS: [&str; 40] = [
    "model",
    "net",
    "network",
    "nn",
    "generator",
    "gen",
    "g",
    "netg",
    "net_g",
    "g_net",
    "decoder",
    "denoiser",
    "unet",
    "eps_model",
    "diffusion_model",
    "classifier",
    "stylizer",
    "transformer",
    "student",
    "student_model",
    "online",
    "online_model",
    "backbone",
    "cnn",
    "policy_net",
    "target_net",
    "critic",
    "discriminator",
    "mlp",
    "lenet",
    "vgg",
    "features_net",
    "feature_extractor",
    "loss_network",
    "ema",
    "ema_model",
    "model_ema",
    "g_ema",
    "generator_ema",
    "teacher",
];

/// The deepest nesting of modules that hold the network.
const MAX_DEPTH: usize = 6;

/// A tensor of a dictionary under its plain name.
#[derive(Debug, Clone)]
pub enum Item {
    /// As it is in the file.
    Plain(Entry),
    /// `v * g / |v|`, with the norm over the dimensions in which `g` has one element.
    WeightNorm {
        /// The magnitudes.
        g: Entry,
        /// The directions.
        v: Entry,
    },
    /// Pruned: a product.
    Masked {
        /// The weights.
        weight: Entry,
        /// Zeros and ones of the same shape.
        mask: Entry,
    },
    /// Not readable, and why.
    Unusable {
        /// Its shape, where it is known.
        shape: Option<Vec<usize>>,
        /// The reason, which follows on the name.
        reason: String,
    },
}

/// Tensors by their plain names.
pub type Items = BTreeMap<String, Item>;

impl Item {
    /// The shape, where it is known.
    pub fn shape(&self) -> Option<&Vec<usize>> {
        match self {
            Self::Plain(entry) | Self::WeightNorm { v: entry, .. } | Self::Masked { weight: entry, .. } => {
                entry.shape.as_ref()
            }
            Self::Unusable { shape, .. } => shape.as_ref(),
        }
    }

    /// Whether it is a tensor of floats that can be read.
    pub fn is_float(&self) -> bool {
        match self {
            Self::Plain(entry) | Self::Masked { weight: entry, .. } => entry.is_float(),
            Self::WeightNorm { g, v } => g.is_float() && v.is_float(),
            Self::Unusable { .. } => false,
        }
    }

    /// Whether it is a tensor of booleans or integers.
    pub fn is_integer(&self) -> bool {
        matches!(self, Self::Plain(entry) if entry.is_integer())
    }

    /// Whether it is a tensor that cannot be read.
    pub fn is_unreadable(&self) -> bool {
        match self {
            Self::Plain(entry) => matches!(entry.data, Data::Unreadable(_)),
            Self::WeightNorm { .. } | Self::Masked { .. } => false,
            Self::Unusable { .. } => true,
        }
    }

    /// Why it is no tensor of floats, with its name.
    pub fn problem(&self, name: &str) -> String {
        let name = name.escape_debug();
        match self {
            Self::Plain(Entry { data: Data::Unreadable(reason), .. }) => {
                format!("the tensor `{name}` cannot be read: {reason}")
            }
            Self::Plain(Entry { data: Data::Object(what), .. }) => format!("`{name}` is not a tensor but {what}"),
            Self::Unusable { reason, .. } => format!("the tensor `{name}` {reason}"),
            Self::Plain(entry) => format!("the elements of the tensor `{name}` are {}, not floats", entry.dtype),
            Self::WeightNorm { .. } | Self::Masked { .. } => format!("the parts of the tensor `{name}` are not floats"),
        }
    }

    /// Reads the tensor. The error is the reason and names it.
    pub fn read(&self, name: &str, contents: &Contents) -> Result<Tensor, String> {
        let one = |entry| contents.read([(name, entry)]).map(|mut tensors| tensors.remove(name).expect("it was read"));
        let computed = match self {
            Self::Plain(entry) => return one(entry),
            Self::WeightNorm { g, v } => weight_norm(&one(g)?, &one(v)?),
            Self::Masked { weight, mask } => {
                let (weight, mask) = (one(weight)?, one(mask)?);
                mask.to_dtype(weight.dtype()).and_then(|mask| weight * mask)
            }
            Self::Unusable { .. } => return Err(self.problem(name)),
        };
        computed.map_err(|_| format!("the tensor `{}` cannot be computed from its parts", name.escape_debug()))
    }
}

/// In float64, as exactly as the parts allow; the result has their type.
fn weight_norm(g: &Tensor, v: &Tensor) -> candle_core::Result<Tensor> {
    let dtype = v.dtype();
    let [g, v] = [g, v].map(|tensor| tensor.to_dtype(candle_core::DType::F64));
    let (g, v) = (g?, v?);
    let mut norm = v.sqr()?;
    for axis in 0..v.rank() {
        if g.dims().get(axis).is_none_or(|size| *size == 1) {
            norm = norm.sum_keepdim(axis)?;
        }
    }
    let norm = norm.sqrt()?;
    let g = if g.rank() == 0 { g.reshape(vec![1; v.rank()])? } else { g };
    v.broadcast_mul(&g.div(&norm)?)?.to_dtype(dtype)
}

/// A dictionary's values under their plain names.
pub fn plain(dictionary: &Dictionary) -> Items {
    let mut items = Items::new();
    for (name, entry) in &dictionary.entries {
        let parts: Vec<_> = name.split('.').filter(|part| !WRAPPERS.contains(part)).collect();
        if parts.is_empty() || BESIDE.contains(parts.last().unwrap_or(&"")) {
            continue;
        }
        let name = parts.join(".");
        let twice =
            Item::Unusable { shape: entry.shape.clone(), reason: "is there twice, in and out of a wrapper".into() };
        items.entry(name).and_modify(|item| *item = twice).or_insert_with(|| Item::Plain(entry.clone()));
    }
    for base in parametrised(&items) {
        let item = compute(&items, &base);
        let within = parts_of(&base);
        items
            .retain(|name, _| !within.iter().any(|part| name == part || part.ends_with('.') && name.starts_with(part)));
        items.insert(base, item);
    }
    items
}

/// `layer.weight` as `layer` and `weight`.
fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').map_or(("", name), |(layer, name)| (layer, name))
}

/// The parts from which PyTorch computes a parametrised weight: names, and beginnings of names that end in a dot.
fn parts_of(base: &str) -> Vec<String> {
    let (layer, name) = split(base);
    let dot = if layer.is_empty() { "" } else { "." };
    let older = ["orig", "mask", "g", "v", "u"].map(|part| format!("{base}_{part}"));
    [format!("{layer}{dot}parametrizations.{name}.")].into_iter().chain(older).collect()
}

/// The names of parametrised weights.
fn parametrised(items: &Items) -> Vec<String> {
    let mut names: Vec<_> = items
        .keys()
        .filter_map(|name| {
            if let Some((layer, rest)) = name.rsplit_once("parametrizations.") {
                return Some(format!("{layer}{}", rest.split('.').next()?));
            }
            let directions = |base: &str| match (items.get(name), items.get(&format!("{base}_v"))) {
                (Some(Item::Plain(g)), Some(Item::Plain(v))) => is_weight_norm(g, v),
                _ => false,
            };
            let older = name.strip_suffix("_orig");
            older.or_else(|| name.strip_suffix("_g").filter(|base| directions(base))).map(String::from)
        })
        .filter(|base| !items.contains_key(base))
        .collect();
    names.dedup();
    names
}

fn compute(items: &Items, base: &str) -> Item {
    let (layer, name) = split(base);
    let dot = if layer.is_empty() { "" } else { "." };
    let newer = format!("{layer}{dot}parametrizations.{name}.");
    let entry = |name: String| match items.get(&name) {
        Some(Item::Plain(entry)) => Some(entry.clone()),
        _ => None,
    };
    let count = items.keys().filter(|name| name.starts_with(&newer)).count();
    let (original, older) = (entry(format!("{newer}original")), entry(format!("{base}_orig")));
    let directions = match count {
        0 => entry(format!("{base}_g")).zip(entry(format!("{base}_v"))),
        2 => entry(format!("{newer}original0")).zip(entry(format!("{newer}original1"))),
        _ => None,
    };
    if let (None, Some((g, v))) = (&older, directions)
        && is_weight_norm(&g, &v)
    {
        return Item::WeightNorm { g, v };
    }
    if let Some((weight, mask)) = older.clone().zip(entry(format!("{base}_mask")))
        && weight.shape.is_some()
        && weight.shape == mask.shape
    {
        return Item::Masked { weight, mask };
    }
    let shape = original.or(older).or_else(|| entry(format!("{newer}original1"))).and_then(|entry| entry.shape);
    let reason = "is computed from others by a parametrisation, such as spectral norm, that a state dictionary does not \
                  name; before you save it call torch.nn.utils.parametrize.remove_parametrizations(layer, NAME), or \
                  torch.nn.utils.remove_spectral_norm(layer)";
    Item::Unusable { shape, reason: reason.into() }
}

/// Whether magnitudes are one for all directions or one for each index of one dimension.
fn is_weight_norm(g: &Entry, v: &Entry) -> bool {
    let (Some(g), Some(v)) = (&g.shape, &v.shape) else { return false };
    let along = g.iter().zip(v).filter(|(g, _)| **g != 1).count();
    g.is_empty() || g.len() == v.len() && along <= 1 && g.iter().zip(v).all(|(g, v)| *g == 1 || g == v)
}

/// The places in a dictionary where a network may be, each with the modules' names that lead to it: the dictionary, what
/// is below the first part of all its names, and below those parts that usually hold a network, or with `any` below all.
pub fn views(items: Items, any: bool) -> Vec<(Vec<String>, Items)> {
    let mut views = vec![(Vec::new(), items)];
    let mut at = 0;
    while at < views.len() {
        let (prefix, items) = &views[at];
        let mut children: BTreeMap<&str, Items> = BTreeMap::new();
        let mut deeper = 0;
        for (name, item) in items {
            if let Some((first, rest)) = name.split_once('.') {
                children.entry(first).or_default().insert(rest.to_string(), item.clone());
                deeper += 1;
            }
        }
        let all = any || children.len() == 1 && deeper == items.len();
        children.retain(|first, _| all || HOLDERS.contains(&first.to_lowercase().trim_matches('_')));
        let children = children.into_iter().map(|(first, items)| ([&prefix[..], &[first.to_string()]].concat(), items));
        let children: Vec<_> = children.filter(|(prefix, _)| prefix.len() <= MAX_DEPTH).collect();
        views.extend(children);
        at += 1;
    }
    views
}
