//! Writes results and reports on them: JSON lines on stdout if they are wanted, and a summary on stderr.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use easel_console::interrupt::{on_interrupt, quit};
use easel_console::{Results, tell};
use easel_files::write_atomically;
use easel_pictures::encode_picture;
use easel_runtime::Picture;
use image::ImageFormat;
use serde_json::json;

use super::plan::{Destination, SamplePlan};
use crate::cli::EngineNames;
use crate::error::{Error, Result, printed, written};
use crate::output::{Prepared, create_folder, write_standard};

/// The files that were written. Ctrl-C waits for one to be written and reported, then ends the program.
pub struct Report {
    is_standard: bool,
    state: Arc<Mutex<State>>,
}

struct State {
    lines: Option<Results>,
    started: Instant,
    /// The output's folders, which are removed again if they stay empty.
    prepared: Option<Prepared>,
    done: usize,
    model: Option<String>,
    engine: Option<EngineNames>,
}

/// What a file shows.
pub struct Content {
    /// Its width and height.
    pub size: [usize; 2],
    /// The pictures in it.
    pub pictures: usize,
    /// Its frames, if it is an animation.
    pub frames: Option<usize>,
}

impl Report {
    /// Handles Ctrl-C from now on.
    pub fn new(plan: &SamplePlan) -> Self {
        let lines = plan.json.then(Results::new);
        let state = State { lines, started: Instant::now(), prepared: None, done: 0, model: None, engine: None };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        on_interrupt(move || {
            // It stays locked until the process ends, so nothing is written from here on.
            let mut state = lock(&shared);
            state.prepared.take();
            state.summary(Some("interrupted"));
            tell!("interrupted; wrote {} files", state.done);
            quit()
        });
        Self { is_standard: plan.output == Destination::Standard, state }
    }

    /// Sets what the last line names, and the folders that are removed if nothing is written.
    pub fn begin(&self, model: &str, engine: EngineNames, prepared: Prepared) {
        let mut state = lock(&self.state);
        (state.model, state.engine) = (Some(model.into()), Some(engine));
        state.prepared = Some(prepared);
    }

    /// Writes a picture in a format. It shows a number of pictures.
    pub fn save(&self, path: &Path, picture: &Picture, pictures: usize, format: ImageFormat) -> Result<()> {
        let bytes = encode_picture(picture, format).map_err(|error| Error::write(path, "cannot write", &error))?;
        self.write(path, &bytes, &Content { size: [picture.width, picture.height], pictures, frames: None })
    }

    /// Writes a file, and the folder that it is in if that is missing, or to standard output.
    pub fn write(&self, path: &Path, bytes: &[u8], content: &Content) -> Result<()> {
        if self.is_standard {
            // Whoever reads it may take any time, for which Ctrl-C does not wait.
            write_standard(bytes)?;
            lock(&self.state).done += 1;
            return Ok(());
        }
        let mut state = lock(&self.state);
        let folder = path.parent().map(create_folder).transpose()?;
        written(path, write_atomically(path, bytes))?;
        folder.into_iter().for_each(Prepared::keep);
        state.done += 1;
        let Content { size: [width, height], pictures, frames } = content;
        let mut line = json!({
            "output": path.to_string_lossy(), "status": "done", "width": width, "height": height, "pictures": pictures,
        });
        if let Some(frames) = frames {
            line["frames"] = json!(frames);
        }
        state.line(&line);
        Ok(())
    }

    /// Prints the last line. Fails if the work did, or a line could not be written.
    pub fn finish<T>(&self, result: Result<T>) -> Result<T> {
        let mut state = lock(&self.state);
        let prepared = state.prepared.take();
        if result.is_ok() {
            prepared.into_iter().for_each(Prepared::keep);
        }
        let error = result.as_ref().err().map(Error::to_string);
        state.summary(error.as_deref());
        let result = result?;
        printed(state.lines.as_mut().map_or(Ok(()), Results::finish))?;
        Ok(result)
    }
}

impl State {
    fn line(&mut self, line: &serde_json::Value) {
        self.lines.iter_mut().for_each(|lines| lines.line(line));
    }

    fn summary(&mut self, error: Option<&str>) {
        let ms = self.started.elapsed().as_millis() as u64;
        let line = json!({ "summary": {
            "done": self.done, "ms": ms, "model": self.model,
            "engine": self.engine.as_ref().map(|engine| &engine.description),
            "engine_name": self.engine.as_ref().map(|engine| engine.name), "error": error,
        }});
        self.line(&line);
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
