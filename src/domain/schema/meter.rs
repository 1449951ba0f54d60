//! The payload as the engine sees it: the same document, with a meter on every look.
//!
//! A schema that looks harmless can make the engine visit a payload again and again, or collect
//! millions of violations. So each look costs a step, each violation its bytes, and when a check
//! has spent what it may, every value reads as empty: the engine comes to an end by itself, and
//! what it says from then on is not believed.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::ControlFlow;

use jsonschema::JsonType;
use jsonschema::json::{Array, Json, Node, NodeIdentity, Object, cmp};
use serde_json::{Map, Number, Value};

use super::unique::{duplicates, text_steps, weight};
use crate::limits::schema as bounds;

/// What one check may spend, and has spent.
#[derive(Debug)]
pub(super) struct Meter {
    most: u64,
    steps: Cell<u64>,
    bytes: Cell<u64>,
    spent: Cell<bool>,
    /// Levels of subschemas inside each other that the schema applies to one value.
    nesting: u32,
    /// Steps for each byte of a member name that runs through patterns.
    name_price: u64,
}

impl Meter {
    pub(super) fn new(nesting: u32, name_price: u64) -> Self {
        Self::with_most(bounds::CHECK_STEPS, nesting, name_price)
    }

    /// A meter that lets a check take at most so many steps.
    pub(super) fn with_most(most: u64, nesting: u32, name_price: u64) -> Self {
        Self {
            most,
            steps: Cell::new(0),
            bytes: Cell::new(0),
            spent: Cell::new(false),
            nesting,
            name_price,
        }
    }

    /// Whether the check was cut short.
    pub(super) fn is_spent(&self) -> bool {
        self.spent.get()
    }

    /// Steps so far.
    #[cfg(test)]
    pub(super) fn steps(&self) -> u64 {
        self.steps.get()
    }

    fn charge(&self, steps: u64) -> bool {
        let total = self.steps.get().saturating_add(steps);
        self.steps.set(total);
        if total > self.most {
            self.spent.set(true);
        }
        !self.spent.get()
    }

    fn charge_bytes(&self, bytes: u64) {
        let total = self.bytes.get().saturating_add(bytes);
        self.bytes.set(total);
        if total > bounds::VIOLATION_BYTES {
            self.spent.set(true);
        }
    }
}

/// A value of the payload with the meter of its check.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metered<'a> {
    value: &'a Value,
    /// Nothing for a member name outside a check.
    meter: Option<&'a Meter>,
    /// It is a member's name, of which the payload holds no value.
    is_name: bool,
    depth: u32,
    /// Bytes of the JSON pointer to this value, which every violation carries.
    path: u32,
}

impl<'a> Metered<'a> {
    pub(super) fn new(value: &'a Value, meter: &'a Meter) -> Self {
        Self {
            value,
            meter: Some(meter),
            is_name: false,
            depth: 0,
            path: 0,
        }
    }

    /// The text of a string, and its value.
    pub(super) fn text(&self) -> Option<(&'a str, &'a Value)> {
        self.value.as_str().map(|text| (text, self.value))
    }

    /// Whether the check may go on after this many steps more.
    pub(super) fn charge(&self, steps: u64) -> bool {
        self.meter.is_none_or(|meter| meter.charge(steps))
    }

    fn child(&self, value: &'a Value, name: usize) -> Self {
        let depth = self.depth + 1;
        if let Some(meter) = self.meter
            && depth * meter.nesting > bounds::FRAMES
        {
            meter.spent.set(true);
        }
        Self {
            value,
            meter: self.meter,
            is_name: false,
            depth,
            path: self.path.saturating_add(name as u32 + 1),
        }
    }

    fn charge_name(&self, name: &str) -> bool {
        let price = self.meter.map_or(0, |meter| meter.name_price);
        self.charge((1 + text_steps(name)).saturating_add(price.saturating_mul(name.len() as u64)))
    }
}

/// The representation for [`Metered`] values.
#[derive(Debug)]
pub(super) struct Bounded;

impl Json for Bounded {
    type Node<'a> = Metered<'a>;
    type PreparedKey = String;
    type StringBuffer = Value;

    const KEYS_PER_LOOKUP: usize = 2;
    const ACYCLIC: bool = true;

    fn prepare_key(key: &str) -> String {
        key.to_owned()
    }

    fn with_string_node<T>(
        buffer: &mut Value,
        string: &str,
        f: impl FnOnce(Metered<'_>) -> T,
    ) -> T {
        *buffer = Value::String(string.to_owned());
        f(Metered {
            value: buffer,
            meter: None,
            is_name: true,
            depth: 0,
            path: 0,
        })
    }
}

impl<'a> Node<'a, Bounded> for Metered<'a> {
    type Object = Members<'a>;
    type Array = Items<'a>;
    type Number = &'a Number;

