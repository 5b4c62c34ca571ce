//! Stylizing with a model that export-onnx wrote: whole pictures and tiles, in the engine that the programs take.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use easel_export::NormForm;
use easel_export::export::{ExportOptions, export};
use easel_native::EngineOptions;
use easel_native::stylize::{IoOptions, Stylizer, TileStatistics, Tiling};
use easel_runtime::card::Provenance;
use easel_runtime::stylizer::tiles::{self, Grid};
use easel_runtime::stylizer::{Compositing, Range, statistics_of, stylize};
use easel_runtime::{Picture, Random};
use easel_tests::data::real;
use easel_tests::golden::folder;
use easel_train::Params;
use easel_train::networks::style::{self, Sizes};
use flate2::read::DeflateDecoder;

/// PyTorch's weights of the goldens, exported.
fn stylizer(norms: NormForm) -> Stylizer {
    let case = folder("style").unwrap().into_iter().find(|case| case.kind() == "style/imfw").unwrap();
    let params = Params::new(candle_core::DType::F32, &candle_core::Device::Cpu, Random::new(0, 0));
    let network = style::Stylizer::new(params.root(), Sizes { width: case.number("width") }).unwrap();
    params.load(&case.weights("")).unwrap();
    let options = ExportOptions { norms, ..ExportOptions::default() };
    let file = export(&network, network.sizes().architecture(), Provenance::default(), &options);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.onnx");
    fs::write(&path, file.unwrap_or_else(|error| panic!("{error}")).bytes).unwrap();
    Stylizer::open(&path, IoOptions::default(), &EngineOptions::default()).unwrap()
}

fn scene(width: usize, height: usize) -> Picture {
    easel_scenes::scene(0, 5, height, width).0
}

/// The largest difference of two pictures' values.
fn worst(a: &Picture, b: &Picture) -> u8 {
    assert_eq!((a.width, a.height, a.channels), (b.width, b.height, b.channels));
    a.pixels.iter().zip(&b.pixels).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0)
}

/// Odd tiles, odd pictures, and one as large as a photo.
#[test]
fn tiles_with_the_same_statistics_are_the_whole_picture() {
    let mut stylizer = stylizer(NormForm::Statistics);
    assert!(stylizer.io_spec.statistics && stylizer.width == Some(8));
    for (width, height, sizes) in
        [(333, 250, &[(57, 101), (201, 999)][..]), (2048, 2048, &[(501, 333), (1023, 1999)][..])]
    {
        let picture = scene(width, height);
        let whole = stylizer.run(&picture, &Tiling::whole(width, height), Compositing::default(), |_| {}).unwrap();
        let engine = &mut stylizer.engine;
        let statistics = pollster::block_on(statistics_of(engine, &stylizer.io_spec, &picture)).unwrap();
        assert_eq!(statistics.shape(), [2, 80]);
        for &(tile_width, tile_height) in sizes {
            let plan = tiles::plan(width, height, tile_width, tile_height, Grid::EASEL);
            let mut done = 0;
            let tiled = stylize(
                engine,
                &stylizer.io_spec,
                &picture,
                &plan,
                Some(&statistics),
                Compositing::default(),
                |count| done = count,
            );
            let tiled = pollster::block_on(tiled).unwrap();
            assert_eq!(done, plan.len());
            let worst = worst(&tiled, &whole);
            assert!(worst <= 1, "{width}x{height} in {} tiles of {tile_width}x{tile_height}: {worst}", plan.len());
        }
    }
}

/// Statistics of a thumbnail come close, and much closer than what each tile finds for itself.
#[test]
fn a_thumbnails_statistics_are_close() {
    let (width, height) = (700, 500);
    let picture = scene(width, height);
    let plan = tiles::plan(width, height, 160, 160, Grid::EASEL);
    let mean = |a: &Picture, b: &Picture| {
        let sum: u64 = a.pixels.iter().zip(&b.pixels).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.pixels.len() as f64
    };
    let mut stylizer = stylizer(NormForm::Statistics);
    let mut run = |tiling: &Tiling| stylizer.run(&picture, tiling, Compositing::default(), |_| {}).unwrap();
    let tiling = |statistics| Tiling::new(plan.clone(), statistics);
    let whole = run(&Tiling::whole(width, height));
    let shared = mean(&run(&tiling(TileStatistics::Thumbnail(width * height / 4))), &whole);
    assert!(worst(&run(&tiling(TileStatistics::Thumbnail(width * height))), &whole) <= 1);
    let mut plain = self::stylizer(NormForm::Operator);
    assert!(!plain.io_spec.statistics);
    let alone =
        mean(&plain.run(&picture, &tiling(TileStatistics::Own), Compositing::default(), |_| {}).unwrap(), &whole);
    assert!(shared < 4.0 && alone > 2.0 * shared, "shared {shared}, alone {alone}");
}

/// Exact statistics of a shipped model's norms, at sizes that the network pads, and in tiles of odd shapes.
#[test]
fn exact_statistics_are_those_of_the_whole_picture() {
    exact(&[(599, 502, 200), (300, 61, 40), (1, 700, 99)], 1);
}

