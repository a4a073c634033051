//! What may travel through a topology, and which of it may be null.
//!
//! Kafka knows null keys and null values; Rust says so with `Option`. [`Data`] joins the two: a plain type is never
//! null, `Option<T>` may be. Operators that must treat nulls specially (an aggregation drops null keys, a table reads
//! a null value as a delete) ask [`Data::present`] and get the non-null form.

use std::sync::Arc;

/// A key or a value that operators may pass on, store, and clone at a fork of the graph.
///
/// Implement it for your own types with [`data!`](crate::data!):
///
/// ```
/// #[derive(Clone)]
/// struct Order { total: i64 }
/// topo::data!(Order);
///
/// #[derive(Clone)]
/// struct Both<A, B> { one: A, other: B }
/// topo::data!(<A: topo::Data, B: topo::Data> Both<A, B>);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot travel through a topology yet",
    label = "this type does not implement `topo::Data`",
    note = "write `topo::data!({Self});` beside its definition (it must be `Clone + Send + Sync + 'static`)"
)]
pub trait Data: Clone + Send + Sync + 'static {
    /// The non-null form: `Self` for plain types, `T` for `Option<T>`.
    type Present: Data<Present = Self::Present>;

    /// The non-null form of this datum, or `None` when it is null.
    fn present(self) -> Option<Self::Present>;

    /// Borrows the non-null form.
    fn as_present(&self) -> Option<&Self::Present>;

    /// The type's null, if it has one.
    fn null() -> Option<Self>;

    /// Wraps a non-null form.
    fn of(present: Self::Present) -> Self;

    /// Whether this datum is null.
    fn is_null(&self) -> bool {
        self.as_present().is_none()
    }

    /// The datum that Kafka's optional payload stands for: `None` when the payload is null and the type is not nullable.
    fn from_present(present: Option<Self::Present>) -> Option<Self> {
        match present {
            Some(present) => Some(Self::of(present)),
            None => Self::null(),
        }
    }
}

/// Implements [`Data`](crate::Data) for types that are never null; for one generic type at a time.
#[macro_export]
macro_rules! data {
    (<$($param:ident: $bound:path),+> $type:ty) => {
        $crate::data!(@never_null [$($param: $bound),+] $type);
    };
    ($($type:ty),+ $(,)?) => {$(
        $crate::data!(@never_null [] $type);
    )+};
    (@never_null [$($param:ident: $bound:path),*] $type:ty) => {
        impl<$($param: $bound),*> $crate::Data for $type {
            type Present = Self;
            fn present(self) -> Option<Self> { Some(self) }
            fn as_present(&self) -> Option<&Self> { Some(self) }
            fn null() -> Option<Self> { None }
            fn of(present: Self) -> Self { present }
        }
    };
}

data!(
    (),
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    i8,
    i16,
    i32,
    i64,
    i128,
    f32,
    f64,
    usize,
    isize,
    std::convert::Infallible,
    String,
    Vec<u8>
);

impl<T: Data<Present = T>> Data for Option<T> {
    type Present = T;
    fn present(self) -> Option<T> {
        self
    }
    fn as_present(&self) -> Option<&T> {
        self.as_ref()
    }
    fn null() -> Option<Self> {
        Some(None)
    }
    fn of(present: T) -> Self {
        Some(present)
    }
}

data!(<A: Data, B: Data> (A, B));
data!(<A: Data, B: Data, C: Data> (A, B, C));
data!(<K: Data> topo_state::Windowed<K>);
data!(<V: Data> Change<V>);

impl<T: Send + Sync + 'static> Data for Arc<T> {
    type Present = Self;
    fn present(self) -> Option<Self> {
        Some(self)
    }
    fn as_present(&self) -> Option<&Self> {
        Some(self)
    }
    fn null() -> Option<Self> {
        None
    }
    fn of(present: Self) -> Self {
        present
    }
}

/// An update of a table's row: what it was and what it is. `None` means the row is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change<V> {
    /// The row before the update, as far as the table knows it.
    pub old: Option<V>,
    /// The row after the update; `None` deletes it.
    pub new: Option<V>,
}
