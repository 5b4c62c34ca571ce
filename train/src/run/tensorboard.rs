//! TensorBoard's event files, with scalars and pictures.
//!
//! A file is a sequence of TFRecords: the length as a little-endian 64-bit integer, its masked CRC-32C, the bytes,
//! and their CRC; each record is a protobuf message `tensorflow.Event`
//! (<https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto>).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use easel_pictures::{ImageFormat, encode_picture};
use easel_runtime::Picture;
use prost::Message;

use crate::{Error, Result};

/// An event file that is being written.
#[derive(Debug)]
pub struct Events {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Events {
    /// Creates a new event file in a run's folder. If the run continues after `step`, the file makes TensorBoard discard
    /// later steps of earlier files.
    pub fn create(folder: &Path, step: u64) -> Result<Self> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut number = 0;
        let (path, file) = loop {
            let path = folder.join(format!("events.out.tfevents.{seconds:010}.easel.{number}"));
            match File::create_new(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(Error::Run(format!("{}: cannot write: {error}", path.display()))),
            }
        };
        let mut events = Self { path, file: BufWriter::new(file) };
        events.write(0, What::FileVersion("brain.Event:2".into()))?;
        if step > 0 {
            events.write(step as i64 + 1, What::SessionLog(SessionLog { status: SESSION_START }))?;
        }
        events.flush()?;
        Ok(events)
    }

    /// Adds numbers of a step.
    pub fn scalars(&mut self, step: u64, values: &[(String, f64)]) -> Result<()> {
        let value = values
            .iter()
            .map(|(tag, value)| SummaryValue { tag: tag.clone(), simple_value: Some(*value as f32), image: None })
            .collect();
        self.write(step as i64, What::Summary(Summary { value }))?;
        self.flush()
    }

    /// Adds a picture of a step.
    pub fn picture(&mut self, step: u64, tag: &str, picture: &Picture) -> Result<()> {
        let encoded = encode_picture(picture, ImageFormat::Png)?;
        let image = SummaryImage {
            height: picture.height as i32,
            width: picture.width as i32,
            colorspace: picture.channels as i32,
            encoded_image_string: encoded,
        };
        let value = vec![SummaryValue { tag: tag.into(), simple_value: None, image: Some(image) }];
        self.write(step as i64, What::Summary(Summary { value }))?;
        self.flush()
    }

    fn write(&mut self, step: i64, what: What) -> Result<()> {
        let wall_time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        let record = record(&Event { wall_time, step, what: Some(what) }.encode_to_vec());
        self.file.write_all(&record).map_err(|error| self.failed(error))
    }

    fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::Run(format!("{}: cannot write: {error}", self.path.display()))
    }
}

/// A TFRecord around bytes.
fn record(bytes: &[u8]) -> Vec<u8> {
    let length = (bytes.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length).to_le_bytes(), bytes, &masked_crc(bytes).to_le_bytes()].concat()
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

const SESSION_START: i32 = 1;

#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(oneof = "What", tags = "3, 5, 7")]
    what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum What {
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
    #[prost(message, tag = "7")]
    SessionLog(SessionLog),
}

#[derive(Clone, PartialEq, Message)]
struct SessionLog {
    #[prost(int32, tag = "1")]
    status: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<SummaryValue>,
}

#[derive(Clone, PartialEq, Message)]
struct SummaryValue {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "4")]
    image: Option<SummaryImage>,
}

#[derive(Clone, PartialEq, Message)]
struct SummaryImage {
    #[prost(int32, tag = "1")]
    height: i32,
    #[prost(int32, tag = "2")]
    width: i32,
    #[prost(int32, tag = "3")]
    colorspace: i32,
    #[prost(bytes = "vec", tag = "4")]
    encoded_image_string: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            assert_eq!(bytes[8..12], masked_crc(&bytes[..8]).to_le_bytes());
            let (payload, rest) = bytes[12..].split_at(length);
            assert_eq!(rest[..4], masked_crc(payload).to_le_bytes());
            events.push(Event::decode(payload).unwrap());
            bytes = &rest[4..];
        }
        events
    }

    #[test]
    fn checksum_of_a_known_record() {
        // The first record of every event file that TensorFlow writes: the header of 24 bytes.
        assert_eq!(masked_crc(&24u64.to_le_bytes()), u32::from_le_bytes([0xa3, 0x7f, 0x4b, 0x22]));
    }

    #[test]
    fn events_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = Events::create(folder.path(), 100).unwrap();
        events.scalars(150, &[("loss/generator".into(), 0.5), ("loss/discriminator".into(), 1.25)]).unwrap();
        let picture = Picture { width: 2, height: 1, channels: 1, pixels: vec![7, 9] };
        events.picture(150, "samples", &picture).unwrap();

        let read = read(&std::fs::read(&events.path).unwrap());
        assert_eq!(read.len(), 4);
        assert_eq!(read[0].what, Some(What::FileVersion("brain.Event:2".into())));
        assert_eq!((read[1].step, &read[1].what), (101, &Some(What::SessionLog(SessionLog { status: SESSION_START }))));
        let Some(What::Summary(scalars)) = &read[2].what else { panic!("no summary") };
        assert_eq!(scalars.value[1].tag, "loss/discriminator");
        assert_eq!(scalars.value[1].simple_value, Some(1.25));
        let Some(What::Summary(pictures)) = &read[3].what else { panic!("no summary") };
        let image = pictures.value[0].image.as_ref().unwrap();
        let decoded = image::load_from_memory(&image.encoded_image_string).unwrap();
        assert_eq!(decoded.to_luma8().into_raw(), [7, 9]);
        assert_ne!(Events::create(folder.path(), 0).unwrap().path, events.path);
    }
}
