use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use candle_core::Device;
use easel_runtime::Random;

use super::*;
use crate::data::transform::{CentreCrop, RandomFlip, Resize};
use crate::data::{Batches, PictureBatch, PictureFiles, Sequential, Shuffle, Transformed, stack, synthetic};

/// The numbers 0 to `len`, with accidents.
#[derive(Default)]
struct Numbers {
    len: usize,
    read: AtomicUsize,
    fails: Option<usize>,
    panics: Option<usize>,
    blocks: Option<(usize, Mutex<Receiver<()>>)>,
    slow: Duration,
}

impl Dataset for Numbers {
    type Item = (usize, u32);

    fn len(&self) -> usize {
        self.len
    }

    fn item(&self, index: usize, random: &mut Random) -> Result<(usize, u32)> {
        self.read.fetch_add(1, Ordering::SeqCst);
        // Later items are often ready before earlier ones.
        std::thread::sleep(self.slow + Duration::from_micros(index as u64 * 7919 % 400));
        if self.fails == Some(index) {
            return Err(Error::Data(format!("number {index} is bad")));
        }
        assert!(self.panics != Some(index), "oh no");
        if let Some((blocked, until)) = &self.blocks
            && *blocked == index
        {
            let _ = until.lock().unwrap().recv();
        }
        Ok((index, random.next_u32()))
    }

    fn describe(&self, index: usize) -> String {
        format!("number {index}")
    }
}

type Batch = Vec<(usize, u32)>;

fn loader(numbers: Numbers, workers: usize) -> DataLoader<Numbers, Batch> {
    let order = Shuffle { len: numbers.len, seed: 3 };
    let options = LoaderOptions { seed: 9, workers, ahead: 3, ..LoaderOptions::default() };
    DataLoader::new(Arc::new(numbers), Batches::new(order, 4), Ok, options)
}

fn in_order(numbers: Numbers, workers: usize) -> DataLoader<Numbers, Batch> {
    let batches = Batches::new(Sequential(numbers.len), 4);
    let options = LoaderOptions { workers, timeout: Duration::from_millis(100), ..LoaderOptions::default() };
    DataLoader::new(Arc::new(numbers), batches, Ok, options)
}

fn some(len: usize) -> Numbers {
    Numbers { len, ..Numbers::default() }
}

fn taken(loading: impl Iterator<Item = Result<Batch>>, count: usize) -> Vec<Batch> {
    loading.take(count).map(Result::unwrap).collect()
}

#[test]
fn threads_do_not_matter() {
    let alone = taken(loader(some(10), 0).start().unwrap(), 8);
    for workers in [1, 2, 4] {
        assert_eq!(taken(loader(some(10), workers).start().unwrap(), 8), alone);
    }
    let numbers = |batches: &[Batch]| {
        let mut numbers: Vec<usize> = batches.iter().flatten().map(|(number, _)| *number).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(numbers(&alone[..3]), (0..10).collect::<Vec<_>>());
    assert_eq!(numbers(&alone[3..6]), (0..10).collect::<Vec<_>>());
    // Every item has its own random numbers, new ones each epoch.
    let mut draws: Vec<u32> = alone[..6].iter().flatten().map(|(_, drawn)| *drawn).collect();
    draws.sort_unstable();
    draws.dedup();
    assert_eq!(draws.len(), 20);
}

#[test]
fn pictures_are_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..12u32 {
        let picture =
            image::RgbImage::from_fn(20 + index, 24, |x, y| image::Rgb([x as u8 * 9, y as u8 * 9, index as u8]));
        std::fs::create_dir_all(folder.path().join("a")).unwrap();
        picture.save(folder.path().join(format!("a/{index:02}.png"))).unwrap();
    }
    let broken = folder.path().join("a/05.png");
    let whole = std::fs::read(&broken).unwrap();
    std::fs::write(&broken, &whole[..whole.len() / 2]).unwrap();
    let batches = |workers| -> (Vec<Vec<f32>>, Vec<u32>, usize) {
        let files = PictureFiles::open(folder.path(), 3).unwrap();
        let order = Shuffle { len: files.len(), seed: 1 };
        let crop = CentreCrop { height: 16, width: 16 };
        let dataset = Transformed { dataset: files, transform: (Resize::ShortSide(16), crop, RandomFlip::default()) };
        let collate = stack(&Device::Cpu, None);
        let options = LoaderOptions { seed: 4, workers, ..LoaderOptions::default() };
        let loader = DataLoader::new(Arc::new(dataset), Batches::new(order, 5).drop_last(), collate, options);
        let made: Vec<PictureBatch> = loader.start().unwrap().take(6).map(Result::unwrap).collect();
        let images = made.iter().map(|batch| batch.images.flatten_all().unwrap().to_vec1().unwrap()).collect();
        let labels = made.iter().flat_map(|batch| batch.labels.to_vec1::<u32>().unwrap()).collect();
        (images, labels, loader.dataset().dataset.skipped())
    };
    let alone = batches(0);
    assert_eq!((alone.0[0].len(), alone.2), (5 * 3 * 16 * 16, 1));
    assert_eq!(batches(1), alone);
    assert_eq!(batches(4), alone);
}

