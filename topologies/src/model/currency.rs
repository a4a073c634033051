//! Digits after the point of a currency's minor unit (ISO 4217).

/// Currencies whose minor unit is the whole.
const WHOLE: [&str; 17] = [
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF",
    "XOF", "XPF",
];
/// Currencies with three and with four digits.
const THREE: [&str; 7] = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"];
const FOUR: [&str; 2] = ["CLF", "UYW"];

/// The exponent of a currency; `None` for what is not three capital letters.
pub(super) fn exponent(code: &str) -> Option<u8> {
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let digits = match code {
        whole if WHOLE.contains(&whole) => 0,
        three if THREE.contains(&three) => 3,
        four if FOUR.contains(&four) => 4,
        _ => 2,
    };
    Some(digits)
}
