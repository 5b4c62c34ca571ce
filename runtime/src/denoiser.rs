//! Pictures from noise, by a denoiser and a sampler.

use std::fmt;
use std::str::FromStr;

use crate::card::{Kind, PictureFormat, PictureSize, Prediction};
use crate::predictor::OnHost;
use crate::samplers::{Ddim, Linear, Progress, ancestral, ddim, dpm_solver};
use crate::{Engine, Error, ModelCard, Predictor, Random, Result, Schedule, Tensor};

/// The way from noise to a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampler {
    /// Every time of the schedule, with fresh noise at each; see [`ancestral`].
    Ancestral,
    /// Some times; see [`ddim`].
    Ddim {
        /// How much fresh noise each step adds, from 0 to 1.
        eta: f64,
    },
    /// Some times, of second order; see [`dpm_solver`].
    DpmSolver,
}

impl Sampler {
    /// The names that can be read.
    pub const NAMES: [&str; 3] = ["ancestral", "ddim", "dpm-solver"];

    /// The name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ancestral => Self::NAMES[0],
            Self::Ddim { .. } => Self::NAMES[1],
            Self::DpmSolver => Self::NAMES[2],
        }
    }
}

impl fmt::Display for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Sampler {
    type Err = Error;

    /// DDIM comes with eta 0.
    fn from_str(name: &str) -> Result<Self> {
        [Self::Ancestral, Self::Ddim { eta: 0.0 }, Self::DpmSolver]
            .into_iter()
            .find(|sampler| sampler.name() == name)
            .ok_or_else(|| {
                let known = Self::NAMES.join(", ");
                Error::Sampling(format!("there is no sampler `{name}`; give one of {known}"))
            })
    }
}

/// One picture of all that a denoiser can make. It is the same in every batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Draw {
    /// Its class.
    pub label: usize,
    /// The seed of its noise.
    pub seed: u64,
    /// Its number among those of its class and seed.
    pub number: u32,
}

impl Draw {
    /// Its noise: every picture of a seed takes another stream.
    fn noise(&self) -> Random {
        Random::new(self.seed, (self.label as u64) << 32 | u64::from(self.number))
    }
}

/// What pictures are to be made, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The pictures.
    pub draws: Vec<Draw>,
    /// The way there.
    pub sampler: Sampler,
    /// How many of the schedule's times are visited; the ancestral sampler visits all.
    pub steps: usize,
    /// How far beyond the prediction without a class that with one is followed (Ho and Salimans 2022, arXiv 2207.12598,
    /// where this is `1 + w`): 1 is the prediction as it is, and the only one without a null label.
    pub guidance: f64,
}

/// What there is to know of a denoiser to sample from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Denoiser {
    /// The number of classes.
    pub classes: usize,
    /// How much noise there is at which time.
    pub schedule: Schedule,
    /// What is predicted.
    pub prediction: Prediction,
    /// The label that stands for any class, where the network was trained for guidance.
    pub null_label: Option<usize>,
    /// The pictures' channels, height and width.
    pub picture: [usize; 3],
}

impl Denoiser {
    /// As a card says. Fails where it is of another kind of model, or its pictures have no size.
    pub fn new(card: &ModelCard) -> Result<Self> {
        let &Kind::Denoiser { class_count, schedule, prediction, null_label } = &card.kind else {
            return Err(Error::WrongKind { found: card.kind.name(), wanted: "denoiser" });
        };
        let &PictureFormat { channels, size: PictureSize::Fixed { height, width } } = card.pictures()? else {
            return Err(Error::BadCard("a denoiser's pictures need a size".into()));
        };
        let picture = [channels, height, width];
        Ok(Self { classes: class_count, schedule: schedule.schedule()?, prediction, null_label, picture })
    }

    /// The guidance unless told: a little where the network was trained for it, since the shipped model's pictures are
    /// both truer to their class and nearer to real ones with it, and else none.
    pub fn usual_guidance(&self) -> f64 {
        if self.null_label.is_some() { 1.5 } else { 1.0 }
    }

