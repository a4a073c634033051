//! Percent encoding (RFC 3986, section 2.1) of one part of a path or query.

/// Encodes everything but the unreserved characters.
pub(crate) fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().fold(String::new(), |out, byte| match plain(byte) {
        true => out + &char::from(byte).to_string(),
        false => out + &format!("%{byte:02X}"),
    })
}

/// Decodes; `None` when a `%` is not followed by two hexadecimal digits, or the bytes are not UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => u8::try_from(digit(bytes.next())? << 4 | digit(bytes.next())?).ok()?,
            byte => byte,
        });
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back() {
        for text in ["", "a-b_c.d~", "a b/c?d=e&f%", "caf\u{e9}\n"] {
            assert_eq!(decode(&encode(text)).as_deref(), Some(text), "{}", encode(text));
        }
        assert_eq!(encode("a b/\u{e9}"), "a%20b%2F%C3%A9");
        assert_eq!([decode("%"), decode("%4"), decode("%4g"), decode("%ff")], [const { None }; 4]);
    }
}
