//! Codecs read back what they wrote, and byte order is the order of what was written. A failure prints the smallest example and
//! its seed.

use std::cmp::Ordering;
use std::fmt::Debug;

use proptest::prelude::*;
use topo_state::{
    Codec, Window, WindowSize, Windowed, bincode, bytes, f64_be, i32_be, i64_be, json, session_windowed,
    u64_be, utf8, windowed,
};

fn encoded<T: 'static>(codec: &dyn Codec<T>, datum: &T) -> Vec<u8> {
    let mut out = Vec::new();
    codec.encode(datum, &mut out).unwrap();
    out
}

fn reads_back<T: Debug + PartialEq + 'static>(codec: &dyn Codec<T>, datum: T) -> Result<(), TestCaseError> {
    let bytes = encoded(codec, &datum);
    prop_assert_eq!(codec.decode(&bytes).unwrap(), datum);
    Ok(())
}

fn byte_order<T: 'static>(codec: &dyn Codec<T>, a: &T, b: &T) -> Ordering {
    encoded(codec, a).cmp(&encoded(codec, b))
}

fn window(key: String, start: i64) -> Windowed<String> {
    Windowed { key, window: Window::starting_at(start, WindowSize::millis(1_000)) }
}

proptest! {
    #[test]
    fn numbers_read_back(a: i64, b: i32, c: u64, d in proptest::num::f64::ANY) {
        reads_back(&*i64_be(), a)?;
        reads_back(&*i32_be(), b)?;
        reads_back(&*u64_be(), c)?;
        let read = f64_be().decode(&encoded(&*f64_be(), &d)).unwrap();
        prop_assert_eq!(read.to_bits(), d.to_bits());
    }

    #[test]
    fn texts_bytes_and_structures_read_back(text: String, raw: Vec<u8>, pairs: Vec<(String, i64)>) {
        reads_back(&*utf8(), text)?;
        reads_back(&*bytes(), raw)?;
        reads_back(&*json::<Vec<(String, i64)>>(), pairs.clone())?;
        reads_back(&*bincode::<Vec<(String, i64)>>(), pairs)?;
    }

    #[test]
    fn windowed_keys_read_back_and_their_last_bytes_are_the_window(key: String, start in 0_i64..1 << 50) {
        let codec = windowed(utf8(), WindowSize::millis(1_000));
        let bytes = encoded(&*codec, &window(key.clone(), start));
        prop_assert_eq!(&bytes[..bytes.len() - codec.window_bytes()], key.as_bytes());
        reads_back(&*codec, window(key, start))?;
    }

    #[test]
    fn bytes_of_another_length_are_no_number(raw: Vec<u8>) {
        prop_assert_eq!(i64_be().decode(&raw).is_ok(), raw.len() == 8);
        prop_assert_eq!(i32_be().decode(&raw).is_ok(), raw.len() == 4);
    }

    #[test]
    fn byte_order_is_the_order_of_texts_of_unsigned_and_of_numbers_of_one_sign(
        (a, b) in any::<(u64, u64)>(),
        (x, y) in any::<(i64, i64)>(),
        (s, t) in any::<(String, String)>(),
    ) {
        prop_assert_eq!(byte_order(&*u64_be(), &a, &b), a.cmp(&b));
        prop_assert_eq!(byte_order(&*utf8(), &s, &t), s.cmp(&t));
        // As Kafka's serializer writes them: negative ones behind all others.
        let negative_last = (x < 0).cmp(&(y < 0)).then(x.cmp(&y));
        prop_assert_eq!(byte_order(&*i64_be(), &x, &y), negative_last);
    }

    #[test]
    fn windows_of_a_key_lie_in_the_order_of_their_starts(
        key: String,
        (a, b) in (0_i64..1 << 50, 0_i64..1 << 50),
    ) {
        let codec = windowed(utf8(), WindowSize::millis(1_000));
        let order = byte_order(&*codec, &window(key.clone(), a), &window(key, b));
        prop_assert_eq!(order, a.cmp(&b));
    }

    #[test]
    fn sessions_of_a_key_lie_in_the_order_of_their_ends_then_of_their_starts(
        key: String,
        (start, end) in (0_i64..1 << 50, 0_i64..1 << 50),
        (other_start, other_end) in (0_i64..1 << 50, 0_i64..1 << 50),
    ) {
        let codec = session_windowed(utf8());
        let session = |start, end| Windowed { key: key.clone(), window: Window { start, end } };
        let order = byte_order(&*codec, &session(start, end), &session(other_start, other_end));
        prop_assert_eq!(order, (end, start).cmp(&(other_end, other_start)));
        prop_assert_eq!(byte_order(&*codec, &session(start, end), &session(other_start, end)), start.cmp(&other_start));
        reads_back(&*codec, session(start, end))?;
    }
}
