//! What a video file holds besides its frames and sound, and what becomes of it.

use std::ffi::OsString;

use serde_json::Value;

use super::container::Container;

/// The streams and tags besides the stylized video stream and the sound.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Extras {
    /// The codecs of the subtitle streams.
    pub subtitles: Vec<String>,
    /// The numbers of the cover pictures' streams.
    pub covers: Vec<u64>,
    /// How many files are attached, such as the fonts of subtitles.
    pub attachments: usize,
    /// How many other video streams there are.
    pub more_videos: usize,
    /// The timecode of the first frame.
    pub timecode: Option<String>,
    /// How many streams of other data there are.
    pub data: usize,
}

impl Extras {
    /// Reads them from ffprobe's list of streams. `video` is the number of the stream that is stylized.
    pub fn read(streams: &[Value], video: u64) -> Self {
        let mut extras = Self::default();
        for stream in streams.iter().filter(|stream| stream["index"] != video) {
            match stream["codec_type"].as_str() {
                Some("subtitle") => {
                    extras.subtitles.push(stream["codec_name"].as_str().unwrap_or("unknown").to_string());
                }
                Some("video") if is_cover(stream) => extras.covers.extend(stream["index"].as_u64()),
                Some("video") => extras.more_videos += 1,
                Some("attachment") => extras.attachments += 1,
                Some("data") if is_timecode(stream) || is_chapters(stream) => {}
                Some("data") => extras.data += 1,
                _ => {}
            }
        }
        // The stream of the frames may have it, too, or one of its own.
        extras.timecode = streams.iter().find_map(|stream| Some(stream["tags"]["timecode"].as_str()?.to_string()));
        extras
    }

    /// ffmpeg's options that keep what the container can hold. The file is input 1; the frames are stream 0 of the result.
    pub fn options(&self, container: Container, metadata: bool) -> Vec<OsString> {
        let mut options: Vec<String> = vec![];
        let kept = self.subtitles.iter().enumerate();
        let kept = kept.filter_map(|(at, codec)| Some((at, container.subtitles(codec)?)));
        for (stream, (at, codec)) in kept.enumerate() {
            options.extend(["-map".into(), format!("1:s:{at}"), format!("-c:s:{stream}"), codec.into()]);
        }
        if self.attachments > 0 && container.keeps_attachments() {
            options.extend(["-map", "1:t", "-c:t", "copy"].map(String::from));
        }
        if metadata && container.keeps_covers() {
            for (at, stream) in self.covers.iter().enumerate().map(|(at, stream)| (at + 1, stream)) {
                options.extend(["-map".into(), format!("1:{stream}"), format!("-c:v:{at}"), "copy".into()]);
                options.extend([format!("-disposition:v:{at}"), "attached_pic".into()]);
            }
        }
        if let (true, true, Some(timecode)) = (metadata, container.keeps_timecode(), &self.timecode) {
            options.extend(["-metadata".into(), format!("timecode={timecode}")]);
        }
        options.into_iter().map(OsString::from).collect()
    }

    /// What the container cannot hold, or ffmpeg not write into it, in words.
    pub fn left_out(&self, container: Container, metadata: bool) -> Vec<String> {
        let mut left_out: Vec<String> = vec![];
        let subtitles: Vec<_> =
            self.subtitles.iter().filter(|codec| container.subtitles(codec).is_none()).map(String::as_str).collect();
        if !subtitles.is_empty() {
            left_out.push(format!("subtitles ({})", subtitles.join(", ")));
        }
        if self.attachments > 0 && !container.keeps_attachments() {
            left_out.push(counted(self.attachments, "attached file"));
        }
        if metadata && !self.covers.is_empty() && !container.keeps_covers() {
            left_out.push(counted(self.covers.len(), "cover"));
        }
        if metadata && self.timecode.is_some() && !container.keeps_timecode() {
            left_out.push("the timecode".into());
        }
        if self.data > 0 {
            left_out.push(counted(self.data, "data track"));
        }
        left_out
    }
}

pub(super) fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

pub(super) fn is_cover(stream: &Value) -> bool {
    stream["disposition"]["attached_pic"] == 1
}

/// QuickTime has the names of chapters in a track, too.
fn is_chapters(stream: &Value) -> bool {
    stream["codec_tag_string"] == "text"
}

fn is_timecode(stream: &Value) -> bool {
    stream["codec_tag_string"] == "tmcd" || stream["tags"]["timecode"].is_string()
}
