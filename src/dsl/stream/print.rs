//! `print`: a look at the records, on standard output.

use std::fmt::Debug;

use super::Stream;
use crate::data::Data;

impl<K: Data + Debug, V: Data + Debug> Stream<'_, K, V> {
    /// Writes each record to standard output as `[name]: key, value`, in Rust's `Debug` form, and ends there. It may be
    /// written again after a crash. For development: on a busy stream the terminal is what takes the time. Kafka Streams:
    /// `print(Printed.toSysOut())`.
    ///
    /// ```
    /// # use topo::{Builder, Topic, state::{i64_be, utf8}, testkit::Driver};
    /// let counts: Topic<String, Option<i64>> = Topic::new("counts", utf8(), i64_be());
    /// let app = Builder::new("doc");
    /// app.stream("read", &counts).print("counts");
    ///
    /// let mut driver = Driver::new(app.build()?)?;
    /// driver.pipe(&counts, "tea".to_owned(), Some(3), 0)?; // [counts]: "tea", Some(3)
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[expect(clippy::print_stdout, reason = "that is what it is for")]
    pub fn print(&self, name: &str) {
        let label = name.to_owned();
        self.for_each(name, move |key, value| println!("[{label}]: {key:?}, {value:?}"));
    }
}
