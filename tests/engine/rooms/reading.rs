//! Finds the paths a source names. It needs no parser: comments and texts are blanked, then paths from the root are read.

use std::collections::{BTreeMap, BTreeSet};

/// One source file, comments and texts blanked out.
pub(super) struct Source {
    pub(super) path: String,
    pub(super) code: String,
}

impl Source {
    pub(super) fn new(path: String, text: &str) -> Self {
        Self { path, code: blanked(text) }
    }

    /// The folder or file below `src/` it belongs to; `None` for `lib.rs` and other packages.
    pub(super) fn room(&self) -> Option<String> {
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next()?.trim_end_matches(".rs");
        (first != "lib").then(|| first.to_owned())
    }

    /// First segments of all paths that begin at the crate's root.
    pub(super) fn names_from_root(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        for start in ["crate::", "topo::"] {
            for at in starts(&self.code, start) {
                first_segments(&self.code[at + start.len()..], &mut names);
            }
        }
        for at in starts(&self.code, "super::") {
            let mut rest = &self.code[at..];
            let mut ups = 0;
            while let Some(inner) = rest.strip_prefix("super::") {
                (rest, ups) = (inner, ups + 1);
            }
            if ups == self.depth() {
                first_segments(rest, &mut names);
            }
        }
        names
    }

    /// How many `super` lead from this file to the root. A module written inside the file is one deeper; what it names
    /// through `super` is then taken for the file's own, which can only hide paths into its own room.
    fn depth(&self) -> usize {
        let segments = self.path.split('/').count() - 1;
        if self.path.ends_with("/mod.rs") { segments - 1 } else { segments }
    }

    /// `pub use room::{A, B};` -> A and B belong to the room.
    pub(super) fn reexports(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for at in starts(&self.code, "pub use ") {
            let item = self.code[at + "pub use ".len()..].split(';').next().unwrap_or_default();
            let Some((room, names)) = item.split_once("::") else { continue };
            for name in
                names.split(|it: char| !it.is_alphanumeric() && it != '_').filter(|name| !name.is_empty())
            {
                found.insert(name.to_owned(), room.to_owned());
            }
        }
        found
    }

    /// Whether the code contains a word.
    pub(super) fn has_word(&self, word: &str) -> bool {
        self.code.match_indices(word).any(|(at, _)| {
            !self.code[..at].ends_with(is_word) && !self.code[at + word.len()..].starts_with(is_word)
        })
    }
}

fn is_word(it: char) -> bool {
    it.is_alphanumeric() || it == '_'
}

/// Where `what` begins, not inside a longer word or path.
fn starts<'c>(code: &'c str, what: &'c str) -> impl Iterator<Item = usize> + 'c {
    code.match_indices(what)
        .map(|(at, _)| at)
        .filter(|at| !code[..*at].ends_with(|it| is_word(it) || it == ':'))
}

/// `a::b` names a; `{a::b, c}` names a and c.
fn first_segments(code: &str, names: &mut BTreeSet<String>) {
    let Some(list) = code.strip_prefix('{') else {
        names.insert(code.chars().take_while(|it| is_word(*it)).collect());
        return;
    };
    let (mut depth, mut item_begins) = (0, true);
    for (at, it) in list.char_indices() {
        match it {
            '}' if depth == 0 => return,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => item_begins = true,
            _ if item_begins && is_word(it) => {
                names.insert(list[at..].chars().take_while(|it| is_word(*it)).collect());
                item_begins = false;
            }
            _ => {}
        }
    }
}

/// The code with comments, texts and characters replaced by blanks.
fn blanked(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest, code.ends_with(is_word));
        if length == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            code.push(' ');
            rest = &rest[length..];
        }
    }
    code
}

/// Bytes of the comment, text or character that `rest` begins with; 0 when it begins with code.
fn skipped(rest: &str, behind_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return nested_comment(rest);
    }
    if rest.starts_with('"') {
        return text_end(rest);
    }
    if !behind_word && rest.starts_with('r') {
        let hashes = rest[1..].chars().take_while(|it| *it == '#').count();
        if rest[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = hashes + 2;
            return rest[begin..].find(&end).map_or(rest.len(), |at| begin + at + end.len());
        }
    }
    if let Some(inner) = rest.strip_prefix('\'') {
        return character_end(inner).map_or(0, |length| length + 1);
    }
    0
}

fn nested_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn text_end(rest: &str) -> usize {
    let mut escaped = false;
    for (at, it) in rest.char_indices().skip(1) {
        match it {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of a character literal without its first quote; `None` for a lifetime.
fn character_end(inner: &str) -> Option<usize> {
    if let Some(escaped) = inner.strip_prefix('\\') {
        let second = escaped.char_indices().nth(1)?.0;
        return Some(1 + second + escaped[second..].find('\'')? + 1);
    }
    let first = inner.chars().next()?;
    inner[first.len_utf8()..].starts_with('\'').then_some(first.len_utf8() + 1)
}
