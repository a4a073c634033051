//! Joins by key need one key: said in a trait so that the compiler says it in words.

use std::convert::Infallible;
use std::marker::PhantomData;

use super::table::Table;
use crate::data::Data;

/// Keys of one type; every type is the same as itself and as nothing else.
///
/// A join by key asks for it instead of naming the type twice, so that the compiler can first settle the types in the join
/// function and then speak of the keys.
#[diagnostic::on_unimplemented(
    message = "keys of `{Self}` and keys of `{T}` never meet in a join",
    label = "this side has keys of `{T}`, the other of `{Self}`",
    note = "give both sides one key type: `rekey` the stream, `group_by` the table, or join tables by a foreign key (`fk_join`)"
)]
pub trait SameKey<T>: Sized {
    /// The table, with its key type by this name.
    #[doc(hidden)]
    fn same<'b, V: Data<Present = V>>(table: &Table<'b, T, V>) -> Table<'b, Self, V>;

    /// The key, with its type by this name.
    #[doc(hidden)]
    fn own(key: T) -> Self;
}

impl<K: Data<Present = K>> SameKey<K> for K {
    fn same<'b, V: Data<Present = V>>(table: &Table<'b, K, V>) -> Table<'b, K, V> {
        table.clone()
    }

    fn own(key: K) -> Self {
        key
    }
}

/// A key that nobody can name. With only one type that is the same as `K` the compiler would take it for granted before it
/// has looked at the table, lose the types of the join function, and complain of those.
#[doc(hidden)]
pub struct NoKey<K>(Infallible, PhantomData<K>);

impl<K: Data<Present = K>> SameKey<NoKey<K>> for K {
    fn same<'b, V: Data<Present = V>>(table: &Table<'b, NoKey<K>, V>) -> Table<'b, K, V> {
        Table::view(table.builder, table.node, table.origins.clone(), None)
    }

    fn own(key: NoKey<K>) -> Self {
        match key.0 {}
    }
}
