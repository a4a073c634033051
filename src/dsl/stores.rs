//! Which stores a processor is connected to.

use crate::processor::{ExpiringHandle, ReadHandle, StoreHandle};

/// A list of store handles: `()`, one handle, a tuple of up to four, an array or a `Vec` of handles of one type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which stores a processor is connected to",
    label = "stores are named by their handles here, not by their names",
    note = "pass what `Builder::store` returned, several of them as a tuple, or `()` for none"
)]
pub trait Stores {
    /// The numbers of the stores in the topology.
    fn numbers(&self) -> Vec<usize>;
}

impl Stores for () {
    fn numbers(&self) -> Vec<usize> {
        Vec::new()
    }
}

impl<S> Stores for StoreHandle<S> {
    fn numbers(&self) -> Vec<usize> {
        vec![self.store]
    }
}

impl<S> Stores for ReadHandle<S> {
    fn numbers(&self) -> Vec<usize> {
        self.0.numbers()
    }
}

impl<K, V> Stores for ExpiringHandle<K, V> {
    fn numbers(&self) -> Vec<usize> {
        [self.rows.numbers(), self.index.numbers()].concat()
    }
}

impl<S, const N: usize> Stores for [StoreHandle<S>; N] {
    fn numbers(&self) -> Vec<usize> {
        self.iter().map(|handle| handle.store).collect()
    }
}

impl<S> Stores for Vec<StoreHandle<S>> {
    fn numbers(&self) -> Vec<usize> {
        self.iter().map(|handle| handle.store).collect()
    }
}

macro_rules! tuples {
    ($(($($store:ident $place:tt),+)),+) => {$(
        impl<$($store: Stores),+> Stores for ($($store,)+) {
            fn numbers(&self) -> Vec<usize> {
                [$(self.$place.numbers()),+].concat()
            }
        }
    )+};
}

tuples!((A 0), (A 0, B 1), (A 0, B 1, C 2), (A 0, B 1, C 2, D 3));
