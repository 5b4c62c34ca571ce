//! Choosing the dictionary of a file that holds the network.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use candle_core::Tensor;

use super::names::{Item, Items, plain, views};
use crate::param::BATCH_COUNT;
use crate::tensors::Contents;

/// The keys under which a checkpoint's state dictionary is looked for first where several fit.
const USUAL: [&str; 10] =
    ["state_dict", "model", "model_state_dict", "net", "network", "params", "generator", "netG", "weights", "module"];

/// Words in keys of what is beside the weights of a network: an older, an averaged or another one.
const BESIDE: [&str; 29] = [
    "teacher",
    "init",
    "initial",
    "previous",
    "prev",
    "old",
    "older",
    "backup",
    "reference",
    "ref",
    "target",
    "pretrained",
    "frozen",
    "snapshot",
    "ema",
    "swa",
    "averaged",
    "average",
    "avg",
    "shadow",
    "slow",
    "original",
    "orig",
    "before",
    "delta",
    "m",
    "v",
    "mu",
    "nu",
];

/// Words in keys of what has the names of a network's weights and is something else: gradients, moments, masks.
const NEVER: [&str; 29] = [
    "grad",
    "grads",
    "gradient",
    "gradients",
    "optim",
    "optimizer",
    "optimizers",
    "optimiser",
    "optimisers",
    "opt",
    "moment",
    "moments",
    "momentum",
    "momenta",
    "velocity",
    "variance",
    "mask",
    "masks",
    "fisher",
    "hessian",
    "hess",
    "adam",
    "accumulator",
    "update",
    "updates",
    "delta",
    "deltas",
    "scheduler",
    "schedulers",
];

/// The beginnings of Adam's keys.
const ADAM: [&str; 3] = ["exp_avg", "exp_inf", "max_exp"];

/// How many parts a message lists.
const SHOWN: usize = 8;

/// Shapes by name.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// A family of networks that are recognised by names and shapes.
pub struct Family<A> {
    /// The network that tensors of these names and shapes belong to.
    pub recognise: fn(&Shapes) -> Option<A>,
    /// The names of a network's parameters.
    pub names: fn(&A) -> crate::Result<Vec<String>>,
}

/// What was found in a file.
pub struct Choice<A> {
    /// The network; `None` where there is none that can be used.
    pub network: Option<A>,
    /// The keys and modules that lead to its tensors, joined by dots.
    pub part: String,
    /// Its tensors, or the readable ones of the likeliest dictionary.
    pub tensors: BTreeMap<String, Tensor>,
    /// The other parts that hold a network.
    pub others: Vec<String>,
    /// The names beside the network's that cannot be read, and so were left out.
    pub left_out: Vec<String>,
    /// Why there is no network, where there is more to say than that none was recognised.
    pub problem: Option<String>,
}

impl<A> Choice<A> {
    /// What a user should know of the choice, one line each.
    pub fn notes(&self, path: &Path) -> Vec<String> {
        let (path, quoted) = (path.display(), |name: &String| format!("`{name}`"));
        let mut notes = Vec::new();
        if let [first, ..] = &self.others[..] {
            let part = if self.part.is_empty() { "the outermost dictionary".into() } else { quoted(&self.part) };
            let others: Vec<_> = self.others.iter().take(SHOWN).map(quoted).collect();
            notes.push(format!(
                "{path}: {part} is taken; {} could be taken too, with --part {first}",
                others.join(", ")
            ));
        }
        if !self.left_out.is_empty() {
            let names: Vec<_> =
                self.left_out.iter().take(SHOWN).map(|name| format!("`{}`", name.escape_debug())).collect();
            notes.push(format!(
                "{path}: left out, since the network has no such tensors and they are not floats: {}",
                names.join(", ")
            ));
        }
        notes
    }
}

/// A place in a file where a network may be.
struct Candidate {
    /// The keys of its dictionary, and the modules within.
    path: Vec<String>,
    /// How many of them are keys.
    depth: usize,
    items: Items,
}

/// What a candidate is.
enum Fit<A> {
    /// A network, and what beside it cannot be read.
    Network(A, Vec<String>),
    /// A network of which a tensor cannot be used.
    Unusable(String),
    /// No network of the family.
    No,
}