#[test]
#[ignore = "takes minutes"]
fn exact_statistics_are_those_of_a_large_picture() {
    exact(&[(2048, 2048, 640)], 2);
}

/// Pictures of sizes, each whole and in tiles of a side, which must be no more than so many levels apart.
fn exact(sizes: &[(usize, usize, usize)], most: u8) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/wave.onnx");
    let mut stylizer = Stylizer::open(&path, IoOptions::default(), &EngineOptions::default()).unwrap();
    for &(width, height, side) in sizes {
        let picture = scene(width, height);
        let whole = stylizer.run(&picture, &Tiling::whole(width, height), Compositing::default(), |_| {}).unwrap();
        let tiling = Tiling::new(tiles::plan(width, height, side, side, Grid::EASEL), TileStatistics::Exact);
        let (steps, mut told) = (stylizer.steps(&tiling), vec![]);
        let tiled = stylizer.run(&picture, &tiling, Compositing::default(), |done| told.push(done)).unwrap();
        assert!(steps == 6 * tiling.tiles.len() && told.into_iter().eq(1..=steps));
        let worst = worst(&tiled, &whole);
        assert!(worst <= most, "{width}x{height} in {} tiles: {worst}", tiling.tiles.len());
    }
}

#[test]
fn every_size_comes_out() {
    let mut stylizer = stylizer(NormForm::Statistics);
    for (width, height) in [(1, 1), (3, 5), (4096, 1), (1, 4096), (63, 65), (640, 481)] {
        let picture = scene(640, 640);
        let row = |y: usize| &picture.pixels[3 * 640 * (y % 640)..];
        let pixels = (0..height).flat_map(|y| row(y).iter().cycle().take(3 * width).copied().collect::<Vec<_>>());
        let picture = Picture { width, height, channels: 3, pixels: pixels.collect() };
        let whole = stylizer.run(&picture, &Tiling::whole(width, height), Compositing::default(), |_| {}).unwrap();
        assert_eq!((whole.width, whole.height, whole.pixels.len()), (width, height, 3 * width * height));
        let plan = tiles::plan(width, height, 301, 301, Grid::EASEL);
        let tiling = Tiling::new(plan, TileStatistics::Thumbnail(usize::MAX));
        let tiled = stylizer.run(&picture, &tiling, Compositing::default(), |_| {}).unwrap();
        assert!(worst(&tiled, &whole) <= 1, "{width}x{height}");
    }
}

/// A model that somebody else made, on a picture and with the result that its maker published.
#[test]
fn another_programs_stylizer_gives_its_own_result() {
    let Some(folder) = real("peer") else { return };
    let arrays = arrays(&fs::read(folder.join("amber_mosaic_nc8_128x128.npz")).unwrap());
    let path = folder.join("mosaic_nc8_128x128.onnx");
    let bytes = IoOptions { range: Some(Range::Byte), ..IoOptions::default() };
    let mut stylizer = Stylizer::open(&path, bytes, &EngineOptions::default()).unwrap();
    assert_eq!(
        (stylizer.io_spec.fixed_size.width, stylizer.io_spec.fixed_size.height, stylizer.guessed_range),
        (Some(128), Some(128), false)
    );
    let picture = easel_pictures::decode_file(&folder.join("amber_128.png")).unwrap().picture.into_rgb8();
    let picture = Picture { width: 128, height: 128, channels: 3, pixels: picture.into_raw() };
    let stylized = stylizer.run(&picture, &Tiling::whole(128, 128), Compositing::default(), |_| {}).unwrap();
    let plane = 128 * 128;
    let expected = arrays["y"].chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    let expected: Vec<f32> = expected.collect();
    assert_eq!(expected.len(), 3 * plane);
    for (at, found) in stylized.pixels.iter().enumerate() {
        let wanted = expected[at % 3 * plane + at / 3].clamp(0.0, 255.0);
        assert!((f32::from(*found) - wanted).abs() <= 0.51, "{at}: {found} for {wanted}");
    }
}

/// The data of the arrays in a compressed NumPy archive.
fn arrays(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let number = |at: usize| usize::from(u16::from_le_bytes([archive[at], archive[at + 1]]));
    let mut found = BTreeMap::new();
    let mut at = 0;
    while archive[at..].starts_with(b"PK\x03\x04") {
        let (name_length, extra) = (number(at + 26), number(at + 28));
        let (name, data) = (at + 30, at + 30 + name_length + extra);
        let (mut array, mut deflated) = (vec![], DeflateDecoder::new(&archive[data..]));
        deflated.read_to_end(&mut array).unwrap();
        let header = 10 + usize::from(u16::from_le_bytes([array[8], array[9]]));
        let name = String::from_utf8_lossy(&archive[name..name + name_length]);
        found.insert(name.trim_end_matches(".npy").to_string(), array.split_off(header));
        at = data + deflated.total_in() as usize;
    }
    found
}
