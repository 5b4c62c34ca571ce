//! Sampling pictures from a denoiser.

use std::fmt;
use std::str::FromStr;

use crate::card::{Kind, PictureFormat, PictureSize, Prediction};
use crate::predictor::OnHost;
use crate::samplers::{DdimOptions, SamplerProgress, SamplerTensor, ancestral, ddim, dpm_solver};
use crate::{Engine, Error, ModelCard, Predictor, Random, Result, Schedule, Tensor};

/// The sampling algorithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sampler {
    /// All timesteps, with fresh noise at each; see [`ancestral`].
    Ancestral,
    /// A subset of the timesteps; see [`ddim`].
    Ddim {
        /// How much fresh noise each step adds, from 0 to 1.
        eta: f64,
    },
    /// A subset of the timesteps, with a second-order solver; see [`dpm_solver`].
    DpmSolver,
}

impl Sampler {
    /// The names that [`FromStr`] accepts.
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

    /// Parses a sampler's name; DDIM gets eta 0.
    fn from_str(name: &str) -> Result<Self> {
        [Self::Ancestral, Self::Ddim { eta: 0.0 }, Self::DpmSolver]
            .into_iter()
            .find(|sampler| sampler.name() == name)
            .ok_or_else(|| {
                let known = Self::NAMES.join(", ");
                Error::Sampling(format!("unknown sampler `{name}`; give one of {known}"))
            })
    }
}

/// One picture to sample. It does not depend on the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Draw {
    /// The class's label.
    pub label: usize,
    /// The seed of its noise.
    pub seed: u64,
    /// The picture's number among those of its class and seed.
    pub number: u32,
}

impl Draw {
    /// The picture's noise. Each picture of a seed uses its own stream.
    fn noise(&self) -> Random {
        Random::new(self.seed, (self.label as u64) << 32 | u64::from(self.number))
    }
}

/// The pictures to sample, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleRequest {
    /// The pictures.
    pub draws: Vec<Draw>,
    /// The sampling algorithm.
    pub sampler: Sampler,
    /// The number of sampling steps. The ancestral sampler needs all timesteps of the schedule.
    pub steps: usize,
    /// The scale of classifier-free guidance (Ho and Salimans 2022, arXiv 2207.12598, where it is `1 + w`). 1 is no
    /// guidance, and the only value allowed without a null label.
    pub guidance: f64,
}

/// What sampling needs to know about a denoiser.
#[derive(Debug, Clone, PartialEq)]
pub struct Denoiser {
    /// The number of classes.
    pub classes: usize,
    /// The beta schedule.
    pub schedule: Schedule,
    /// What the network predicts.
    pub prediction: Prediction,
    /// The label of the unconditional prediction, if the network was trained with condition dropout.
    pub null_label: Option<usize>,
    /// Channels, height and width of the pictures.
    pub picture: [usize; 3],
}

impl Denoiser {
    /// Reads a card. Fails if the model is of another kind, or its pictures have no fixed size.
    pub fn new(card: &ModelCard) -> Result<Self> {
        let &Kind::Denoiser { class_count, schedule, prediction, null_label } = &card.kind else {
            return Err(Error::WrongKind { found: card.kind.name(), wanted: "denoiser" });
        };
        let &PictureFormat { channels, size: PictureSize::Fixed { height, width } } = card.pictures()? else {
            return Err(Error::BadCard("a denoiser needs a fixed picture size".into()));
        };
        let picture = [channels, height, width];
        Ok(Self { classes: class_count, schedule: schedule.schedule()?, prediction, null_label, picture })
    }

    /// The default guidance scale: 1.5 if the network was trained with condition dropout, else 1. With 1.5 the shipped
    /// model's pictures are both more often of the right class and closer to real ones.
    pub fn default_guidance(&self) -> f64 {
        if self.null_label.is_some() { 1.5 } else { 1.0 }
    }

    /// The default number of sampling steps: all timesteps for the ancestral sampler, 20 for the others.
    pub fn default_steps(&self, sampler: &Sampler) -> usize {
        let all = self.schedule.steps();
        if *sampler == Sampler::Ancestral { all } else { all.min(20) }
    }