/// Finds the network of a family in a file, or in the part of it that `part` names. Of several the first is taken: the
/// outer before the nested, those under usual keys before others, and gradients, moments and masks never.
///
/// Fails with the reason where there is no such part.
pub fn choose<A>(contents: &Contents, part: Option<&str>, family: &Family<A>) -> Result<Choice<A>, String> {
    let mut candidates = candidates(contents, false);
    if let Some(part) = part {
        // Any module that a user names may be a network.
        candidates = named(candidates, part)
            .or_else(|unknown| named(self::candidates(contents, true), part).map_err(|_| unknown))?;
    }
    let mut fits: Vec<_> = candidates.iter().map(|candidate| fit(candidate, family)).collect();
    let networks: Vec<_> = (0..fits.len()).filter(|at| matches!(fits[*at], Fit::Network(..))).collect();
    let allowed = |at: &usize| part.is_some() || !is_never(&candidates[*at].path);
    let Some(first) = (0..fits.len()).filter(allowed).find(|at| !matches!(fits[*at], Fit::No)) else {
        let never = networks.first().map(|at| {
            let path = shown(&candidates[*at].path);
            format!("only `{path}` fits a network, and by its name it holds something else; --part {path} takes it")
        });
        let whole = contents.objects.iter().find(|(path, _)| may_be_network(path));
        let whole = whole.map(|(path, class)| whole_object(path, class));
        let problem = candidates.iter().find_map(first_unusable);
        let problem = whole.or(problem).map(|problem| format!("the weights of no known network: {problem}"));
        return Ok(candidates.swap_remove(0).without_network(contents, never.or(problem)));
    };
    let others = networks.into_iter().filter(|at| *at != first).map(|at| shown(&candidates[at].path)).collect();
    // What looks like the network and comes before it must not be passed over.
    let chosen = &candidates[first];
    let alike = |candidate: &Candidate| {
        let common = candidate.items.keys().filter(|name| chosen.items.contains_key(*name)).count();
        2 * common >= chosen.items.len() && !candidate.items.values().all(Item::is_integer)
    };
    let passed = candidates[..first].iter().filter(|candidate| alike(candidate)).find_map(first_unusable);
    let before = rank(&chosen.path, chosen.depth);
    let whole = contents.objects.iter().filter(|_| part.is_none());
    let whole = whole.filter(|(path, _)| may_be_network(path) && rank(path, path.len()) < before);
    let problem = passed.or_else(|| whole.map(|(path, class)| whole_object(path, class)).next());
    let chosen = candidates.swap_remove(first);
    match (problem, fits.swap_remove(first)) {
        (None, Fit::Network(network, left_out)) => {
            let wanted = chosen.items.iter().filter(|(name, _)| !left_out.contains(name));
            let tensors = wanted.map(|(name, item)| Ok((name.clone(), item.read(name, contents)?)));
            match tensors.collect::<Result<_, String>>() {
                Ok(tensors) => {
                    let part = shown(&chosen.path);
                    Ok(Choice { network: Some(network), part, tensors, others, left_out, problem: None })
                }
                Err(reason) => {
                    let reason = located(&reason, &chosen.path);
                    Ok(chosen.without_network(contents, Some(reason)))
                }
            }
        }
        (problem, fit) => {
            let unusable = match fit {
                Fit::Unusable(reason) => Some(reason),
                _ => None,
            };
            Ok(chosen.without_network(contents, problem.or(unusable)))
        }
    }
}

impl Candidate {
    /// The readable tensors, without a network.
    fn without_network<A>(self, contents: &Contents, problem: Option<String>) -> Choice<A> {
        let part = shown(&self.path);
        let readable = |(name, item): (String, Item)| item.read(&name, contents).ok().map(|tensor| (name, tensor));
        let tensors = self.items.into_iter().filter_map(readable).collect();
        Choice { network: None, part, tensors, others: vec![], left_out: vec![], problem }
    }
}

/// Whether a candidate is a network, by the tensors that can be read, and whether it needs others.
fn fit<A>(candidate: &Candidate, family: &Family<A>) -> Fit<A> {
    let Candidate { items, path, .. } = candidate;
    let is_count = |name: &str| name.rsplit('.').next() == Some(BATCH_COUNT);
    let shapes = |wanted: &dyn Fn(&str, &Item) -> bool| -> Shapes {
        let items = items.iter().filter(|(name, item)| wanted(name, item));
        items.filter_map(|(name, item)| Some((name.clone(), item.shape()?.clone()))).collect()
    };
    let mut unusable = items.iter().filter(|(name, item)| !item.is_float() && !is_count(name));
    let reason = |(name, item): (&String, &Item)| Fit::Unusable(located(&item.problem(name), path));
    if let Some(network) = (family.recognise)(&shapes(&|name, item| item.is_float() || is_count(name))) {
        let left_out: Vec<_> = unusable.clone().map(|(name, _)| name.clone()).collect();
        if left_out.is_empty() {
            return Fit::Network(network, left_out);
        }
        let names = (family.names)(&network).unwrap_or_default();
        let module = |name: &str| name.split('.').next().unwrap_or_default().to_string();
        // A module's further tensor may be one that the network's depth should have been counted by.
        let modules: HashSet<_> = names.iter().map(|name| module(name)).collect();
        return match unusable.find(|(name, _)| modules.is_empty() || modules.contains(&module(name))) {
            Some(needed) => reason(needed),
            None => Fit::Network(network, left_out),
        };
    }
    if (family.recognise)(&shapes(&|_, _| true)).is_none() || items.values().all(Item::is_integer) && !is_usual(path) {
        return Fit::No;
    }
    unusable.next().map_or(Fit::No, reason)
}

