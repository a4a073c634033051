//! Where commands print and ask. Handed in, so that tests read what a user would.

use super::Failure;
use std::io::{BufRead, IsTerminal, Write};

/// Standard input, output and error of a command.
pub struct Console<'a> {
    /// Answers to questions.
    pub input: &'a mut dyn BufRead,
    /// Results.
    pub out: &'a mut dyn Write,
    /// Messages.
    pub err: &'a mut dyn Write,
    /// Whether a person watches the output: progress bars then make sense.
    pub terminal: bool,
}

impl Console<'_> {
    /// Runs `command` with the process's own console.
    pub(super) fn of_process<T>(command: impl FnOnce(&mut Console<'_>) -> T) -> T {
        let terminal = std::io::stderr().is_terminal();
        let (mut input, mut out, mut err) = (std::io::stdin().lock(), std::io::stdout(), std::io::stderr());
        command(&mut Console { input: &mut input, out: &mut out, err: &mut err, terminal })
    }

    /// Writes a result and shows it at once.
    ///
    /// # Errors
    /// When standard output cannot be written; a reader that has gone (`| head`) ends the command quietly.
    pub fn print(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush())?)
    }

    /// Writes a message for people. A message that cannot be shown is no reason to fail.
    pub fn say(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}").and_then(|()| self.err.flush());
    }

    /// Asks a question that only `y` or `yes` answers with yes; the end of the input is a no.
    pub(super) fn confirm(&mut self, question: &str) -> bool {
        let _ = write!(self.err, "{question} [y/N] ").and_then(|()| self.err.flush());
        let mut answer = String::new();
        let _ = self.input.read_line(&mut answer);
        matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")
    }
}