    /// Fails if a request is invalid: no pictures, a label or a number of steps out of range, a guidance scale that is not
    /// finite, or guidance without condition dropout.
    pub fn check(&self, request: &SampleRequest) -> Result<()> {
        let SampleRequest { draws, sampler, steps, guidance } = request;
        if draws.is_empty() {
            return refuse("no pictures to sample; give at least one class".into());
        }
        if let Some(Draw { label, .. }) = draws.iter().find(|draw| draw.label >= self.classes) {
            return refuse(format!("there is no class {label}; give one from 0 to {}", self.classes - 1));
        }
        if !(*guidance as f32).is_finite() {
            return refuse(format!("the guidance scale is {guidance}; give a finite number, 1 for no guidance"));
        }
        if *guidance != 1.0 && self.null_label.is_none() {
            return refuse(format!(
                "guidance {guidance} for a model trained without condition dropout; remove the option"
            ));
        }
        let all = self.schedule.steps();
        match sampler {
            Sampler::Ancestral if *steps != all => refuse(format!(
                "{steps} steps with the ancestral sampler, which takes all {all}; for fewer, use another sampler"
            )),
            Sampler::Ddim { eta } if !(0.0..=1.0).contains(eta) => {
                refuse(format!("DDIM's eta is {eta}; give a number from 0 to 1"))
            }
            _ => self.schedule.spaced(*steps).map(drop),
        }
    }

    /// Samples pictures `[batch, channel, height, width]` in `[0, 1]`. Calls `on_step` before the first step and after each;
    /// [`pictures`] converts its `x` to pictures.
    ///
    /// Fails as [`Self::check`] does, if the engine fails, and if values become NaN or infinite.
    pub async fn sample<E: Engine>(
        &self,
        engine: &mut E,
        request: &SampleRequest,
        on_step: impl FnMut(SamplerProgress),
    ) -> Result<Tensor> {
        self.sample_on(&mut OnHost(engine), request, on_step).await
    }

    /// Like [`Self::sample`], with tensors that stay on the model's device.
    pub async fn sample_on<P: Predictor>(
        &self,
        model: &mut P,
        request: &SampleRequest,
        mut on_step: impl FnMut(SamplerProgress<P::Value>),
    ) -> Result<Tensor> {
        self.check(request)?;
        let SampleRequest { draws, sampler, steps, guidance } = request;
        let labels: Vec<usize> = draws.iter().map(|draw| draw.label).collect();
        let mut noises: Vec<Random> = draws.iter().map(Draw::noise).collect();
        let pixels: usize = self.picture.iter().product();
        let mut fresh = move || noises.iter_mut().flat_map(|noise| noise.normals(pixels)).collect::<Vec<f32>>();
        let x = model.to_device(Tensor::new([&[labels.len()], &self.picture[..]].concat(), fresh())?)?;
        on_step(SamplerProgress { done: 0, of: *steps, x: &x });
        let noise = |_| Ok(fresh());
        let denoise = async |x: &P::Value, t: usize| self.noise(model, x, t, &labels, *guidance).await;
        let schedule = &self.schedule;
        let x = match *sampler {
            Sampler::Ancestral => ancestral(schedule, x, denoise, noise, on_step).await?,
            Sampler::Ddim { eta } => {
                let options = DdimOptions { timesteps: schedule.spaced(*steps)?, eta };
                ddim(schedule, &options, x, denoise, noise, on_step).await?
            }
            Sampler::DpmSolver => dpm_solver(schedule, &schedule.trailing(*steps)?, x, denoise, on_step).await?,
        };
        let x = x.to_tensor()?;
        if !x.as_f32()?.iter().all(|value| value.is_finite()) {
            return refuse(
                "sampling diverged to NaN or infinity; use a lower guidance scale or another sampler".into(),
            );
        }
        pictures(&x)
    }