/// The reason why a candidate's first unreadable tensor cannot be read.
fn first_unusable(candidate: &Candidate) -> Option<String> {
    let Candidate { items, path, .. } = candidate;
    let (name, item) = items.iter().find(|(_, item)| item.is_unreadable())?;
    Some(located(&item.problem(name), path))
}

/// The places where a network may be, the likeliest first; with `any`, all modules are.
fn candidates(contents: &Contents, any: bool) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for dictionary in &contents.dictionaries {
        for (modules, items) in views(plain(dictionary), any) {
            let path = [&dictionary.keys[..], &modules].concat();
            candidates.push(Candidate { path, depth: dictionary.keys.len(), items });
        }
    }
    candidates.sort_by_cached_key(|candidate| rank(&candidate.path, candidate.depth));
    candidates
}

/// Those of the part that was asked for: by its whole path, or by the end of it.
fn named(candidates: Vec<Candidate>, part: &str) -> Result<Vec<Candidate>, String> {
    let paths: Vec<_> = candidates.iter().map(|candidate| candidate.path.join(".")).collect();
    let end = format!(".{part}");
    let is_part: Vec<_> = match paths.iter().any(|path| path == part) {
        true => paths.iter().map(|path| path == part).collect(),
        false => paths.iter().map(|path| path.ends_with(&end)).collect(),
    };
    // What is below the part too: `state_dict` for `state_dict.model`, `ema` for `ema.state_dict`.
    let below = [format!("{part}."), format!(".{part}.")];
    let is_below = |path: &String| path.starts_with(&below[0]) || path.contains(&below[1]);
    let is_part: Vec<_> = paths.iter().zip(is_part).map(|(path, is_part)| is_part || is_below(path)).collect();
    let wanted = is_part.iter().filter(|is_part| **is_part).count();
    if wanted == 0 {
        let mut known: Vec<_> =
            paths.iter().filter(|path| !path.is_empty()).map(|path| format!("`{}`", path.escape_debug())).collect();
        known.sort();
        known.dedup();
        let more = known.len().saturating_sub(SHOWN);
        known.truncate(SHOWN);
        let known = if known.is_empty() { "none".to_string() } else { known.join(", ") };
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        return Err(format!("it has no part `{}`; the parts are {known}{more}", part.escape_debug()));
    }
    Ok(candidates.into_iter().zip(is_part).filter(|(_, is_part)| *is_part).map(|(candidate, _)| candidate).collect())
}

/// The order of candidates: the smallest first.
fn rank(path: &[String], depth: usize) -> (bool, bool, usize, usize, usize) {
    let usual = |keys: &[String]| {
        let last = keys.last().and_then(|last| USUAL.iter().position(|key| key == last));
        last.unwrap_or(USUAL.len())
    };
    (is_never(path), has(path, &BESIDE), depth, usual(&path[..depth]), path.len())
}

fn is_usual(path: &[String]) -> bool {
    path.last().is_some_and(|last| USUAL.contains(&last.as_str()))
}

/// Whether an object of a class at this place may be the network itself; `params` may be settings.
fn may_be_network(path: &[String]) -> bool {
    is_usual(path) && path.last().is_some_and(|last| last != "params")
}

/// Whether keys lead to gradients, moments or masks.
fn is_never(path: &[String]) -> bool {
    has(path, &NEVER) || path.iter().any(|key| ADAM.iter().any(|start| key.starts_with(start)))
}

/// Whether a word is part of a key.
fn has(path: &[String], words: &[&str]) -> bool {
    path.iter().any(|key| key_words(key).iter().any(|part| words.contains(&part.as_str())))
}

/// The words of a key, in lower case: `lastGrad` and `last_grad` have two.
fn key_words(key: &str) -> Vec<String> {
    let (mut words, mut before) = (vec![String::new()], ' ');
    for letter in key.chars() {
        if !letter.is_alphabetic() || before.is_lowercase() && letter.is_uppercase() {
            words.push(String::new());
        }
        if letter.is_alphabetic() {
            words.last_mut().expect("there is one").extend(letter.to_lowercase());
        }
        before = letter;
    }
    words
}

fn shown(path: &[String]) -> String {
    path.join(".").escape_debug().to_string()
}

fn located(reason: &str, path: &[String]) -> String {
    if path.is_empty() { reason.to_string() } else { format!("in `{}`, {reason}", shown(path)) }
}

fn whole_object(path: &[String], class: &str) -> String {
    format!(
        "`{}` is a whole object, of `{}`, which only its program can read; save its state_dict(), or choose another \
         part with --part",
        shown(path),
        class.escape_debug()
    )
}

#[cfg(test)]
mod tests;
