//! Video containers, and the codecs that they support.

use std::path::Path;

/// The extensions of videos, in words.
pub(in crate::stylize) const NAMES: &str = "mp4, m4v, mov, mkv, webm or avi";

/// The default quality, and its constant rate factor (CRF) in H.264.
const QUALITY: (i32, i32) = (92, 18);

/// The coarsest constant rate factors of H.264 and VP9; 0 is lossless.
const COARSEST_H264: i32 = 51;
const COARSEST_VP9: i32 = 63;

/// A container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::stylize) enum Container {
    Mp4,
    Mov,
    Matroska,
    WebM,
    Avi,
}

impl Container {
    /// The container that a path's extension names.
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "mp4" | "m4v" => Some(Self::Mp4),
            "mov" => Some(Self::Mov),
            "mkv" => Some(Self::Matroska),
            "webm" => Some(Self::WebM),
            "avi" => Some(Self::Avi),
            _ => None,
        }
    }

    /// ffmpeg's name for it.
    pub fn muxer(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mov => "mov",
            Self::Matroska => "matroska",
            Self::WebM => "webm",
            Self::Avi => "avi",
        }
    }

    /// The usual extension.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Matroska => "mkv",
            named => named.muxer(),
        }
    }

    /// ffmpeg's options to encode frames in a quality from 1 to 100: 8 less is a CRF of 3 more, which is about a third
    /// fewer bytes.
    pub fn video(self, quality: u8) -> Vec<String> {
        let (usual, factor) = QUALITY;
        let factor = (factor + ((usual - i32::from(quality)) * 3).div_euclid(8)).clamp(0, COARSEST_H264);
        let flags = match self {
            Self::WebM => {
                let factor = factor * COARSEST_VP9 / COARSEST_H264;
                format!("-c:v libvpx-vp9 -crf {factor} -b:v 0 -deadline good -cpu-used 4 -row-mt 1")
            }
            // Players can start before they have the whole file.
            Self::Mp4 | Self::Mov => format!("-c:v libx264 -crf {factor} -movflags +faststart"),
            Self::Matroska => format!("-c:v libx264 -crf {factor}"),
            // It has no timestamps, so frames must be stored in the order in which they are shown, from 0 on.
            Self::Avi => format!("-c:v libx264 -crf {factor} -bf 0 -avoid_negative_ts disabled"),
        };
        flags.split(' ').map(str::to_string).collect()
    }

    /// Whether it can hold sound of a codec.
    pub fn keeps_sound(self, codec: &str) -> bool {
        match self {
            Self::Mp4 => matches!(codec, "aac" | "mp3" | "ac3" | "eac3" | "alac" | "opus"),
            Self::Mov => matches!(codec, "aac" | "mp3" | "ac3" | "eac3" | "alac") || codec.starts_with("pcm_s"),
            Self::Matroska => true,
            Self::WebM => matches!(codec, "opus" | "vorbis"),
            Self::Avi => matches!(codec, "mp3" | "mp2" | "ac3" | "pcm_s16le" | "pcm_u8"),
        }
    }

    /// The codec for subtitles of a codec: `copy` if it can hold them, none if they are dropped.
    pub fn subtitles(self, codec: &str) -> Option<&'static str> {
        let text = matches!(codec, "subrip" | "ass" | "ssa" | "mov_text" | "webvtt" | "text");
        match self {
            Self::Matroska if codec == "mov_text" => Some("subrip"),
            Self::Matroska => Some("copy"),
            Self::Mp4 | Self::Mov => text.then_some("mov_text"),
            Self::WebM => text.then_some("webvtt"),
            Self::Avi => None,
        }
    }

    /// Whether it can hold files, such as fonts.
    pub fn keeps_attachments(self) -> bool {
        self == Self::Matroska
    }

    /// Whether ffmpeg can write a cover picture into it.
    pub fn keeps_covers(self) -> bool {
        self == Self::Mp4
    }

    /// Whether it can hold the timecode of the first frame.
    pub fn keeps_timecode(self) -> bool {
        matches!(self, Self::Mp4 | Self::Mov | Self::Matroska)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quality_is_a_rate_factor() {
        let factor = |container: Container, quality| container.video(quality)[3].parse::<u8>().unwrap();
        let h264 = [100, 92, 84, 1].map(|quality| factor(Container::Mp4, quality));
        assert_eq!(h264, [15, 18, 21, 51]);
        assert_eq!([92, 1].map(|quality| factor(Container::WebM, quality)), [22, 63]);
    }

    #[test]
    fn the_extension_names_the_container() {
        let of = |name: &str| Container::of(Path::new(name));
        assert_eq!((of("a/b.M4V"), of("b.webm")), (Some(Container::Mp4), Some(Container::WebM)));
        assert_eq!((of("mp4"), of("a.gif")), (None, None));
    }
}