    /// The noise predicted in x at timestep t, with guidance.
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
        let timestep = ints(vec![t as i64; count])?;
        let conditional = ints(labels.iter().map(|&label| label as i64).collect())?;
        let mut noise = model.predict(x, &timestep, &conditional).await?;
        if let Some(null) = self.null_label.filter(|_| guidance != 1.0) {
            let unconditional = model.predict(x, &timestep, &ints(vec![null as i64; count])?).await?;
            noise = SamplerTensor::combine(&[(1.0 - guidance, &unconditional), (guidance, &noise)])?;
        }
        if self.prediction == Prediction::Velocity {
            let bar = self.schedule.alpha_bars()[t];
            noise = SamplerTensor::combine(&[(bar.sqrt(), &noise), ((1.0 - bar).sqrt(), x)])?;
        }
        Ok(noise)
    }
}

fn refuse<T>(what: String) -> Result<T> {
    Err(Error::Sampling(what))
}

/// Converts a sampler's `x`, in `[-1, 1]` and beyond, to pictures: mapped to `[0, 1]` and clamped.
pub fn pictures(x: &Tensor) -> Result<Tensor> {
    Tensor::new(x.shape(), x.as_f32()?.iter().map(|x| (0.5 * (x + 1.0)).clamp(0.0, 1.0)).collect::<Vec<f32>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samplers::tests::ready;

    /// Predicts exactly, where each class has a single picture, `label / 10` everywhere, and the null label's is 0.
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

    fn request(labels: &[usize]) -> SampleRequest {
        let draws = labels.iter().map(|&label| Draw { label, seed: 1, number: 0 }).collect();
        SampleRequest { draws, sampler: Sampler::DpmSolver, steps: 10, guidance: 1.0 }
    }

    #[test]
    fn every_sampler_finds_the_picture() {
        for prediction in [Prediction::Noise, Prediction::Velocity] {
            for (sampler, steps) in
                [(Sampler::Ancestral, 1000), (Sampler::Ddim { eta: 0.5 }, 20), (Sampler::DpmSolver, 10)]
            {
                let (denoiser, mut engine) = denoiser(prediction);
                let mut seen = 0;
                let request = SampleRequest { sampler, steps, ..request(&[3, 7]) };
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
    fn guidance_extrapolates() {
        let (denoiser, mut engine) = denoiser(Prediction::Noise);
        let guided = SampleRequest { guidance: 2.0, ..request(&[4]) };
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
            let request = SampleRequest { draws: draws.to_vec(), sampler, steps, guidance: 1.0 };
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
    fn divergence_is_an_error() {
        let (denoiser, mut engine) = denoiser(Prediction::Noise);
        let wild = SampleRequest { guidance: 1e30, ..request(&[4]) };
        let error = ready(denoiser.sample(&mut engine, &wild, |_| {})).unwrap_err().to_string();
        assert!(error.contains("guidance scale"), "{error}");
    }

    #[test]
    fn invalid_requests_are_rejected() {
        let (denoiser, _) = denoiser(Prediction::Noise);
        let error = |request: SampleRequest| denoiser.check(&request).unwrap_err().to_string();
        denoiser.check(&request(&[0, 9])).unwrap();
        assert!(error(request(&[])).contains("no pictures"));
        assert!(error(request(&[10])).contains("no class 10; give one from 0 to 9"));
        assert!(error(SampleRequest { steps: 1001, ..request(&[1]) }).contains("from 1 to 1000"));
        assert!(error(SampleRequest { steps: 0, ..request(&[1]) }).contains("from 1 to 1000"));
        assert!(error(SampleRequest { guidance: 1e39, ..request(&[1]) }).contains("give a finite number"));
        assert!(error(SampleRequest { guidance: f64::NAN, ..request(&[1]) }).contains("NaN"));
        assert!(error(SampleRequest { sampler: Sampler::Ancestral, steps: 50, ..request(&[1]) }).contains("all 1000"));
        assert!(error(SampleRequest { sampler: Sampler::Ddim { eta: 2.0 }, ..request(&[1]) }).contains("eta is 2"));
        let unguided = Denoiser { null_label: None, ..denoiser };
        let error = unguided.check(&SampleRequest { guidance: 2.0, ..request(&[1]) }).unwrap_err().to_string();
        assert!(error.contains("condition dropout"), "{error}");
        assert_eq!("ddim".parse(), Ok(Sampler::Ddim { eta: 0.0 }));
        assert!("euler".parse::<Sampler>().unwrap_err().to_string().contains("ancestral, ddim, dpm-solver"));
    }
}
