//! Videos of other kinds: variable rates, high dynamic range, fields, transparency, and streams besides the frames.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use super::video::{ffmpeg, frames, is_installed, probe};
use super::{common, folder, stderr, succeeds};

/// A folder with the model `same.onnx`, which returns what it is given.
fn videos() -> TempDir {
    let folder = folder();
    fs::write(folder.path().join("same.onnx"), common::identity()).unwrap();
    folder
}

/// Stylizes a video with `same.onnx` and returns the notes on it.
fn notes(folder: &TempDir, input: &str, output: &str) -> Vec<String> {
    let ran = succeeds(folder, &format!("{input} -m same.onnx -o {output} --json --threads 2"));
    let line: Value = serde_json::from_str(String::from_utf8_lossy(&ran.stdout).lines().next().unwrap()).unwrap();
    let notes: Vec<_> = line["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap().into()).collect();
    for note in &notes {
        assert!(stderr(&ran).contains(&format!("note: {input}: {note}\n")), "{}", stderr(&ran));
    }
    notes
}

#[test]
fn a_variable_rate_keeps_its_frames() {
    if !is_installed() {
        return;
    }
    let folder = videos();
    // One frame a second, and thirty in the second one.
    let select = "-vf select='between(n,30,60)+not(mod(n,30))' -fps_mode vfr -pix_fmt yuv420p -crf 8 variable.mp4";
    ffmpeg(folder.path(), &format!("{BARS} -framerate 30 -i pipe:0 {select}"), &bars(90));
    notes(&folder, "variable.mp4", "out.mkv");
    assert_eq!(probe(&folder, "out.mkv")["streams"][0]["r_frame_rate"], "30/1");
    let made = frames(&folder, "out.mkv");
    let made: Vec<_> = made.chunks(3 * 96 * 64).collect();
    let changes = |from: usize, to: usize| made[from..to].windows(2).filter(|pair| differ(pair[0], pair[1])).count();
    assert_eq!((changes(30, 61), changes(0, 30)), (30, 0));
    assert!((61..=90).contains(&made.len()), "{}", made.len());
}

/// Whether two frames differ by more than what coding changes.
fn differ(a: &[u8], b: &[u8]) -> bool {
    a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > 60)
}

const BARS: &str = "-f rawvideo -pix_fmt gray -video_size 96x64";

/// Frames for [`BARS`]: a white bar on black that moves by its width of eight pixels.
fn bars(count: usize) -> Vec<u8> {
    let frame = |number: usize| (0..96 * 64).map(move |at| if at % 96 / 8 == number % 12 { 255 } else { 0 });
    (0..count).flat_map(frame).collect()
}

#[test]
fn high_dynamic_range_becomes_bt_709() {
    if !is_installed() {
        return;
    }
    let folder = videos();
    // Reference white is 75 % of the signal in HLG and 58 % in PQ (BT.2408); it is light, but not white.
    for (transfer, grey, name) in [("arib-std-b67", "0xBFBFBF", "HLG"), ("smpte2084", "0x949494", "PQ")] {
        let tags = format!("-color_primaries bt2020 -colorspace bt2020nc -color_trc {transfer}");
        let drawn = format!("-f lavfi -i color={grey}:s=64x48:r=10:d=0.5 -pix_fmt yuv420p10le -c:v libx264 {tags}");
        ffmpeg(folder.path(), &format!("{drawn} {name}.mp4"), &[]);
        let found = notes(&folder, &format!("{name}.mp4"), &format!("{name}-out.mp4"));
        assert!(found.len() == 1 && found[0].contains(name), "{found:?}");
        let stream = &probe(&folder, &format!("{name}-out.mp4"))["streams"][0];
        assert_eq!((&stream["color_primaries"], &stream["color_transfer"]), (&"bt709".into(), &"bt709".into()));
        let level = frames(&folder, &format!("{name}-out.mp4"))[0];
        assert!((215..=250).contains(&level), "{name}: {level}");
    }
    // Red of BT.2020 lies outside BT.709: it is as red as can be.
    let tags = "-color_primaries bt2020 -colorspace bt2020nc -color_trc bt2020-10 -color_range tv";
    let red = "-f lavfi -i color=red:s=64x48:r=10:d=0.5 -vf scale=out_color_matrix=bt2020,format=yuv420p10le";
    ffmpeg(folder.path(), &format!("{red} -c:v libx264 {tags} wide.mp4"), &[]);
    assert_eq!(notes(&folder, "wide.mp4", "wide-out.mp4").len(), 1);
    let made = frames(&folder, "wide-out.mp4");
    assert!(made[0] > 245 && made[1] < 12 && made[2] < 12, "{:?}", &made[..3]);
}

