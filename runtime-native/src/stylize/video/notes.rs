//! What a user should know of a video's result.

use super::container::Container;
use super::extras::counted;
use super::probe::VideoInfo;

impl VideoInfo {
    /// What the result lacks or has been converted, a line each.
    pub fn notes(&self, container: Container, metadata: bool) -> Vec<String> {
        let mut notes = vec![];
        if let Some(name) = self.hdr() {
            notes.push(format!("{name} is tone-mapped to BT.709"));
        } else if self.is_wide() {
            notes.push("BT.2020 is converted to BT.709".into());
        }
        if self.interlaced {
            notes.push("interlaced; it is deinterlaced".into());
        }
        if self.alpha {
            notes.push("transparency is left out: frames are blended with white".into());
        }
        if self.extras.more_videos > 0 {
            let tracks = counted(self.extras.more_videos, "further video track");
            notes.push(format!("left out: {tracks}; only the first is stylized"));
        }
        let left_out = self.extras.left_out(container, metadata);
        if !left_out.is_empty() {
            notes.push(format!(
                "left out, since they are not written to .{1}: {0}",
                left_out.join(", "),
                container.extension()
            ));
        }
        notes
    }
}