    /// The steps to take unless told: all of them with the ancestral sampler, 20 with the others.
    pub fn usual_steps(&self, sampler: &Sampler) -> usize {
        let all = self.schedule.steps();
        if *sampler == Sampler::Ancestral { all } else { all.min(20) }
    }

    /// Fails where a request cannot be met: no pictures, a label out of range, a number of steps that the schedule does
    /// not have, a guidance that is no finite number or that the network was not trained for.
    pub fn check(&self, request: &Request) -> Result<()> {
        let Request { draws, sampler, steps, guidance } = request;
        if draws.is_empty() {
            return refuse("no pictures are asked for; give a class for each".into());
        }
        if let Some(Draw { label, .. }) = draws.iter().find(|draw| draw.label >= self.classes) {
            return refuse(format!("there is no class {label}; give one from 0 to {}", self.classes - 1));
        }
        if !(*guidance as f32).is_finite() {
            return refuse(format!("the guidance is {guidance}; give a finite number, 1 for none"));
        }
        if *guidance != 1.0 && self.null_label.is_none() {
            return refuse(format!("a guidance of {guidance} for a model that was not trained for it; leave it away"));
        }
        let all = self.schedule.steps();
        match sampler {
            Sampler::Ancestral if *steps != all => refuse(format!(
                "{steps} steps of the ancestral sampler, which takes all {all}; choose another for fewer"
            )),
            Sampler::Ddim { eta } if !(0.0..=1.0).contains(eta) => {
                refuse(format!("DDIM's eta is {eta}; give a number from 0 to 1"))
            }
            _ => self.schedule.spaced(*steps).map(drop),
        }
    }

    /// Runs the model as often as the request takes: pictures `[batch, channel, height, width]` in `[0, 1]`. Before the
    /// first step and after each, `watch` is shown how far it is; [`pictures`] makes its x visible.
    pub async fn sample<E: Engine>(
        &self,
        engine: &mut E,
        request: &Request,
        watch: impl FnMut(Progress),
    ) -> Result<Tensor> {
        self.sample_on(&mut OnHost(engine), request, watch).await
    }

    /// The same, with tensors that stay where the model is.
    pub async fn sample_on<P: Predictor>(
        &self,
        model: &mut P,
        request: &Request,
        mut watch: impl FnMut(Progress<P::Value>),
    ) -> Result<Tensor> {
        self.check(request)?;
        let Request { draws, sampler, steps, guidance } = request;
        let labels: Vec<usize> = draws.iter().map(|draw| draw.label).collect();
        let mut noises: Vec<Random> = draws.iter().map(Draw::noise).collect();
        let pixels: usize = self.picture.iter().product();
        let mut fresh = move || noises.iter_mut().flat_map(|noise| noise.normals(pixels)).collect::<Vec<f32>>();
        let x = model.place(Tensor::new([&[labels.len()], &self.picture[..]].concat(), fresh())?)?;
        watch(Progress { done: 0, of: *steps, x: &x });
        let noise = |_| Ok(fresh());
        let denoise = async |x: &P::Value, t: usize| self.noise(model, x, t, &labels, *guidance).await;
        let schedule = &self.schedule;
        let x = match *sampler {
            Sampler::Ancestral => ancestral(schedule, x, denoise, noise, watch).await?,
            Sampler::Ddim { eta } => {
                let options = Ddim { times: schedule.spaced(*steps)?, eta };
                ddim(schedule, &options, x, denoise, noise, watch).await?
            }
            Sampler::DpmSolver => dpm_solver(schedule, &schedule.trailing(*steps)?, x, denoise, watch).await?,
        };
        let x = x.to_tensor()?;
        if !x.as_f32()?.iter().all(|value| value.is_finite()) {
            return refuse("the numbers grew beyond all bounds; try less guidance, or another sampler".into());
        }
        pictures(&x)
    }

