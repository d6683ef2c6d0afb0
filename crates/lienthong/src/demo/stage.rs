//! One numbered line for each thing shown, with how long it took.

use std::time::Instant;

use crate::out::Out;

/// The lines so far.
#[derive(Debug)]
pub struct Stage {
    /// Where to speak.
    pub out: Out,
    begin: Instant,
    step: Instant,
    count: usize,
    current: String,
}

impl Stage {
    /// Nothing shown yet.
    #[must_use]
    pub fn new(out: Out) -> Self {
        let now = Instant::now();
        Self { out, begin: now, step: now, count: 0, current: String::new() }
    }

    /// Begins a step: should it fail, this is its name.
    pub fn begin(&mut self, name: String) {
        self.step = Instant::now();
        self.current = name;
    }

    /// The step went well; `detail` is what was seen.
    pub fn passed(&mut self, detail: &str) {
        self.count += 1;
        let (number, name, ms) = (self.count, &self.current, self.step.elapsed().as_millis());
        let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
        self.out.line(format_args!("{number:>3}. ✓ {name}{detail}  ({ms} ms)"));
    }

    /// The step that was under way failed.
    pub fn failed(&self, error: &anyhow::Error) {
        let (number, name) = (self.count + 1, &self.current);
        self.out.line(format_args!("{number:>3}. ✗ {name}"));
        self.out.failed(error);
    }

    /// How many went well.
    #[must_use]
    pub fn count(&self) -> usize {
        self.count
    }

    /// Seconds since the beginning.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.begin.elapsed().as_secs_f64()
    }
}
