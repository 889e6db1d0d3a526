//! Reads a typed value out of the tree, and goes on after a mistake, so that one run names them all.

use serde::Deserialize;

use super::deserialize::NodeDeserializer;
use super::expand::Source;
use super::fault::{Fault, Kind};
use super::node::{Node, Segment, Value};
use crate::config::nearest::is_near;

/// Most mistakes that one run looks for.
const MOST_FAULTS: usize = 50;

/// The value that `root` holds, or all that is wrong with it.
///
/// What is at fault is taken out of the tree and the rest is read again, until it reads or nothing more can be taken out.
pub(crate) fn read<T: for<'de> Deserialize<'de>>(root: &mut Node, source: &Source<'_>) -> Result<T, Vec<Fault>> {
    let mut faults = Vec::new();
    loop {
        let fault = match T::deserialize(NodeDeserializer { node: root, source }) {
            Ok(value) if faults.is_empty() => return Ok(value),
            Ok(_) => return Err(faults),
            Err(fault) => fault.at(root.spot),
        };
        let taken_out = root.prune(&culprit(&fault));
        if !follows_from_another(&fault, root) {
            faults.push(fault);
        }
        if !taken_out || faults.len() == MOST_FAULTS {
            return Err(faults);
        }
    }
}

/// What to take out: an unknown key by itself, anything else with the value that it spoils.
fn culprit(fault: &Fault) -> Vec<Segment> {
    let mut path = fault.path();
    if let Kind::UnknownKey { key, .. } = fault.kind() {
        path.push(Segment::Key(key.clone()));
    }
    path
}

/// Whether the fault is only there because something below it was taken out for a fault of its own.
fn follows_from_another(fault: &Fault, root: &Node) -> bool {
    let Some(node) = root.at(&fault.path()) else {
        return false;
    };
    match (fault.kind(), &node.value) {
        (Kind::UnknownKey { .. }, _) => false,
        (Kind::MissingKey(missing), Value::Mapping(entries)) => entries
            .iter()
            .any(|entry| entry.value.pruned && (entry.key.text == *missing || is_near(&entry.key.text, missing))),
        _ => node.was_thinned(),
    }
}