#[test]
fn fields_are_deinterlaced() {
    if !is_installed() {
        return;
    }
    let folder = videos();
    let coded = "-vf format=yuv420p,tinterlace=interleave_top,fieldorder=tff -flags +ilme+ildct -c:v libx264 -crf 4";
    let raw = format!("{BARS} -framerate 24 -i pipe:0");
    ffmpeg(folder.path(), &format!("{raw} {coded} -x264opts tff=1 fields.mp4"), &bars(24));
    assert_eq!(notes(&folder, "fields.mp4", "out.mp4").len(), 1);
    let combs = |name: &str| {
        let made = frames(&folder, name);
        assert_eq!(made.len(), 12 * 3 * 96 * 64);
        let row = |at: usize| &made[at * 3 * 96..][..3 * 96];
        let between = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
        let inside = (0..12).flat_map(|frame| (16..48).map(move |y| 64 * frame + y));
        inside.map(|at| between(row(at), row(at + 1))).sum::<u64>()
    };
    let (before, after) = (combs("fields.mp4"), combs("out.mp4"));
    assert!(after < before / 4, "{before} {after}");
    // The header does not tell, the frames do.
    ffmpeg(folder.path(), "-i fields.mp4 -c:v mpeg4 -q:v 2 -flags +ilme+ildct fields.avi", &[]);
    assert_eq!(notes(&folder, "fields.avi", "out.mkv").len(), 1);
}

#[test]
fn transparency_is_blended_with_white() {
    if !is_installed() {
        return;
    }
    let folder = videos();
    // An orange square in the middle of green that cannot be seen.
    let is_inside = |at: usize| (16..48).contains(&(at % 64)) && (8..40).contains(&(at / 64));
    let pixel = |at: usize| if is_inside(at) { [255, 165, 0, 255] } else { [0, 128, 0, 0] };
    let drawn: Vec<u8> = (0..5).flat_map(|_| (0..64 * 48).flat_map(pixel)).collect();
    let raw = "-f rawvideo -pix_fmt rgba -video_size 64x48 -framerate 10 -i pipe:0";
    for (name, codec) in [
        ("qtrle.mov", "-c:v qtrle"),
        ("png.mov", "-c:v png"),
        ("prores.mov", "-c:v prores_ks -profile:v 4444 -pix_fmt yuva444p10le"),
        ("vp9.webm", "-c:v libvpx-vp9 -pix_fmt yuva420p -auto-alt-ref 0 -b:v 1M"),
        ("vp8.webm", "-c:v libvpx -pix_fmt yuva420p -auto-alt-ref 0 -b:v 1M"),
    ] {
        ffmpeg(folder.path(), &format!("{raw} {codec} {name}"), &drawn);
        let found = notes(&folder, name, &format!("{name}.mp4"));
        assert!(found.iter().any(|note| note.contains("transparency")), "{name}: {found:?}");
        let made = frames(&folder, &format!("{name}.mp4"));
        let pixel = |x: usize, y: usize| &made[3 * (64 * y + x)..][..3];
        assert!(pixel(4, 4).iter().all(|value| *value > 245), "{name}: {:?}", pixel(4, 4));
        let orange = pixel(32, 24);
        assert!(orange[0] > 230 && orange[1].abs_diff(165) < 20 && orange[2] < 30, "{name}: {orange:?}");
    }
}