    /// The noise that the model finds in x at time t, guided.
    async fn noise<P: Predictor>(
        &self,
        model: &mut P,
        x: &P::Value,
        t: usize,
        labels: &[usize],
        guidance: f64,
    ) -> Result<P::Value> {
        let count = labels.len();
        let ints = |values: Vec<i64>| Tensor::new([count], values);
        let time = ints(vec![t as i64; count])?;
        let with = ints(labels.iter().map(|&label| label as i64).collect())?;
        let mut found = model.predict(x, &time, &with).await?;
        if let Some(null) = self.null_label.filter(|_| guidance != 1.0) {
            let without = model.predict(x, &time, &ints(vec![null as i64; count])?).await?;
            found = Linear::combine(&[(1.0 - guidance, &without), (guidance, &found)])?;
        }
        if self.prediction == Prediction::Velocity {
            let bar = self.schedule.alpha_bars()[t];
            found = Linear::combine(&[(bar.sqrt(), &found), ((1.0 - bar).sqrt(), x)])?;
        }
        Ok(found)
    }
}

fn refuse<T>(what: String) -> Result<T> {
    Err(Error::Sampling(what))
}

/// What is seen of x in noise space, `[-1, 1]` and beyond: the same in `[0, 1]`.
pub fn pictures(x: &Tensor) -> Result<Tensor> {
    Tensor::new(x.shape(), x.as_f32()?.iter().map(|x| (0.5 * (x + 1.0)).clamp(0.0, 1.0)).collect::<Vec<f32>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samplers::tests::ready;

    /// Knows the one picture of each class, `label / 10` everywhere, and predicts exactly; the null label stands for 0.
    struct Exact {
        schedule: Schedule,
        prediction: Prediction,
        runs: usize,
    }

    impl Engine for Exact {
        fn describe(&self) -> String {
            "exact".into()
        }

        async fn run(&mut self, inputs: &[(&str, &Tensor)]) -> Result<Vec<(String, Tensor)>> {
            self.runs += 1;
            let [("x", x), ("t", t), ("label", label)] = inputs else { panic!("{inputs:?}") };
            let ints = |tensor: &Tensor| match tensor.data() {
                crate::tensor::Data::I64(values) => values.clone(),
                other => panic!("{other:?}"),
            };
            let (t, label) = (ints(t), ints(label));
            let pixels = x.as_f32()?.len() / label.len();
            let predict = |(at, x): (usize, &f32)| {
                let (bar, label) = (self.schedule.alpha_bars()[t[at / pixels] as usize], label[at / pixels]);
                let picture = if label == 10 { 0.0 } else { label as f64 / 10.0 };
                let noise = (f64::from(*x) - bar.sqrt() * picture) / (1.0 - bar).sqrt();
                match self.prediction {
                    Prediction::Noise => noise as f32,
                    Prediction::Velocity => (bar.sqrt() * noise - (1.0 - bar).sqrt() * picture) as f32,
                }
            };
            let values: Vec<f32> = x.as_f32()?.iter().enumerate().map(predict).collect();
            Ok(vec![("prediction".into(), Tensor::new(x.shape(), values)?)])
        }
    }

    fn denoiser(prediction: Prediction) -> (Denoiser, Exact) {
        let schedule = Schedule::linear(1000, 1e-4, 0.02).unwrap();
        let engine = Exact { schedule: schedule.clone(), prediction, runs: 0 };
        (Denoiser { classes: 10, schedule, prediction, null_label: Some(10), picture: [1, 2, 2] }, engine)
    }

    fn request(labels: &[usize]) -> Request {
        let draws = labels.iter().map(|&label| Draw { label, seed: 1, number: 0 }).collect();
        Request { draws, sampler: Sampler::DpmSolver, steps: 10, guidance: 1.0 }
    }

    #[test]
    fn every_sampler_finds_the_picture() {
        for prediction in [Prediction::Noise, Prediction::Velocity] {
            for (sampler, steps) in
                [(Sampler::Ancestral, 1000), (Sampler::Ddim { eta: 0.5 }, 20), (Sampler::DpmSolver, 10)]
            {
                let (denoiser, mut engine) = denoiser(prediction);
                let mut seen = 0;
                let request = Request { sampler, steps, ..request(&[3, 7]) };
                let found = ready(denoiser.sample(&mut engine, &request, |progress| {
                    assert_eq!((progress.done, progress.of), (seen, steps));
                    seen += 1;
                }));
                let found = found.unwrap();
                let wanted = |at: usize| if at < 4 { 0.65 } else { 0.85 };
                let values = found.as_f32().unwrap().iter().enumerate();
                assert!(values.clone().all(|(at, x)| (x - wanted(at)).abs() < 2e-3), "{sampler} {found:?}");
                assert_eq!((seen, engine.runs), (steps + 1, steps));
            }
        }
    }

    #[test]
    fn guidance_goes_beyond_the_class() {
        let (denoiser, mut engine) = denoiser(Prediction::Noise);
        let guided = Request { guidance: 2.0, ..request(&[4]) };
        let found = ready(denoiser.sample(&mut engine, &guided, |_| {})).unwrap();
        // Twice as far from 0 as the class's 0.4.
        assert!(found.as_f32().unwrap().iter().all(|x| (x - 0.9).abs() < 2e-3), "{found:?}");
        assert_eq!(engine.runs, 20);
    }

    #[test]
    fn a_picture_does_not_depend_on_its_batch() {
        let (denoiser, mut engine) = denoiser(Prediction::Noise);
        let (sampler, steps) = (Sampler::Ddim { eta: 1.0 }, 5);
        let mut run = |draws: &[Draw]| {
            let request = Request { draws: draws.to_vec(), sampler, steps, guidance: 1.0 };
            ready(denoiser.sample(&mut engine, &request, |_| {})).unwrap().into_f32().unwrap()
        };
        let draw = |label, seed, number| Draw { label, seed, number };
        let draws = [draw(1, 1, 0), draw(2, 1, 0), draw(3, 1, 5), draw(3, 2, 5), draw(3, 2, 6)];
        let all = run(&draws);
        for (draw, picture) in draws.iter().zip(all.chunks(4)) {
            assert_eq!(picture, run(&[*draw]), "{draw:?}");
        }
    }

    #[test]
    fn numbers_that_grow_beyond_all_bounds_make_no_picture() {
        let (denoiser, mut engine) = denoiser(Prediction::Noise);
        let wild = Request { guidance: 1e30, ..request(&[4]) };
        let error = ready(denoiser.sample(&mut engine, &wild, |_| {})).unwrap_err().to_string();
        assert!(error.contains("beyond all bounds"), "{error}");
    }

    #[test]
    fn nonsense_is_refused() {
        let (denoiser, _) = denoiser(Prediction::Noise);
        let error = |request: Request| denoiser.check(&request).unwrap_err().to_string();
        denoiser.check(&request(&[0, 9])).unwrap();
        assert!(error(request(&[])).contains("no pictures"));
        assert!(error(request(&[10])).contains("no class 10; give one from 0 to 9"));
        assert!(error(Request { steps: 1001, ..request(&[1]) }).contains("from 1 to 1000"));
        assert!(error(Request { steps: 0, ..request(&[1]) }).contains("from 1 to 1000"));
        assert!(error(Request { guidance: 1e39, ..request(&[1]) }).contains("give a finite number"));
        assert!(error(Request { guidance: f64::NAN, ..request(&[1]) }).contains("guidance is NaN"));
        assert!(error(Request { sampler: Sampler::Ancestral, steps: 50, ..request(&[1]) }).contains("all 1000"));
        assert!(error(Request { sampler: Sampler::Ddim { eta: 2.0 }, ..request(&[1]) }).contains("eta is 2"));
        let unguided = Denoiser { null_label: None, ..denoiser };
        let error = unguided.check(&Request { guidance: 2.0, ..request(&[1]) }).unwrap_err().to_string();
        assert!(error.contains("not trained for it"), "{error}");
        assert_eq!("ddim".parse(), Ok(Sampler::Ddim { eta: 0.0 }));
        assert!("euler".parse::<Sampler>().unwrap_err().to_string().contains("ancestral, ddim, dpm-solver"));
    }
}
