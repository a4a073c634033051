//! The functions of transcribed cases: from words to names of `functions`, once.

/// The name of a joiner.
pub(super) fn joiner(words: &str) -> Result<&'static str, String> {
    Ok(match words {
        "left + '+' + right, null rendered as 'null'" => "pair:+",
        "left + '-' + right, null rendered as 'null'" => "pair:-",
        "left + '|' + right, null rendered as 'null'" => "pair:|",
        "left + right (string concatenation)" => "pair:",
        "'(' + left + ',' + right + ')', null rendered as 'null'"
        | "String.format('(%s,%s)', left, right), null rendered as 'null'"
        | "FK: '(' + a + ',' + b + ')'; outer: '(' + a + ',' + fk + ')'" => "call:",
        "key + ':' + (left + (right==null?0:right)) (integers; joiner receives the key)" => "keyed_sum",
        "left + right (integer sum)" => "sum",
        other => return Err(format!("joiner {other:?}")),
    })
}

/// Where a left row of a foreign-key join finds its key.
pub(super) fn extractor(words: &str) -> Result<&'static str, String> {
    Ok(match words {
        "foreign key extractor = value.split('|')[1]" => "value_after:|",
        "int(value.split('-')[0])" => "value_until:-",
        "(key, value) -> key.split(':')[0]" => "key_until::",
        other => return Err(format!("extractor {other:?}")),
    })
}

/// By which key a stream looks into a global table.
pub(super) fn lookup(words: &str) -> Result<&'static str, String> {
    Ok(match words {
        "table key = second comma-separated token of the stream value ('X0,FKey0' -> 'FKey0'); null when there is no comma" => {
            "value_after:,"
        }
        "record key" => "key_string",
        "table key = stream value" => "value",
        other => return Err(format!("key mapper {other:?}")),
    })
}

/// A predicate on keys or values.
pub(super) fn predicate(words: &str) -> Result<&'static str, String> {
    Ok(match words {
        "predicate: value % 2 == 0" => "i64_even",
        "value equals 'accept'" => "value_is:accept",
        "key % 3 == 0" => "key_multiple:3",
        other => return Err(format!("predicate {other:?}")),
    })
}

/// A key function of a grouped table.
pub(super) fn grouper(words: &str) -> Result<&'static str, String> {
    Ok(match words {
        "identity" | "identity (same object), key type WITHOUT equality" => "key_string",
        "(k,v) -> (v,v)" | "(k,v) -> (v,v), key type WITHOUT equality" => "value",
        "key 'null' -> group key null; key 'NULL' -> mapper returns null; otherwise (value,value)" => {
            "value_unless_key_is_null"
        }
        other => return Err(format!("grouper {other:?}")),
    })
}

/// What a mapper does to keys, values or both, by the field of the step that takes it.
pub(super) fn mapper(words: &str) -> Result<&'static str, String> {
    Ok(match words {
        "for i in 0..key: (str(key*10+i), value)" => "tenfold",
        "len(value)" => "len",
        "len(value) + key" => "len_plus_key",
        "charAt(0) - 48 (digit value)" => "first_char_minus:48",
        "value[0] - 'a'" => "first_char_minus:97",
        "(key[0]-'A', value)" => "key_char_minus:65",
        "1->'ONE', 2->'TWO', 3->'THREE'" => "key_in_words",
        other => return Err(format!("mapper {other:?}")),
    })
}

/// What an aggregation does: a count, a reducer, or the aggregators of its topics.
pub(super) enum Aggregation {
    Count,
    Reduce(&'static str),
    /// The one for the first topic, and the one for the others.
    Aggregate(&'static str, &'static str),
}

pub(super) fn aggregation(words: &str) -> Result<Aggregation, String> {
    let same = |function| Aggregation::Aggregate(function, function);
    Ok(match words {
        "count" => Aggregation::Count,
        "reduce: a + '+' + b" => Aggregation::Reduce("chain:+"),
        "init '0'; aggregate + '+' + value"
        | "init '0'; adder: agg + '+' + v; subtractor: agg + '-' + v"
        | "cogroup of a single stream: aggregate + '+' + value; init '0'"
        | "cogroup of a single stream: aggregate + '+' + value; init '0'; session merger a + '+' + b" => {
            same("chain:+0")
        }
        "cogroup: topic 'left' uses aggregate + '+' + value, topic 'right' uses aggregate + '-' + value; init '0'"
        | "cogroup: topic 'left' uses aggregate + '+' + value, topic 'right' uses aggregate + '-' + value; init '0'; session merger a + '+' + b" => {
            Aggregation::Aggregate("chain:+0", "chain:-0")
        }
        "cogroup: topic one: aggregate + '-' + value; topic two: aggregate + '+' + value; init '0'" => {
            Aggregation::Aggregate("chain:-0", "chain:+0")
        }
        "cogroup: aggregate + value (string concat) for every topic; init ''"
        | "cogroup: aggregate + value (string concat) for every topic; init '' (topics one, two)" => {
            same("chain")
        }
        "cogroup: aggregate + int(value) for every topic; init 0"
        | "cogroup: topic one: aggregate + int(string value); topic two: aggregate + integer value; init 0" => {
            same("sum_of_texts")
        }
        "init 0; +1; merger sum" => same("one_more"),
        "init ''; append value then sort characters alphabetically" => same("sorted"),
        other => return Err(format!("aggregator {other:?}")),
    })
}
