//! Which items of an array are equal, and what comparing values costs. The engine's own search
//! compares pairs of a payload's choosing, because its hash is easily made to collide.

use std::hash::{DefaultHasher, Hasher as _};

use jsonschema::json::cmp;
use serde_json::Value;

/// Steps of reading a text once.
pub(super) fn text_steps(text: &str) -> u64 {
    text.len() as u64 / 16
}

/// Steps of looking at every value in `value`.
pub(super) fn weight(value: &Value) -> u64 {
    match value {
        Value::Array(items) => 1 + items.iter().map(weight).sum::<u64>(),
        Value::Object(members) => 1 + members.values().map(weight).sum::<u64>(),
        Value::String(text) => 1 + text_steps(text),
        _ => 1,
    }
}

/// The first item that equals an earlier one, behind that one. Looking at a value has to be paid
/// for; when it cannot be, nothing is found.
pub(super) fn duplicates(items: &[Value], charge: &dyn Fn(u64) -> bool) -> Option<(usize, usize)> {
    let mut hashes = Vec::with_capacity(items.len());
    for (i, item) in items.iter().enumerate() {
        let mut state = DefaultHasher::new();
        if !charge(hash(item, &mut state)) {
            return None;
        }
        hashes.push((state.finish(), i));
    }
    hashes.sort_unstable();
    let equal = |a: usize, b: usize| {
        let (a, b) = (items.get(a)?, items.get(b)?);
        charge(weight(a)).then(|| cmp::equal(a, b))
    };
    let mut found: Option<(usize, usize)> = None;
    for group in hashes.chunk_by(|a, b| a.0 == b.0) {
        for (n, (_, second)) in group.iter().enumerate().skip(1) {
            let first = group
                .iter()
                .take(n)
                .find(|(_, first)| equal(*first, *second) == Some(true));
            if let Some((_, first)) = first {
                found = found
                    .into_iter()
                    .chain([(*first, *second)])
                    .min_by_key(|(_, second)| *second);
                break;
            }
        }
    }
    found
}

/// Hashes a value so that equal ones agree, and gives the steps that it took.
fn hash(value: &Value, hasher: &mut DefaultHasher) -> u64 {
    match value {
        Value::Null => hasher.write_u8(0),
        Value::Bool(value) => hasher.write_u8(1 + u8::from(*value)),
        Value::Number(number) => {
            hasher.write_u8(3);
            // 1 and 1.0 are equal, and so are hashed alike. Above 2^53 several integers share one
            // f64; those that are not it are hashed by themselves.
            let value = number.as_f64().unwrap_or_default();
            let exact = number
                .as_i64()
                .map(i128::from)
                .or_else(|| number.as_u64().map(i128::from));
            hasher.write_u64(if value == 0.0 { 0 } else { value.to_bits() });
            hasher.write_i128(
                exact
                    .filter(|exact| *exact != value as i128)
                    .unwrap_or_default(),
            );
        }
        Value::String(text) => {
            hasher.write_u8(4);
            hasher.write_usize(text.len());
            hasher.write(text.as_bytes());
            return 1 + text_steps(text);
        }
        Value::Array(items) => {
            hasher.write_u8(5);
            hasher.write_usize(items.len());
            return 1 + items.iter().map(|item| hash(item, hasher)).sum::<u64>();
        }
        Value::Object(members) => {
            hasher.write_u8(6);
            hasher.write_usize(members.len());
            let mut members: Vec<_> = members.iter().collect();
            members.sort_unstable_by_key(|(name, _)| *name);
            return members.into_iter().fold(1, |steps, (name, member)| {
                hasher.write_usize(name.len());
                hasher.write(name.as_bytes());
                steps + 1 + text_steps(name) + hash(member, hasher)
            });
        }
    }
    1
}