#[test]
fn other_streams_are_kept_or_named() {
    if !is_installed() {
        return;
    }
    let folder = videos();
    fs::write(folder.path().join("font.ttf"), [0; 64]).unwrap();
    fs::write(folder.path().join("words.srt"), "1\n00:00:00,000 --> 00:00:00,400\nwords\n").unwrap();
    let picture = "-f lavfi -i testsrc2=s=64x48:r=10:d=0.5";
    let attached = "-attach font.ttf -metadata:s:t mimetype=application/x-truetype-font";
    let maps = "-map 0 -map 1 -map 2 -c:v ffv1 -c:s srt";
    ffmpeg(folder.path(), &format!("{picture} {picture} -i words.srt {maps} {attached} many.mkv"), &[]);
    let kinds = |name: &str| {
        let found = probe(&folder, name);
        let streams = found["streams"].as_array().unwrap().iter();
        streams.map(|stream| stream["codec_type"].as_str().unwrap().to_string()).collect::<Vec<_>>().join(" ")
    };
    let found = notes(&folder, "many.mkv", "many-out.mkv");
    assert!(found.len() == 1 && found[0].contains("1 further video track"), "{found:?}");
    assert_eq!(kinds("many-out.mkv"), "video subtitle attachment");
    let found = notes(&folder, "many.mkv", "many.avi").join("\n");
    assert!(found.contains("subtitles (subrip)") && found.contains("1 attached file"), "{found}");

    let cover = "-map 0 -map 1 -c:v:0 libx264 -c:v:1 png -disposition:v:1 attached_pic";
    ffmpeg(
        folder.path(),
        &format!("{picture} -f lavfi -i testsrc2=s=32x32:r=10:d=0.1 {cover} -timecode 01:02:03:04 covered.mp4"),
        &[],
    );
    assert_eq!(notes(&folder, "covered.mp4", "kept.mp4"), Vec::<String>::new());
    assert!(probe(&folder, "kept.mp4").to_string().contains("\"attached_pic\":1"));
    assert!(notes(&folder, "covered.mp4", "kept.mkv").join("\n").contains("1 cover"));
    for output in ["kept.mp4", "kept.mkv"] {
        let found = probe(&folder, output).to_string();
        assert!(found.contains("01:02:03:"), "{output}: {found}");
    }
    let found = notes(&folder, "covered.mp4", "named.webm").join("\n");
    assert!(found.contains("1 cover") && found.contains("the timecode"), "{found}");
}

#[test]
fn a_late_picture_gets_no_extra_frame() {
    if !is_installed() {
        return;
    }
    let folder = videos();
    ffmpeg(
        folder.path(),
        "-f lavfi -i testsrc2=s=64x48:r=12:d=1 -f lavfi -i sine=d=1 -c:v ffv1 -c:a pcm_s16le a.mkv",
        &[],
    );
    for (late, frames_before) in [("0.5", 6), ("0.25", 3), ("0.30", 3), ("0.04", 0), ("0.07", 0)] {
        let arguments = format!("-itsoffset {late} -i a.mkv -i a.mkv -map 0:v -map 1:a -c copy late-{late}.mkv");
        ffmpeg(folder.path(), &arguments, &[]);
        notes(&folder, &format!("late-{late}.mkv"), &format!("out-{late}.mkv"));
        let made = frames(&folder, &format!("out-{late}.mkv"));
        assert_eq!(made.len(), (12 + frames_before) * 3 * 64 * 48, "{late}");
    }
    // Half a frame late, in times of whole milliseconds: each frame is there once.
    ffmpeg(folder.path(), &format!("{BARS} -framerate 30000/1001 -i pipe:0 -c:v ffv1 b.mkv"), &bars(60));
    ffmpeg(folder.path(), "-itsoffset 0.0167 -i b.mkv -i a.mkv -map 0:v -map 1:a -c copy half.mkv", &[]);
    notes(&folder, "half.mkv", "out-half.mkv");
    let made = frames(&folder, "out-half.mkv");
    let made: Vec<_> = made.chunks(3 * 96 * 64).collect();
    assert_eq!((made.len(), made.windows(2).filter(|pair| differ(pair[0], pair[1])).count()), (60, 59));
}