#[test]
fn goes_on_in_the_middle_of_an_epoch() {
    let whole = taken(loader(some(10), 0).start().unwrap(), 12);
    for workers in [0, 3] {
        let loader = loader(some(10), workers);
        let mut loading = loader.start().unwrap();
        for at in 0..7 {
            let text = serde_json::to_string(&loading.place()).unwrap();
            let place = serde_json::from_str(&text).unwrap();
            assert_eq!(taken(loader.resume(place).unwrap(), 5), whole[at..at + 5]);
            loading.next().unwrap().unwrap();
        }
    }
    let place = loader(some(10), 0).start().unwrap().place();
    let error = loader(some(11), 0).resume(place).err().unwrap().to_string();
    assert!(error.contains("11 items") && error.contains("10 items"), "{error}");
    let error = loader(some(10), 0).resume(Place { batch: 3, ..place }).err().unwrap().to_string();
    assert!(error.contains("epoch 0 has no batch 3"), "{error}");
}

#[test]
fn one_epoch_ends() {
    for workers in [0, 1, 4] {
        let loader = loader(some(10), workers);
        assert_eq!(loader.batches(), 3);
        let epoch = taken(loader.epoch(1).unwrap(), usize::MAX);
        assert_eq!(epoch, taken(loader.start().unwrap(), 6)[3..]);
    }
}

#[test]
fn an_error_comes_in_its_place_and_is_the_end() {
    for workers in [0, 1, 4] {
        for (numbers, wanted) in [
            (Numbers { fails: Some(9), ..some(20) }, "number 9 is bad"),
            (Numbers { panics: Some(9), ..some(20) }, "number 9: reading it panicked: oh no"),
        ] {
            let mut loading = in_order(numbers, workers).start().unwrap();
            assert_eq!(loading.next().unwrap().unwrap()[0].0, 0);
            assert_eq!(loading.next().unwrap().unwrap()[0].0, 4);
            assert_eq!(loading.next().unwrap().unwrap_err().to_string(), wanted);
            assert_eq!(loading.place().batch, 2);
            assert!(loading.next().is_none());
        }
    }
}

#[test]
fn a_panic_of_the_others_is_an_error_too() {
    struct Bad;
    impl BatchSampler for Bad {
        fn batches(&self, epoch: u64) -> Vec<Vec<u32>> {
            assert!(epoch == 0, "no second epoch");
            vec![vec![0]]
        }
    }
    let options = LoaderOptions::default();
    let loader = DataLoader::new(Arc::new(some(3)), Bad, |_| -> Result<Batch> { panic!("no batch") }, options);
    let error = loader.start().unwrap().next().unwrap().unwrap_err().to_string();
    assert!(error.contains("a batch panicked: no batch"), "{error}");
    let loader = DataLoader::new(Arc::new(some(3)), Bad, Ok, options);
    let mut loading = loader.start().unwrap();
    loading.next().unwrap().unwrap();
    let error = loading.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("sampler panicked: no second epoch"), "{error}");
}