    fn as_object(&self) -> Option<Members<'a>> {
        let members = self.value.as_object()?;
        self.charge(1).then_some(Members {
            members,
            node: *self,
        })
    }

    fn as_array(&self) -> Option<Items<'a>> {
        let items = self.value.as_array()?;
        self.charge(1).then_some(Items { items, node: *self })
    }

    fn as_string(&self) -> Option<Cow<'a, str>> {
        let text = self.value.as_str()?;
        self.charge(1 + text_steps(text))
            .then_some(Cow::Borrowed(text))
    }

    fn as_number(&self) -> Option<&'a Number> {
        let Value::Number(number) = self.value else {
            return None;
        };
        self.charge(1).then_some(number)
    }

    fn as_boolean(&self) -> Option<bool> {
        self.charge(1);
        self.value.as_bool()
    }

    fn is_null(&self) -> bool {
        self.charge(1);
        self.value.is_null()
    }

    fn json_type(&self) -> JsonType {
        self.charge(1);
        match self.value {
            Value::Null => JsonType::Null,
            Value::Bool(_) => JsonType::Boolean,
            Value::Number(_) => JsonType::Number,
            Value::String(_) => JsonType::String,
            Value::Array(_) => JsonType::Array,
            Value::Object(_) => JsonType::Object,
        }
    }

    fn equals_value(&self, expected: &Value) -> bool {
        // Comparing two containers costs at most what the schema's own one holds.
        let both_large = expected.is_object() || expected.is_array();
        self.charge(1 + if both_large { weight(expected) } else { 0 })
            && cmp::equal(self.value, expected)
    }

    /// Nothing: violations are told from the payload itself, and the engine copies this value once
    /// for every alternative that it tried.
    fn to_value(&self) -> Cow<'a, Value> {
        if let Some(meter) = self.meter {
            let mut bytes = 512 + u64::from(self.path) + u64::from(self.depth * meter.nesting) * 16;
            if let Value::Object(members) = self.value {
                // The engine lists the names of unexpected members.
                bytes += members
                    .keys()
                    .map(|name| 48 + name.len() as u64)
                    .sum::<u64>();
                meter.charge(members.len() as u64);
            }
            meter.charge_bytes(bytes);
            if meter.is_spent() {
                return Cow::Borrowed(NOT_BELIEVED);
            }
        }
        match self.value {
            Value::String(text) if self.is_name => Cow::Owned(Value::from(super::check::cut(text))),
            _ => Cow::Borrowed(&Value::Null),
        }
    }

    fn identity(&self) -> Option<NodeIdentity> {
        Some(NodeIdentity::new(std::ptr::from_ref(self.value).addr()))
    }
}

/// What a violation holds that was found after the check had spent what it may.
pub(super) const NOT_BELIEVED: &Value = &Value::Bool(false);

/// The members of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Members<'a> {
    members: &'a Map<String, Value>,
    node: Metered<'a>,
}

/// Objects up to this size are searched faster member by member than by hashing the name.
const SMALL: usize = 16;

impl<'a> Object<'a, Bounded> for Members<'a> {
    type Node = Metered<'a>;
    type MemberName = &'a str;
    type MembersIter = MembersIter<'a>;

    fn len(&self) -> usize {
        self.members.len()
    }

    fn get(&self, key: &String) -> Option<Metered<'a>> {
        if !self.node.charge(1) {
            return None;
        }
        let found = if self.members.len() <= SMALL {
            self.members
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value)
        } else {
            self.members.get(key)
        };
        found.map(|value| self.node.child(value, key.len()))
    }

    fn members(&self) -> MembersIter<'a> {
        MembersIter {
            members: self.members.iter(),
            node: self.node,
        }
    }

    fn try_for_each_name_node<B>(
        &self,
        buffer: &mut Value,
        mut f: impl FnMut(Metered<'_>) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        for name in self.members.keys() {
            if !self.node.charge_name(name) {
                break;
            }
            *buffer = Value::String(name.clone());
            let Metered {
                meter, depth, path, ..
            } = self.node;
            f(Metered {
                value: buffer,
                meter,
                is_name: true,
                depth,
                path,
            })?;
        }
        ControlFlow::Continue(())
    }
}

/// Iterates over members until the check has spent what it may.
#[derive(Debug)]
pub(super) struct MembersIter<'a> {
    members: serde_json::map::Iter<'a>,
    node: Metered<'a>,
}

impl<'a> Iterator for MembersIter<'a> {
    type Item = (&'a str, Metered<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value) = self.members.next()?;
        self.node
            .charge_name(name)
            .then(|| (name.as_str(), self.node.child(value, name.len())))
    }
}

/// The items of an array.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items<'a> {
    items: &'a [Value],
    node: Metered<'a>,
}

impl<'a> Array<'a, Bounded> for Items<'a> {
    type Node = Metered<'a>;
    type ElementsIter = ItemsIter<'a>;

    fn len(&self) -> usize {
        self.items.len()
    }

    fn elements(&self) -> ItemsIter<'a> {
        ItemsIter {
            items: self.items.iter(),
            node: self.node,
        }
    }

    fn is_unique(&self) -> bool {
        duplicates(self.items, &|steps| self.node.charge(steps)).is_none()
    }
}

/// Iterates over items until the check has spent what it may.
#[derive(Debug)]
pub(super) struct ItemsIter<'a> {
    items: std::slice::Iter<'a, Value>,
    node: Metered<'a>,
}

impl<'a> Iterator for ItemsIter<'a> {
    type Item = Metered<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.items.next()?;
        self.node.charge(1).then(|| self.node.child(value, 8))
    }
}