#[test]
fn nothing_to_give_is_an_error_at_once() {
    let error = loader(some(0), 1).start().err().unwrap().to_string();
    assert!(error.contains("0 items are too few"), "{error}");
    let batches = Batches::new(Sequential(9), 2);
    let loader = DataLoader::new(Arc::new(some(3)), batches, Ok, LoaderOptions::default());
    assert!(loader.start().err().unwrap().to_string().contains("gave item 3"));
}

#[test]
fn a_slow_item_is_named() {
    let (go_on, until): (Sender<()>, _) = channel();
    let numbers = Numbers { blocks: Some((6, Mutex::new(until))), ..some(20) };
    let loader = in_order(numbers, 2);
    let mut loading = loader.start().unwrap();
    loading.next().unwrap().unwrap();
    let error = loading.next().unwrap().unwrap_err().to_string();
    assert!(error.contains("100ms") && error.contains("batch 1 of epoch 0 is still reading number 6"), "{error}");
    assert!(loading.next().is_none());
    let dropping = Instant::now();
    drop(loading);
    assert!(dropping.elapsed() < Duration::from_secs(4), "a stuck thread was waited for");
    drop(go_on);
}

#[test]
fn dropping_in_the_middle_ends_the_threads() {
    let loader = loader(Numbers { slow: Duration::from_millis(2), ..some(1_000) }, 4);
    let mut loading = loader.start().unwrap();
    loading.next().unwrap().unwrap();
    assert!(Arc::strong_count(&loader.spec) > 1);
    drop(loading);
    // Each thread held one.
    assert_eq!(Arc::strong_count(&loader.spec), 1);
    let read = loader.dataset().read.load(Ordering::SeqCst);
    assert!(read < 60, "{read} items were read after all");
}

#[test]
fn no_more_than_asked_for_is_made_ahead() {
    let loader = loader(some(1_000), 4);
    let mut loading = loader.start().unwrap();
    for taken in 1..6 {
        loading.next().unwrap().unwrap();
        let most = (taken + 3) * 4;
        let read = || loader.dataset().read.load(Ordering::SeqCst);
        let since = Instant::now();
        while read() < most && since.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(read(), most);
    }
}

#[test]
fn waiting_is_told_from_working() {
    let mut loading = loader(Numbers { slow: Duration::from_millis(3), ..some(8) }, 0).start().unwrap();
    assert_eq!(loading.times().model_fraction(), 1.0);
    loading.next().unwrap().unwrap();
    assert!(loading.waited() >= Duration::from_millis(12));
    std::thread::sleep(Duration::from_millis(20));
    loading.next().unwrap().unwrap();
    let times = loading.times();
    assert!(times.waited >= Duration::from_millis(24) && times.worked >= Duration::from_millis(20), "{times:?}");
    let fraction = Times { waited: Duration::from_secs(1), worked: Duration::from_secs(3) }.model_fraction();
    assert_eq!(fraction, 0.75);
}

#[test]
fn memory_is_a_data_set_too() {
    let format = crate::data::PictureFormat { channels: 3, height: 8, width: 6 };
    let pictures = synthetic::digits(5, 1, format);
    let all = pictures.batch(&[0, 1, 2, 3, 4]);
    let loader = DataLoader::new(
        Arc::new(pictures),
        Batches::new(Sequential(5), 5),
        stack(&Device::Cpu, None),
        LoaderOptions::default(),
    );
    let batch = loader.start().unwrap().next().unwrap().unwrap();
    assert_eq!(batch.images.flatten_all().unwrap().to_vec1::<f32>().unwrap(), all);
    assert_eq!(batch.labels.to_vec1::<u32>().unwrap(), [0, 1, 2, 3, 4]);
}
